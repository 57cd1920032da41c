//! Protocol-neutral core of the server: which models there are, what an engine is, how requests
//! become batches and what was measured on the way.
#![forbid(unsafe_code)]

mod backend;
mod clock;
mod error;
mod request;

pub use backend::{
    Backend, BatchInput, BatchInputs, ComputeStamps, Engine, ExecuteError, Executor,
    ExecutorFactory, LoadError, LoadSpec, Loaded, Signature, TensorSpec,
};
pub use clock::{Clock, Timestamp};
pub use error::{ErrorKind, ServeError};
pub use request::{
    BatchReason, InferRequest, InferResponse, NamedTensor, ParameterValue, Parameters, Timing,
};
