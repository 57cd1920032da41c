//! From texts and conversations to tokens. Long ones are worked on off the network's threads.

use std::sync::Arc;

use protocol::openai::{Conversation, Prompt, TemplateFields, Tool};
use serde_json::Value;
use serving::{Chat, EncodeOptions, ErrorKind, Model, ServeError};

use super::lookup::face;
use crate::http::{answer::Exchange, refusal::Refusal};

/// Tokenising a byte takes as long as reading so many bytes of numbers: a text of 8 KiB takes about
/// a millisecond and a half.
const BYTE_EFFORT: usize = 32;

/// Tokens of a prompt, and its text if that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Encoded {
    pub(super) tokens: Vec<u32>,
    pub(super) text: String,
}

/// A conversation in the model's own form.
///
/// # Errors
///
/// The model has no template, or its template refuses the conversation.
pub(super) async fn of_chat(
    exchange: &Exchange,
    model: &Arc<Model>,
    conversation: Conversation,
    template: TemplateFields,
    tools: &[Tool],
) -> Result<Encoded, Refusal> {
    let TemplateFields { add_generation_prompt, continue_final_message, add_special_tokens, extra } =
        template;
    let effort = conversation.messages.iter().map(effort).sum::<usize>();
    let tools = tools.iter().map(Tool::to_template).collect::<Vec<_>>();
    let chat = Chat {
        messages: Value::Array(conversation.messages),
        tools: (!tools.is_empty()).then_some(Value::Array(tools)),
        add_generation_prompt,
        continue_final_message,
        extra,
    };
    let options = EncodeOptions { add_special: add_special_tokens, parse_special: true };
    let model = Arc::clone(model);
    let work = move || {
        let text = face(&model).render(&chat)?;
        let tokens = face(&model).encode(&text, options)?;
        Ok(Encoded { tokens, text })
    };
    let encoded: Result<_, ServeError> =
        exchange.context().offload.run(effort * BYTE_EFFORT, work).await;
    encoded.map_err(|error| about(error, "messages"))
}

/// Texts, or tokens that have to be in the vocabulary. The texts come back if `with_texts`.
///
/// # Errors
///
/// A text is longer than any context; a token is none.
pub(super) async fn of_prompts(
    exchange: &Exchange,
    model: &Arc<Model>,
    prompts: Vec<Prompt>,
    options: EncodeOptions,
    with_texts: bool,
) -> Result<Vec<Encoded>, Refusal> {
    let effort = prompts.iter().map(Prompt::effort).sum::<usize>();
    let model = Arc::clone(model);
    let work = move || {
        let prompts = prompts.into_iter();
        prompts.map(|prompt| encode(&model, prompt, options, with_texts)).collect()
    };
    let encoded: Result<_, ServeError> =
        exchange.context().offload.run(effort * BYTE_EFFORT, work).await;
    encoded.map_err(|error| about(error, "prompt"))
}

fn encode(
    model: &Model,
    prompt: Prompt,
    options: EncodeOptions,
    with_text: bool,
) -> Result<Encoded, ServeError> {
    match prompt {
        Prompt::Text(text) => {
            let tokens = match model.text_encoder() {
                Some(encoder) => encoder.encode(&text)?,
                None => face(model).encode(&text, options)?,
            };
            Ok(Encoded { tokens, text })
        }
        // Whoever sends an encoder tokens has added those around the text.
        Prompt::Tokens(tokens) if model.text_encoder().is_some() => {
            Ok(Encoded { tokens, text: String::new() })
        }
        Prompt::Tokens(tokens) => {
            let vocabulary = face(model).card().vocabulary;
            if let Some(token) = tokens.iter().find(|token| **token as usize >= vocabulary) {
                return Err(ServeError::invalid(format!(
                    "`prompt` has token {token}; the model has {vocabulary}"
                )));
            }
            let text = if with_text { face(model).decode(&tokens, false)? } else { String::new() };
            Ok(Encoded { tokens, text })
        }
    }
}

/// An error of the model about a field that only the front end knows.
pub(super) fn about(error: ServeError, param: &str) -> Refusal {
    let is_callers = error.kind() == ErrorKind::InvalidArgument;
    let refusal = Refusal::from(error);
    if is_callers { refusal.with_param(param).with_code("invalid_value") } else { refusal }
}

/// Bytes of a message's content.
fn effort(message: &Value) -> usize {
    message.get("content").and_then(Value::as_str).map_or(0, str::len)
}
