//! Server-sent events of a streamed completion.

use anyhow::{Context, Result};
use serde::Deserialize;

/// Counts of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(in crate::llm) struct Usage {
    pub(in crate::llm) prompt_tokens: u64,
    pub(in crate::llm) completion_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

impl Usage {
    /// Tokens of the prompt that were not computed again, if the server tells.
    pub(in crate::llm) fn cached_tokens(&self) -> Option<u64> {
        self.prompt_tokens_details?.cached_tokens
    }
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Text has come, or a token without text of its own.
    Piece,
    /// The last one of an answer.
    Usage(Usage),
    /// The answer ends here, unfinished.
    Error(String),
    /// Nothing that matters here.
    Other,
}

/// Cuts a body into events.
#[derive(Debug, Default)]
pub(super) struct Events {
    rest: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Document {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    text: String,
    finish_reason: Option<String>,
}

impl Events {
    /// Takes the next bytes; returns what has become whole with them.
    ///
    /// # Errors
    ///
    /// An event is no JSON.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = line.trim_ascii_end();
            if let Some(data) = line.strip_prefix(b"data:") {
                read(data.trim_ascii(), &mut events)?;
            } else if line.starts_with(b"error:") {
                events.push(Event::Error(String::from_utf8_lossy(line).into_owned()));
            }
        }
        Ok(events)
    }
}

fn read(data: &[u8], events: &mut Vec<Event>) -> Result<()> {
    if data == b"[DONE]" {
        events.push(Event::Other);
        return Ok(());
    }
    let document: Document = serde_json::from_slice(data)
        .with_context(|| format!("an event is no JSON: {}", String::from_utf8_lossy(data)))?;
    if let Some(error) = document.error {
        events.push(Event::Error(error.to_string()));
    }
    // Some servers end with an event that has a reason and no text, others put both in one.
    let is_piece = |choice: &Choice| choice.finish_reason.is_none() || !choice.text.is_empty();
    events.push(if document.choices.iter().any(is_piece) { Event::Piece } else { Event::Other });
    events.extend(document.usage.map(Event::Usage));
    Ok(())
}

#[cfg(test)]
mod tests;
