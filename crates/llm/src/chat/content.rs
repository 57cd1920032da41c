//! The forms that the content of messages has.

use serde_json::Value as Json;

use super::ChatError;

/// What a template takes as the content of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentForm {
    /// A text; parts are joined before.
    Text,
    /// Also an array of parts, each with its type.
    Parts,
}

/// What templates that look into parts ask of them.
const QUESTIONS: [&str; 8] = [
    "['type'] == 'text'",
    "[\"type\"] == \"text\"",
    ".type == 'text'",
    ".type == \"text\"",
    "['type'] == 'image'",
    ".type == 'image'",
    ".type == \"image\"",
    "[\"type\"] == \"image\"",
];

impl ContentForm {
    pub(super) fn of(source: &str) -> Self {
        let asks = QUESTIONS.iter().any(|question| source.contains(question));
        if asks { Self::Parts } else { Self::Text }
    }

    /// The messages in the form that the template takes.
    pub(super) fn adapt(self, messages: &Json) -> Result<Json, ChatError> {
        let wrong = || problem("the messages are no array".to_owned());
        let messages = messages.as_array().ok_or_else(wrong)?;
        let adapted = messages.iter().enumerate().map(|(index, message)| {
            let mut message = message.clone();
            let wrong = || problem(format!("message {index} is no object"));
            let fields = message.as_object_mut().ok_or_else(wrong)?;
            if let (Self::Text, Some(Json::Array(parts))) = (self, fields.get("content")) {
                let text = joined(index, parts)?;
                fields.insert("content".to_owned(), text.into());
            }
            Ok(message)
        });
        adapted.collect()
    }
}

/// The texts of parts, a line each.
fn joined(index: usize, parts: &[Json]) -> Result<String, ChatError> {
    let texts = parts.iter().map(|part| {
        let text = part.as_str().or_else(|| part.get("text")?.as_str());
        text.ok_or_else(|| {
            let kind = part.get("type").and_then(Json::as_str).unwrap_or("unknown");
            problem(format!(
                "message {index} has a part of type `{kind}`; the model takes text only"
            ))
        })
    });
    Ok(texts.collect::<Result<Vec<_>, _>>()?.join("\n"))
}

/// Puts `mark` behind the text of the last message.
pub(super) fn mark_end(messages: &mut Json, mark: &str) -> Result<(), ChatError> {
    let text = messages.as_array_mut().and_then(|messages| last_text(messages.last_mut()?));
    let wrong =
        || problem("there is no text in the last message that could be continued".to_owned());
    let Json::String(text) = text.ok_or_else(wrong)? else { return Err(wrong()) };
    text.push_str(mark);
    Ok(())
}

fn last_text(message: &mut Json) -> Option<&mut Json> {
    match message.get_mut("content")? {
        Json::Array(parts) => parts.iter_mut().rev().find_map(|part| part.get_mut("text")),
        text => Some(text),
    }
}

fn problem(problem: String) -> ChatError {
    ChatError::Messages { problem }
}
