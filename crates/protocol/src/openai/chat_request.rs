use serde_json::json;

use super::{
    Conversation, GenerationFields, RequestFault, TemplateFields, Tools, fields::Fields,
    generation::LOGPROBS_MAX, tools,
};

/// `POST /v1/chat/completions`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChatRequest {
    /// What is generated and how.
    pub generation: GenerationFields,
    /// The conversation.
    pub conversation: Conversation,
    /// What else the template gets.
    pub template: TemplateFields,
    /// Functions that may be called.
    pub tools: Tools,
}

impl ChatRequest {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong.
    pub fn read(body: &[u8]) -> Result<Self, RequestFault> {
        let mut fields = Fields::read(body)?;
        for old in ["functions", "function_call"] {
            if fields.has(old) {
                return Err(fields.fault(old, "is no longer part of the API; use `tools`"));
            }
        }
        fields.only("modalities", &json!(["text"]))?;
        fields.only("echo", &json!(false))?;
        let logprobs = logprobs(&mut fields)?;
        let request = Self {
            conversation: Conversation::read(&mut fields)?,
            template: TemplateFields::read(&mut fields)?,
            tools: Tools::read(&mut fields, tools::nested)?,
            generation: GenerationFields {
                logprobs,
                ..GenerationFields::read(&mut fields, &["max_completion_tokens", "max_tokens"], 1)?
            },
        };
        fields.finish()?;
        Ok(request)
    }
}

/// `logprobs` says whether, `top_logprobs` how many.
fn logprobs(fields: &mut Fields) -> Result<Option<usize>, RequestFault> {
    let wanted = fields.flag("logprobs")?.unwrap_or(false);
    let top = fields.count("top_logprobs", 0..=LOGPROBS_MAX)?;
    if top.is_some_and(|top| top > 0) && !wanted {
        return Err(fields.fault("top_logprobs", "needs `logprobs` to be true"));
    }
    Ok(wanted.then(|| top.unwrap_or(0)))
}

#[cfg(test)]
mod tests;
