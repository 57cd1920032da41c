/// Why a body is no request. The message names the place and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The request is wrong and will be again.
    #[error("{0}")]
    Malformed(String),
    /// It would take more bytes than the limits allow.
    #[error("{0}")]
    TooLarge(String),
    /// It may be right, but this server does not do that.
    #[error("{0}")]
    Unsupported(String),
}

impl DecodeError {
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::Malformed(message.into())
    }

    /// The same, after the name of what it is about.
    pub(super) fn within(self, place: &str) -> Self {
        let place_it = |message: String| format!("{place}: {message}");
        match self {
            Self::Malformed(message) => Self::Malformed(place_it(message)),
            Self::TooLarge(message) => Self::TooLarge(place_it(message)),
            Self::Unsupported(message) => Self::Unsupported(place_it(message)),
        }
    }
}
