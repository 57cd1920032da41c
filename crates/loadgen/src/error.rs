use crate::FailureKind;

/// A request cannot be built from what was asked for; says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);

/// A measurement could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The address means nothing or nobody listens.
    #[error("cannot reach {url}: {reason}")]
    Unreachable {
        /// As it was given.
        url: String,
        /// What the system says.
        reason: String,
    },
    /// The server answers, but not what the protocol says.
    #[error("{what}")]
    Unexpected {
        /// What was asked and what came.
        what: String,
    },
    /// A request cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Not one request was answered rightly.
    #[error("not one request of {offered} succeeded; the first failure ({}): {message}", kind.name())]
    NothingSucceeded {
        /// Requests sent.
        offered: u64,
        /// How the first failed.
        kind: FailureKind,
        /// In the server's or the system's words.
        message: String,
    },
    /// No request had ended when the measurement was over.
    #[error(
        "no request ended within {seconds:.0} s; a longer --duration gives the server more time"
    )]
    NoAnswer {
        /// Time waited.
        seconds: f64,
    },
    /// The system refused a thread, a timer or a file.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Told to stop before there was a result.
    #[error("stopped before the measurement was complete")]
    Stopped,
}
