//! What can be wrong with a template or a conversation.

use std::error::Error as _;

use thiserror::Error;

/// Why there is no prompt.
#[derive(Debug, Error)]
pub enum ChatError {
    /// A template of a size that no model has.
    #[error("the chat template has {found} bytes, above the limit of {limit}")]
    TooLong {
        /// Its bytes.
        found: usize,
        /// The most that is let in.
        limit: usize,
    },
    /// The template is no valid Jinja.
    #[error("the chat template is not valid: {problem}")]
    Invalid {
        /// What is wrong, and in which line.
        problem: String,
    },
    /// The template refuses the conversation (`raise_exception`): the client has to change it.
    #[error("the model's chat template refuses the messages: {message}")]
    Refused {
        /// The template's words.
        message: String,
    },
    /// The messages have a form that the template cannot use: the client has to change them.
    #[error("{problem}")]
    Messages {
        /// What is wrong with which.
        problem: String,
    },
    /// The last message does not come out of the template as it went in.
    #[error("the model's chat template does not let the last message be continued")]
    NotContinuable,
    /// The template takes too long or makes too much text.
    #[error("the model's chat template does too much work for these messages")]
    TooMuchWork,
    /// The template fails on the conversation.
    #[error("the model's chat template fails on these messages: {problem}")]
    Failed {
        /// What failed, and in which line.
        problem: String,
    },
}

/// What `raise_exception` was called with.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct Raised(pub(super) String);

impl ChatError {
    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    pub(super) fn invalid(error: minijinja::Error) -> Self {
        Self::Invalid { problem: describe(&error) }
    }

    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    pub(super) fn of_rendering(error: minijinja::Error) -> Self {
        let mut cause = error.source();
        while let Some(found) = cause {
            if let Some(Raised(message)) = found.downcast_ref() {
                return Self::Refused { message: message.clone() };
            }
            cause = found.source();
        }
        match error.kind() {
            minijinja::ErrorKind::OutOfFuel => Self::TooMuchWork,
            _ => Self::Failed { problem: describe(&error) },
        }
    }
}

fn describe(error: &minijinja::Error) -> String {
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("{detail} (line {line})"),
        None => detail,
    }
}
