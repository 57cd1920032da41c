use std::time::Instant;

use serde::Deserialize;

use super::{CallError, http::excerpt};
use crate::{FailureKind, request::GenerationKind};

/// Bytes of one event at most.
const EVENT_BYTES_MAX: usize = 16 << 20;

/// Tokens of one answer at most.
const TOKENS_MAX: usize = 1 << 20;

/// When the pieces of a generation came, and how many tokens it took.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Generation {
    /// Each piece of text or of a tool call, in order.
    pub(crate) pieces: Vec<Instant>,
    /// From the server's `usage`.
    pub(crate) prompt_tokens: Option<u64>,
    /// From the server's `usage`; without it, pieces are what is known.
    pub(crate) output_tokens: Option<u64>,
    /// The text, for the next turn of a conversation.
    pub(crate) text: String,
}

/// Reads a stream of server-sent events as OpenAI's API sends them.
#[derive(Debug)]
pub(crate) struct GenerationReader {
    kind: GenerationKind,
    /// The line that is not whole yet.
    line: Vec<u8>,
    /// `data` of the event that is not whole yet.
    data: Vec<u8>,
    generation: Generation,
    is_done: bool,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    /// Of a streamed chat.
    delta: Option<Message>,
    /// Of a chat that is not streamed.
    message: Option<Message>,
    /// Of a completion.
    text: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    /// Servers of reasoning models send thoughts apart from the content.
    #[serde(alias = "reasoning")]
    reasoning_content: Option<String>,
    tool_calls: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

impl Choice {
    /// The text, if the choice holds anything that a token makes.
    fn text(&self) -> Option<&str> {
        let message = self.delta.as_ref().or(self.message.as_ref());
        let of_message = message.and_then(|message| {
            let texts = [&message.content, &message.reasoning_content];
            let text = texts.into_iter().flatten().find(|text| !text.is_empty());
            text.map(String::as_str).or_else(|| message.tool_calls.as_ref().map(|_| ""))
        });
        of_message.or(self.text.as_deref().filter(|text| !text.is_empty()))
    }
}

impl GenerationKind {
    /// Reads an answer that came as one document.
    pub(crate) fn read_whole(self, body: &[u8], at: Instant) -> Result<Generation, CallError> {
        let mut generation = Generation::default();
        take_document(body, at, &mut generation)?;
        if self == Self::Embedding {
            generation.pieces.clear();
            generation.output_tokens = None;
        }
        Ok(generation)
    }
}

fn take_document(data: &[u8], at: Instant, into: &mut Generation) -> Result<(), CallError> {
    let document: Document = serde_json::from_slice(data).map_err(|error| {
        let text = String::from_utf8_lossy(data);
        let message = format!("no answer of OpenAI's API ({error}): {}", excerpt(&text));
        CallError::new(FailureKind::Transport, message)
    })?;
    if let Some(error) = document.error {
        return Err(CallError::new(FailureKind::Server, excerpt(&error.to_string())));
    }
    let texts: Vec<&str> = document.choices.iter().filter_map(Choice::text).collect();
    if !texts.is_empty() && into.pieces.len() < TOKENS_MAX {
        into.pieces.push(at);
        into.text.push_str(texts[0]);
    }
    if let Some(usage) = document.usage {
        into.prompt_tokens = usage.prompt_tokens.or(into.prompt_tokens);
        into.output_tokens = usage.completion_tokens.or(into.output_tokens);
    }
    Ok(())
}

impl GenerationReader {
    pub(crate) fn new(kind: GenerationKind) -> Self {
        let generation = Generation::default();
        Self { kind, line: Vec::new(), data: Vec::new(), generation, is_done: false }
    }

    /// Takes bytes as they came, with the time of their arrival.
    pub(crate) fn take(&mut self, bytes: &[u8], at: Instant) -> Result<(), CallError> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() + self.data.len() > EVENT_BYTES_MAX {
                return Err(CallError::transport(&"an event of the stream is too long"));
            }
            if piece.ends_with(b"\n") {
                self.end_line(at)?;
            }
        }
        Ok(())
    }

    fn end_line(&mut self, at: Instant) -> Result<(), CallError> {
        let line = self.line.trim_ascii_end();
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            self.line.clear();
            return self.end_event(&data, at);
        }
        if let Some(data) = line.strip_prefix(b"data:") {
            self.data.extend_from_slice(data.trim_ascii_start());
        }
        self.line.clear();
        Ok(())
    }

    fn end_event(&mut self, data: &[u8], at: Instant) -> Result<(), CallError> {
        if data == b"[DONE]" {
            self.is_done = true;
        } else if !data.is_empty() {
            take_document(data, at, &mut self.generation)?;
        }
        Ok(())
    }

    /// What came, once the stream has ended.
    ///
    /// # Errors
    ///
    /// The stream ended before it said so.
    pub(crate) fn finish(self) -> Result<Generation, CallError> {
        if !self.is_done {
            let message = format!("the {} stream ended without [DONE]", self.kind.name());
            return Err(CallError::transport(&message));
        }
        Ok(self.generation)
    }
}

#[cfg(test)]
mod tests;
