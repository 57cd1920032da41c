use std::time::Duration;

/// Why a request to the server was not fulfilled. The message says what the caller can change.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ServeError {
    kind: ErrorKind,
    message: String,
    retry_after: Option<Duration>,
    parameter: Option<String>,
}

/// What a caller may do about an error; each front end has one table from here to its status codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is wrong and will be again.
    InvalidArgument,
    /// No such model or version.
    NotFound,
    /// Not now: full, loading, shutting down, out of time.
    Unavailable,
    /// Not now: the caller, or all callers together, have asked for more than is let wait.
    Exhausted,
    /// This server does not do that.
    Unsupported,
    /// It exists.
    AlreadyExists,
    /// The caller went away or asked to stop.
    Cancelled,
    /// The model or the server failed.
    Internal,
}

impl ServeError {
    /// An error of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None, parameter: None }
    }

    /// The request is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Not now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// The model or the server failed.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds when trying again may help.
    #[must_use]
    pub fn with_retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..self }
    }

    /// Adds which of the request's parameters is wrong.
    #[must_use]
    pub fn with_parameter(self, parameter: impl Into<String>) -> Self {
        Self { parameter: Some(parameter.into()), ..self }
    }

    /// Which of the request's parameters is wrong, under its name in OpenAI's API.
    #[must_use]
    pub fn parameter(&self) -> Option<&str> {
        self.parameter.as_deref()
    }

    /// What the caller may do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// When trying again may help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}
