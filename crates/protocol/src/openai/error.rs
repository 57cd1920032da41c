//! What goes wrong, in the forms of the two APIs.

use serde::Serialize;

/// A request that is not taken: which field is wrong, and what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestFault {
    /// Path of the field, such as `messages[0].content`; empty if no single one is at fault.
    pub param: String,
    /// What the caller can change.
    pub message: String,
    /// OpenAI's word for it, where there is one.
    pub code: Option<&'static str>,
}

/// Which API's form an error has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorForm {
    /// `{"error": {"message", "type", "param", "code"}}`.
    OpenAi,
    /// `{"type": "error", "error": {"type", "message"}}`.
    Anthropic,
}

/// An error as it is told.
#[derive(Clone, Copy, Debug)]
pub struct ErrorBody<'a> {
    /// HTTP status.
    pub status: u16,
    /// What the caller can change.
    pub message: &'a str,
    /// The field that is wrong.
    pub param: Option<&'a str>,
    /// A word for programs.
    pub code: Option<&'a str>,
}

#[derive(Serialize)]
struct OpenAiDocument<'a> {
    error: OpenAiError<'a>,
}

#[derive(Serialize)]
struct OpenAiError<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

#[derive(Serialize)]
struct AnthropicDocument<'a> {
    r#type: &'static str,
    error: AnthropicError<'a>,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    r#type: &'static str,
    message: &'a str,
}

impl RequestFault {
    /// A field is wrong.
    pub fn new(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: param.into(), message: message.into(), code: None }
    }

    /// A field has a wrong value: `what` says what it takes.
    pub(super) fn wrong(param: impl Into<String>, what: &str) -> Self {
        let param = param.into();
        let message = format!("`{param}` {what}");
        Self { param, message, code: Some("invalid_value") }
    }

    /// Adds OpenAI's word for it.
    #[must_use]
    pub fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }
}

impl ErrorBody<'_> {
    /// The error as JSON.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "an error can always be written")]
    pub fn to_json(self, form: ErrorForm) -> Vec<u8> {
        let written = match form {
            ErrorForm::OpenAi => serde_json::to_vec(&OpenAiDocument {
                error: OpenAiError {
                    message: self.message,
                    r#type: openai_type(self.status),
                    param: self.param,
                    code: self.code,
                },
            }),
            ErrorForm::Anthropic => serde_json::to_vec(&AnthropicDocument {
                r#type: "error",
                error: AnthropicError {
                    r#type: anthropic_type(self.status),
                    message: self.message,
                },
            }),
        };
        written.expect("an error has string keys only")
    }
}

const fn openai_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        501 => "not_implemented_error",
        503 => "service_unavailable_error",
        ..500 => "invalid_request_error",
        500.. => "server_error",
    }
}

const fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 => "overloaded_error",
        ..500 => "invalid_request_error",
        500.. => "api_error",
    }
}

#[cfg(test)]
mod tests;
