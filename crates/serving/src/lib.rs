//! Protocol-neutral core of the server: which models there are, what an engine is, how requests
//! become batches and what was measured on the way.
#![forbid(unsafe_code)]

mod backend;
mod batcher;
mod clock;
mod config;
mod error;
mod execution;
mod generation;
mod interface;
mod model;
mod reply;
mod repository;
mod request;
mod scheduler;
mod statistics;
mod warmup;

pub use backend::{
    Backend, BatchInput, BatchInputs, ComputeStamps, Engine, ExecuteError, Executor,
    ExecutorFactory, LoadError, LoadSpec, Loaded, Signature, TensorSpec, TextEncoder,
};
pub use batcher::{
    Admission, Arrival, Batch, Batcher, BatcherOptions, QueuePolicy, Refusal, ShapeKey, Ticket,
    TimeoutAction,
};
pub use clock::{Clock, Timestamp};
pub use config::ModelDefaults;
pub use error::{ErrorKind, ServeError};
pub use generation::{
    Chat, CompiledGrammar, EmbeddingRequest, EncodeOptions, Finish, FinishReason, Generation,
    GenerationEvent, GenerationRequest, GenerationSender, Grammar, LanguageModel, ModelCard,
    Pooling, Sampling, StopConditions, Tenancy, TokenLogprobs, ToolFormat, generation,
};
pub use model::Model;
pub use reply::Responder;
pub use repository::{
    ControlMode, IndexEntry, LoadOverrides, ModelState, Repository, RepositoryOptions,
};
pub use request::{
    BatchReason, InferRequest, InferResponse, NamedTensor, ParameterValue, Parameters, Timing,
};
pub use statistics::{
    BATCH_BOUNDS, BatchStatistics, DURATION_BOUNDS, DurationStat, FailureReason,
    GENERATION_SECONDS_BOUNDS, GENERATION_TOKENS_BOUNDS, GenerationEnd, GenerationHistograms,
    GenerationStatistics, Histogram, InstanceCounts, Rejection, STEP_TOKENS_BOUNDS, Statistics,
    TOKEN_SECONDS_BOUNDS, TTFT_BOUNDS,
};
