//! Honest load: sends requests to a server on a schedule that the server cannot slow down, records
//! what became of each, and says how sure the figures are.
//!
//! The way of a measurement: a driver sends and records into [`Slice`]s of time; statistics turn the
//! slices of one load level into a [`Summary`]; everything that was measured in one run is a
//! [`ResultDocument`], which reports and tables are drawn from.
#![forbid(unsafe_code)]

mod document;
mod report;
mod result;
mod slice;
mod verdict;

pub use document::DocumentError;
pub use report::{Colours, headline, write_csv, write_table};
pub use result::{
    BatchCount, CdfPoint, ComparedMetric, Comparison, Estimate, GenerationSummary,
    GeneratorSummary, Goodput, Knee, LatencySummary, LevelResult, LoadLevel, LoadMode, Machine,
    MetricVerdict, ResultDocument, SCHEMA, SearchProbe, SearchResult, ServerSummary,
    StabilitySummary, StageShare, StageSummary, Summary, TargetResult, TimelinePoint,
};
pub use slice::{Distribution, FailureKind, GenerationSlice, Slice, Stage, StageSample, StageSums};
pub use verdict::{ServerLimits, explain};
