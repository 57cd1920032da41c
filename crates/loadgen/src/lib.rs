//! Honest load: sends requests to a server on a schedule that the server cannot slow down, records
//! what became of each, and says how sure the figures are.
//!
//! The way of a measurement: a driver sends and records into [`Slice`]s of time; statistics turn the
//! slices of one load level into a [`Summary`]; everything that was measured in one run is a
//! [`ResultDocument`], which reports and tables are drawn from.
#![forbid(unsafe_code)]

mod answer;
mod arrivals;
mod baseline;
mod client;
mod clock;
mod compare;
mod critical;
mod data;
mod distribution;
mod document;
mod drive;
mod error;
mod interval;
mod knee;
mod load;
mod machine;
mod metric;
mod objective;
mod procfs;
mod protocol;
mod random;
mod report;
mod request;
mod resampling;
mod result;
mod search;
mod session;
mod slice;
mod stability;
mod summary;
mod target;
mod verdict;

pub use answer::{Expectation, ExpectedOutput, ExpectedValues, ServerTiming};
pub use arrivals::DueTimes;
pub use baseline::{Baseline, BaselineError, BaselineOptions, Regression};
pub use clock::epoch_seconds;
pub use data::{
    PromptRecord, TensorOptions, TensorRecord, Trace, prompt_of, random_request, read_expectations,
    read_prompts, read_tensors, read_trace,
};
pub use distribution::Distribution;
pub use document::DocumentError;
pub use drive::{Conversation, Observer, Plan, Progress, Recording, Sampling, Workload, measure};
pub use error::{BuildError, MeasureError};
pub use load::{Arrivals, CALLERS_MAX, Load, Sweep};
pub use objective::{Objective, ObjectiveError};
pub use procfs::{ProcessTree, listener};
pub use protocol::Protocol;
pub use random::Random;
pub use report::{
    Colours, LiveFigures, LivePhase, LiveView, headline, live_line, write_csv, write_html,
    write_table,
};
pub use request::{
    ChatMessage, Endpoint, GenerationKind, InferRequest, InputData, InputTensor, OpenAiRequest,
    PromptLengths, Request, ValueRange, Vocabulary,
};
pub use result::{
    BatchCount, CdfPoint, ComparedMetric, Comparison, Estimate, GenerationSummary,
    GeneratorSummary, Goodput, Knee, LatencySummary, LevelResult, LoadLevel, LoadMode, Machine,
    MetricVerdict, ObjectiveTerm, ResultDocument, SCHEMA, SearchProbe, SearchResult, ServerSummary,
    StabilitySummary, StageShare, StageSummary, Summary, TargetResult, TimelinePoint,
};
pub use search::{Probe, Search, SearchOptions};
pub use session::Subject;
pub use slice::{FailureKind, GenerationSlice, Slice, Stage, StageSample, StageSums};
pub use stability::{Stability, StabilityOptions, WarmUp};
pub use summary::{GeneratorReading, Measurement};
pub use target::{ModelMetadata, ModelStatistics, ServerMetadata, Target, TensorMetadata};
pub use verdict::{ServerLimits, explain};
