use std::path::Path;

use serde_json::Value;

use super::{documents, files, limited, read_text};
use crate::{BuildError, ChatMessage};

/// One prompt or conversation from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptRecord {
    /// What is sent with the first request.
    pub messages: Vec<ChatMessage>,
    /// What the user says after each answer, in sessions.
    pub later_turns: Vec<String>,
    /// Tokens to generate, if the file says.
    pub output_tokens: Option<u64>,
}

/// Reads prompts: a line of a `.txt` file each, or JSON documents of one of the forms
/// `{"prompt": "..."}`, `{"messages": [{"role", "content"}]}`, `{"turns": ["...", "..."]}`, each with
/// `max_tokens` or without.
///
/// # Errors
///
/// Says in which file and line what is wrong.
pub fn read_prompts(path: &Path) -> Result<Vec<PromptRecord>, BuildError> {
    let mut records = Vec::new();
    for file in files(path)? {
        if file.extension().is_some_and(|extension| extension == "txt") {
            let text = read_text(&file)?;
            records.extend(text.lines().filter(|line| !line.trim().is_empty()).map(single));
            continue;
        }
        for (place, document) in documents(&file)? {
            records.push(prompt_of(&document).ok_or_else(|| {
                BuildError(format!(
                    "{place}: no prompt; expected \"prompt\" (text), \"messages\" (role and content) or \
                     \"turns\" (texts)"
                ))
            })?);
        }
    }
    limited(path, records)
}

fn single(prompt: &str) -> PromptRecord {
    PromptRecord { messages: vec![said(prompt)], ..PromptRecord::default() }
}

fn said(text: &str) -> ChatMessage {
    ChatMessage { role: "user".to_owned(), content: text.to_owned() }
}

/// The prompt that a document of JSON holds; `None` if it holds none.
#[must_use]
pub fn prompt_of(document: &Value) -> Option<PromptRecord> {
    let output_tokens =
        document["max_tokens"].as_u64().or_else(|| document["output_length"].as_u64());
    let mut record = if let Some(prompt) = document["prompt"].as_str() {
        single(prompt)
    } else if let Some(messages) = document["messages"].as_array() {
        let messages = messages.iter().map(message).collect::<Option<_>>()?;
        PromptRecord { messages, ..PromptRecord::default() }
    } else {
        let turns = document["turns"].as_array()?;
        let turns: Vec<&str> = turns.iter().map(Value::as_str).collect::<Option<_>>()?;
        let (first, later) = turns.split_first()?;
        let later_turns = later.iter().map(ToString::to_string).collect();
        PromptRecord { later_turns, ..single(first) }
    };
    record.output_tokens = output_tokens;
    Some(record)
}

fn message(message: &Value) -> Option<ChatMessage> {
    let text = |key: &str| message[key].as_str().map(str::to_owned);
    Some(ChatMessage { role: text("role")?, content: text("content")? })
}
