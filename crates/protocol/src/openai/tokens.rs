//! `POST /tokenize` and `POST /detokenize` of vLLM.

use super::{
    Conversation, RequestFault, TemplateFields, Tools,
    fields::{Fields, token},
    tools,
};

/// Tokens of a request.
const TOKENS_MAX: usize = 1 << 22;

/// A request for the tokens of a text or a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenizeRequest {
    /// The model's name; empty if the request leaves it open.
    pub model: String,
    /// What becomes tokens.
    pub source: TokenSource,
    /// Whether the texts of the tokens are told too.
    pub return_token_strs: bool,
}

/// What becomes tokens.
#[derive(Clone, Debug, PartialEq)]
pub enum TokenSource {
    /// A text.
    Text {
        /// It.
        text: String,
        /// Whether tokens around it are added.
        add_special_tokens: bool,
    },
    /// A conversation, through the model's template.
    Chat(Box<ChatSource>),
}

/// A conversation that becomes tokens.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatSource {
    /// The conversation.
    pub conversation: Conversation,
    /// What else the template gets.
    pub template: TemplateFields,
    /// Functions that may be called.
    pub tools: Tools,
}

/// A request for the text of tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DetokenizeRequest {
    /// The model's name; empty if the request leaves it open.
    pub model: String,
    /// The tokens.
    pub tokens: Vec<u32>,
}

impl TokenizeRequest {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong.
    pub fn read(body: &[u8]) -> Result<Self, RequestFault> {
        let mut fields = Fields::read(body)?;
        let model = fields.string("model")?.unwrap_or_default();
        let return_token_strs = fields.flag("return_token_strs")?.unwrap_or(false);
        let source = if fields.has("messages") {
            TokenSource::Chat(Box::new(ChatSource {
                conversation: Conversation::read(&mut fields)?,
                template: TemplateFields::read(&mut fields)?,
                tools: Tools::read(&mut fields, tools::nested)?,
            }))
        } else {
            let text = fields.string("prompt")?;
            TokenSource::Text {
                text: text.ok_or_else(|| fields.fault("prompt", "is missing"))?,
                add_special_tokens: fields.flag("add_special_tokens")?.unwrap_or(true),
            }
        };
        fields.finish()?;
        Ok(Self { model, source, return_token_strs })
    }
}

impl DetokenizeRequest {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong.
    pub fn read(body: &[u8]) -> Result<Self, RequestFault> {
        let mut fields = Fields::read(body)?;
        let model = fields.string("model")?.unwrap_or_default();
        let tokens = fields.list("tokens", TOKENS_MAX, token)?;
        let tokens = tokens.ok_or_else(|| fields.fault("tokens", "is missing"))?;
        fields.finish()?;
        Ok(Self { model, tokens })
    }
}

#[cfg(test)]
mod tests;
