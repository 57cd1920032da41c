//! Prompts from conversations: the Jinja templates that come with models.
//!
//! Templates are written for Hugging Face's `apply_chat_template`
//! (<https://huggingface.co/docs/transformers/chat_templating>): the same names, filters and functions
//! are here. They are strangers' programs, so a run has limits.

mod content;
mod date;
mod environment;
mod error;
mod json;
mod tool_format;

use std::{collections::BTreeMap, time::SystemTime};

use minijinja::{Environment, Value, value::Serde};
use serde_json::{Map, Value as Json};

pub use error::ChatError;
pub use tool_format::ToolFormat;

use crate::tokenizer::SpecialTexts;
use content::ContentForm;

const NAME: &str = "chat_template";
/// What every rendering may do at least: about as many steps, or 64 times as many bytes.
const FUEL_MIN: u64 = 500_000;
/// The largest templates are some tens of kilobytes.
const SOURCE_BYTES_MAX: usize = 1 << 20;
/// Put behind the last message to find where it ends, if it is to be continued.
const CONTINUATION_MARK: &str = "<|hone:continue-here|>";

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    special: SpecialTexts,
    content: ContentForm,
    tool_format: ToolFormat,
}

/// What a prompt is made of.
#[derive(Clone, Debug)]
pub struct ChatPrompt {
    /// The conversation: an array of objects with `role` and `content`, a text or an array of parts.
    pub messages: Json,
    /// What the model may call: an array of JSON schemas.
    pub tools: Option<Json>,
    /// Texts to answer from: an array of objects with `title` and `text`.
    pub documents: Option<Json>,
    /// The prompt ends where the assistant's next message begins.
    pub add_generation_prompt: bool,
    /// The prompt ends where the last message ends, so that the model continues it.
    pub continue_final_message: bool,
    /// More variables of the template, such as `enable_thinking`.
    pub extra: Map<String, Json>,
    /// For templates that tell the model the date.
    pub now: SystemTime,
}

impl ChatTemplate {
    /// Compiles `source`, which sees `special` as `bos_token`, `eos_token` and so on.
    ///
    /// # Errors
    ///
    /// The template is too long or is no valid Jinja.
    pub fn new(source: &str, special: SpecialTexts) -> Result<Self, ChatError> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(ChatError::TooLong { found: source.len(), limit: SOURCE_BYTES_MAX });
        }
        let mut environment = environment::new();
        let compiled = environment.add_template_owned(NAME, environment::plain_tags(source));
        compiled.map_err(ChatError::invalid)?;
        let (content, tool_format) = (ContentForm::of(source), ToolFormat::of(source));
        Ok(Self { environment, special, content, tool_format })
    }

    /// The prompt of a conversation.
    ///
    /// # Errors
    ///
    /// The template refuses the conversation, or goes beyond its limits; both are for the client to know.
    pub fn render(&self, prompt: &ChatPrompt) -> Result<String, ChatError> {
        let mut messages = self.content.adapt(&prompt.messages)?;
        if prompt.continue_final_message {
            content::mark_end(&mut messages, CONTINUATION_MARK)?;
        }
        let context = self.context(&messages, prompt);
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(FUEL_MIN + size_of_input(&messages, prompt)));
        environment.add_function("strftime_now", date::strftime_at(prompt.now));
        let template = environment.get_template(NAME).map_err(ChatError::invalid)?;
        let mut text = template.render(context).map_err(ChatError::of_rendering)?;
        if prompt.continue_final_message {
            let end = text.rfind(CONTINUATION_MARK).ok_or(ChatError::NotContinuable)?;
            text.truncate(end);
        }
        Ok(text)
    }

    /// How the model writes calls of tools.
    #[must_use]
    pub fn tool_format(&self) -> ToolFormat {
        self.tool_format
    }

    fn context(&self, messages: &Json, prompt: &ChatPrompt) -> Value {
        let SpecialTexts { bos, eos, unknown, padding } = &self.special;
        let special = [
            ("bos_token", bos),
            ("eos_token", eos),
            ("unk_token", unknown),
            ("pad_token", padding),
        ];
        let special = special.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
        let special = special.map(|(name, text)| (name.to_owned(), Value::from(text.as_str())));
        let given = prompt.extra.iter();
        let given = given.map(|(name, value)| (name.clone(), Value::from(Serde(value))));
        let fixed = [
            ("messages", Value::from(Serde(messages))),
            ("tools", Value::from(Serde(&prompt.tools))),
            ("documents", Value::from(Serde(&prompt.documents))),
            ("add_generation_prompt", Value::from(prompt.add_generation_prompt)),
        ];
        let fixed = fixed.into_iter().map(|(name, value)| (name.to_owned(), value));
        let all: BTreeMap<String, Value> = special.chain(given).chain(fixed).collect();
        Value::from(all)
    }
}

/// Long conversations need more steps: a unit of fuel for every byte is a hundred times what copying
/// the text costs.
fn size_of_input(messages: &Json, prompt: &ChatPrompt) -> u64 {
    let parts = [Some(messages), prompt.tools.as_ref(), prompt.documents.as_ref()];
    parts.into_iter().flatten().map(json::text_bytes).sum()
}

#[cfg(test)]
mod tests;
