//! Honest load: sends requests to a server on a schedule that the server cannot slow down, records
//! what became of each, and says how sure the figures are.
//!
//! The way of a measurement: a driver sends and records into [`Slice`]s of time; statistics turn the
//! slices of one load level into a [`Summary`]; everything that was measured in one run is a
//! [`ResultDocument`], which reports and tables are drawn from.
#![forbid(unsafe_code)]

mod critical;
mod distribution;
mod document;
mod interval;
mod objective;
mod report;
mod resampling;
mod result;
mod slice;
mod splitmix;
mod stability;
mod summary;
mod verdict;

pub use distribution::Distribution;
pub use document::DocumentError;
pub use objective::{Objective, ObjectiveError};
pub use report::{Colours, headline, write_csv, write_table};
pub use result::{
    BatchCount, CdfPoint, ComparedMetric, Comparison, Estimate, GenerationSummary,
    GeneratorSummary, Goodput, Knee, LatencySummary, LevelResult, LoadLevel, LoadMode, Machine,
    MetricVerdict, ObjectiveTerm, ResultDocument, SCHEMA, SearchProbe, SearchResult, ServerSummary,
    StabilitySummary, StageShare, StageSummary, Summary, TargetResult, TimelinePoint,
};
pub use slice::{FailureKind, GenerationSlice, Slice, Stage, StageSample, StageSums};
pub use stability::{Stability, StabilityOptions, WarmUp};
pub use summary::{GeneratorReading, Measurement};
pub use verdict::{ServerLimits, explain};
