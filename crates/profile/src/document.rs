//! What a profile says: the JSON document, and what text and picture are drawn from.

use engines::onnxruntime::EngineProfile;
use serde::Serialize;

/// Form of the document; another number means that a reader of this one may be misled.
pub const SCHEMA: &str = "hone.profile/1";

/// A profile. Times are milliseconds where a name says so, else seconds.
#[derive(Clone, Debug, Serialize)]
pub struct ProfileDocument {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Hone's version.
    pub hone: String,
    /// The command line.
    pub command: String,
    /// Seconds since 1970 when the profile began.
    pub began: u64,
    /// What was profiled.
    pub model: ModelFacts,
    /// Where.
    pub machine: MachineFacts,
    /// One request at a time, then as many as the server can use.
    pub loads: Vec<LoadProfile>,
    /// Cost of a row by the size of its batch.
    pub batches: BatchCurve,
    /// Instances against threads per run.
    pub scaling: Vec<ScalingPoint>,
    /// The same model on shorter inputs, where it takes any length.
    pub shorter: Option<ShorterInputs>,
    /// Node by node, as the engine's profiler has it.
    pub engine: EngineProfile,
    /// Against what this machine can do.
    pub ceiling: Ceiling,
    /// In words, what matters most first.
    pub verdict: Vec<String>,
    /// What a reader has to know to judge the figures.
    pub notes: Vec<String>,
}

/// What was profiled.
#[derive(Clone, Debug, Serialize)]
pub struct ModelFacts {
    /// Name.
    pub name: String,
    /// Version.
    pub version: u64,
    /// The model file.
    pub path: String,
    /// Its size, without weights in files beside it.
    pub file_bytes: u64,
    /// Engine, its version, device, threads per run.
    pub engine: String,
    /// Instances that served it.
    pub instances: usize,
    /// Rows that the server may gather into one batch; 1 where the model does not batch.
    pub batch_rows_max: usize,
    /// What every request carried.
    pub inputs: Vec<InputFacts>,
}

/// One input of the requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputFacts {
    /// Name.
    pub name: String,
    /// Element type under the protocol's name.
    pub data_type: &'static str,
    /// Shape of one request.
    pub shape: Vec<usize>,
    /// Where the shape is from.
    pub origin: ShapeOrigin,
    /// The values, in words.
    pub values: String,
}

/// Who chose the shape of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShapeOrigin {
    /// The model: nothing is open but the batch.
    Model,
    /// Whoever started the profile.
    Given,
    /// This program, where the model leaves a dimension open.
    Assumed,
}

/// Where it was profiled.
#[derive(Clone, Debug, Serialize)]
pub struct MachineFacts {
    /// Processor as the kernel names it.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Instruction sets beyond the baseline that engines make use of.
    pub cpu_features: Vec<&'static str>,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Kernel.
    pub kernel: String,
    /// Load average of the last minute when the profile began: how quiet the machine was.
    pub load_average: String,
    /// What small loops reached here, in operations and bytes per second.
    pub roofline: RooflineFacts,
}

/// The machine's bounds, as measured.
#[derive(Clone, Debug, Serialize)]
pub struct RooflineFacts {
    /// Operations per second, a multiplication with its addition being two.
    pub peaks: Vec<PeakFacts>,
    /// Bytes per second, nearest memory first.
    pub bandwidth: Vec<BandwidthFacts>,
    /// Whether the sizes of the caches were assumed.
    pub caches_assumed: bool,
}

/// Operations per second of one element type.
#[derive(Clone, Debug, Serialize)]
pub struct PeakFacts {
    /// `f32`, `bf16` or `int8`.
    pub element: &'static str,
    /// Instruction set of the loop; `None` if the CPU has none for the type.
    pub isa: Option<&'static str>,
    /// By one thread.
    pub one_core: f64,
    /// By all.
    pub all_cores: f64,
}

/// Bytes per second read from one level of memory.
#[derive(Clone, Debug, Serialize)]
pub struct BandwidthFacts {
    /// Name.
    pub level: &'static str,
    /// Size in bytes.
    pub bytes: usize,
    /// By one thread.
    pub one_core: f64,
    /// By all.
    pub all_cores: f64,
}

/// Requests under one load.
#[derive(Clone, Debug, Serialize)]
pub struct LoadProfile {
    /// `low` or `saturating`.
    pub name: &'static str,
    /// Connections, each with one request at a time.
    pub connections: usize,
    /// Requests that were answered.
    pub requests: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Answers per second.
    pub requests_per_second: f64,
    /// Of all requests.
    pub latency: LatencyFacts,
    /// Requests whose stages are known.
    pub samples: u64,
    /// In the order in which they pass; together with `unexplained_ms` they are the mean latency of
    /// the samples.
    pub stages: Vec<StageTime>,
    /// What no stage accounts for.
    pub unexplained_ms: f64,
    /// Share of the time that the stages account for, 0 to 1.
    pub explained: f64,
    /// Rows per batch, mean over requests.
    pub batch_rows: f64,
    /// Share of the time in which an instance was at a batch, mean over instances. With other work on
    /// the same cores it is waiting for a core for a part of that.
    pub instances_busy: f64,
    /// Share of all cores' time that the model itself needs for so many rows per second: from what a
    /// row costs in a batch of that size without a server.
    pub cores_in_model: f64,
    /// Share of the machine's cores that this process, server and client, had; 0 if the kernel does
    /// not tell.
    pub cores_here: f64,
    /// Share that other programs had, or other machines on the same hardware.
    pub cores_elsewhere: f64,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct LatencyFacts {
    /// Mean.
    pub mean_ms: f64,
    /// Half of the requests took no longer.
    pub p50_ms: f64,
    /// 19 of 20.
    pub p95_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
}

/// Time of one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageTime {
    /// Short name for programs.
    pub name: &'static str,
    /// Name for people.
    pub label: &'static str,
    /// Mean.
    pub ms: f64,
    /// Of the mean latency, 0 to 1.
    pub share: f64,
}

/// Cost of a row by the size of its batch.
#[derive(Clone, Debug, Serialize)]
pub struct BatchCurve {
    /// Threads of each run.
    pub threads: usize,
    /// By rows, ascending; the first one has the rows of a request.
    pub points: Vec<BatchPoint>,
    /// What it shows.
    pub outcome: BatchOutcome,
    /// The smallest size whose rate is within 5 % of the best.
    pub best_rows: usize,
    /// Rate of that size as a multiple of the rate of the smallest.
    pub gain: f64,
}

/// Whether gathering rows into batches pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchOutcome {
    /// The model takes one size only.
    Fixed,
    /// Larger batches are faster per row by a tenth at least.
    Pays,
    /// They are not.
    NoGain,
}

/// Runs of one batch size.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BatchPoint {
    /// Rows.
    pub rows: usize,
    /// Runs that were made.
    pub runs: usize,
    /// Median of a run.
    pub run_ms: f64,
    /// The same per row.
    pub row_ms: f64,
    /// Rows per second, one run after the other.
    pub rows_per_second: f64,
}

/// So many instances, each running with so many threads.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ScalingPoint {
    /// Instances that run at the same time.
    pub instances: usize,
    /// Threads of each run.
    pub threads: usize,
    /// Runs per second of all together, of one request each.
    pub requests_per_second: f64,
    /// Median of a run.
    pub p50_ms: f64,
}

/// The model on inputs of half the length.
#[derive(Clone, Debug, Serialize)]
pub struct ShorterInputs {
    /// Dimensions that the model leaves open, beside the batch, as they were.
    pub lengths: Vec<usize>,
    /// And halved.
    pub shorter_lengths: Vec<usize>,
    /// Median of a run as it was.
    pub run_ms: f64,
    /// Median of a run on the halves.
    pub shorter_run_ms: f64,
}

/// The model against what this machine can do.
#[derive(Clone, Debug, Serialize)]
pub struct Ceiling {
    /// Threads of the run.
    pub threads: usize,
    /// Rows of the run.
    pub rows: usize,
    /// What most of the operations multiply.
    pub element: &'static str,
    /// Operations per second that so many threads can do at most, of that type.
    pub peak: f64,
    /// Bytes per second that so many threads can read from memory at most.
    pub bandwidth: f64,
    /// Operations of a run, of the operators that multiply matrices.
    pub operations: f64,
    /// Bytes of a run, each tensor counted once per node.
    pub bytes: f64,
    /// Operations per byte.
    pub intensity: f64,
    /// Operations per second, of runs that no profiler watches.
    pub achieved: f64,
    /// Time that the operations take at the peak, as a share of a run that no profiler watches.
    pub share_of_peak: f64,
    /// Share of the nodes' time in nodes whose operations are known.
    pub counted: f64,
    /// By operator, the longest first.
    pub operators: Vec<OperatorTime>,
    /// The longest nodes, the longest first.
    pub nodes: Vec<NodeBound>,
}

/// All nodes of one operator.
#[derive(Clone, Debug, Serialize)]
pub struct OperatorTime {
    /// Operator.
    pub operator: String,
    /// Nodes.
    pub nodes: usize,
    /// Per run.
    pub ms: f64,
    /// Of the run.
    pub share: f64,
    /// Operations per run, if they are known.
    pub operations: Option<f64>,
    /// Operations per second.
    pub achieved: Option<f64>,
    /// The least time that this machine needs for the work, as a share of the time that it took.
    pub share_of_bound: f64,
    /// What that least time is made of.
    pub bound: Bound,
}

/// One node.
#[derive(Clone, Debug, Serialize)]
pub struct NodeBound {
    /// Name.
    pub name: String,
    /// Operator.
    pub operator: String,
    /// Shapes of its outputs, in words.
    pub shapes: String,
    /// Per run.
    pub ms: f64,
    /// Of the run.
    pub share: f64,
    /// Operations per byte, if the operations are known.
    pub intensity: Option<f64>,
    /// Operations per second.
    pub achieved: Option<f64>,
    /// The least time that this machine needs for the work, as a share of the time that it took.
    pub share_of_bound: f64,
    /// What that least time is made of.
    pub bound: Bound,
}

/// What takes the longer at the machine's bounds: the operations or the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// Multiplying.
    Compute,
    /// Moving bytes.
    Memory,
}

impl Bound {
    /// Name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Memory => "memory",
        }
    }
}
