use serving::{ExecuteError, LoadError, ServeError};

/// Why there is no profile. The message says what to change.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// What was given is no model.
    #[error("{0}")]
    Target(String),
    /// Shapes or data that do not fit the model.
    #[error("{0}")]
    Input(String),
    /// The model cannot be loaded.
    #[error(transparent)]
    Model(#[from] LoadError),
    /// The model was not served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The model does not run on the inputs.
    #[error("the model does not run on the inputs: {0}; give --shape or --inputs")]
    Run(#[from] ExecuteError),
    /// The server answers no request with them.
    #[error("the server does not answer requests with the inputs: {0}; give --shape or --inputs")]
    Refused(String),
    /// The engine gave no profile.
    #[error(transparent)]
    Engine(#[from] engines::onnxruntime::ProfileError),
    /// The server did not start.
    #[error(transparent)]
    Server(#[from] server::StartError),
    /// No request was answered.
    #[error(transparent)]
    Load(#[from] loadgen::MeasureError),
    /// The system refuses a thread or a socket.
    #[error("the system refuses what the profile needs")]
    Io(#[from] std::io::Error),
}
