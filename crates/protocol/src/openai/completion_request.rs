use serde_json::Value;

use super::{
    GenerationFields, RequestFault,
    fields::{Fields, list_of, text, token},
    generation::LOGPROBS_MAX,
};

/// Prompts of a request.
pub(super) const PROMPTS_MAX: usize = 2048;

/// Tokens of a prompt; the context is the real limit.
const PROMPT_TOKENS_MAX: usize = 1 << 22;

/// Tokens of an answer to a request that does not say.
const MAX_TOKENS_DEFAULT: usize = 16;

/// `POST /v1/completions`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompletionRequest {
    /// What is generated and how.
    pub generation: GenerationFields,
    /// What is continued; at least one.
    pub prompts: Vec<Prompt>,
    /// Whether an answer begins with its prompt.
    pub echo: bool,
    /// Whether tokens around a text are added to prompts.
    pub add_special_tokens: bool,
}

/// What is continued, or embedded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A text.
    Text(String),
    /// Tokens.
    Tokens(Vec<u32>),
}

impl CompletionRequest {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong.
    pub fn read(body: &[u8]) -> Result<Self, RequestFault> {
        let mut fields = Fields::read(body)?;
        if fields.has("suffix") {
            return Err(fields.fault("suffix", "is not supported: the model continues texts only"));
        }
        let echo = fields.flag("echo")?.unwrap_or(false);
        let logprobs = fields.count("logprobs", 0..=LOGPROBS_MAX)?;
        let prompts = prompts(&mut fields, "prompt")?;
        let add_special_tokens = fields.flag("add_special_tokens")?.unwrap_or(true);
        let least = usize::from(!echo);
        let mut generation = GenerationFields {
            logprobs,
            ..GenerationFields::read(&mut fields, &["max_tokens"], least)?
        };
        let default = MAX_TOKENS_DEFAULT.max(generation.stop.min_tokens);
        generation.max_tokens_default = Some(default);
        fields.finish()?;
        if echo && logprobs.is_some() && generation.prompt_logprobs.is_none() {
            generation.prompt_logprobs = logprobs;
        }
        Ok(Self { generation, prompts, echo, add_special_tokens })
    }
}

/// A text, texts, tokens, or lists of tokens.
pub(super) fn prompts(fields: &mut Fields, name: &str) -> Result<Vec<Prompt>, RequestFault> {
    let path = fields.path(name);
    let prompts = match fields.value(name) {
        None => return Err(RequestFault::wrong(path, "is missing")),
        Some(Value::String(text)) => vec![Prompt::Text(text)],
        Some(Value::Array(values)) => list(values, &path)?,
        Some(_) => return Err(wrong(&path)),
    };
    if prompts.iter().any(Prompt::is_empty) {
        return Err(RequestFault::wrong(path, "must not be empty"));
    }
    Ok(prompts)
}

fn list(values: Vec<Value>, path: &str) -> Result<Vec<Prompt>, RequestFault> {
    match values.first() {
        None => Err(RequestFault::wrong(path, "must not be empty")),
        Some(Value::Number(_)) => {
            Ok(vec![Prompt::Tokens(list_of(values, path, PROMPT_TOKENS_MAX, token)?)])
        }
        Some(Value::String(_)) => {
            list_of(values, path, PROMPTS_MAX, |value, path| text(value, path).map(Prompt::Text))
        }
        Some(Value::Array(_)) => list_of(values, path, PROMPTS_MAX, |value, path| match value {
            Value::Array(values) => {
                list_of(values, path, PROMPT_TOKENS_MAX, token).map(Prompt::Tokens)
            }
            _ => Err(wrong(path)),
        }),
        Some(_) => Err(wrong(path)),
    }
}

fn wrong(path: &str) -> RequestFault {
    RequestFault::wrong(path, "must be a string, a list of strings, or lists of tokens")
}

impl Prompt {
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Tokens(tokens) => tokens.is_empty(),
        }
    }

    /// Bytes that have to be gone through to make it ready.
    #[must_use]
    pub fn effort(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Tokens(tokens) => tokens.len(),
        }
    }
}

#[cfg(test)]
mod tests;
