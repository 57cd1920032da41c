//! The document that a run of `hone bench` leaves: one schema for every kind of run. All durations are
//! in milliseconds and all rates per second, unless the name says otherwise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Value of [`ResultDocument::schema`]; the number grows when a reader would have to change.
pub const SCHEMA: &str = "hone.bench/1";

/// Everything that one run measured.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ResultDocument {
    /// [`SCHEMA`].
    pub schema: String,
    /// The command line.
    pub command: Vec<String>,
    /// Start, in seconds since the epoch.
    pub started: f64,
    /// Of data and arrival times.
    pub seed: u64,
    /// Where the generator ran.
    pub machine: Machine,
    /// Versions of what took part: `hone`, and each server as it names itself.
    pub versions: BTreeMap<String, String>,
    /// What was measured: one target, or A and B.
    pub targets: Vec<TargetResult>,
    /// A against B, if there is a B.
    pub comparison: Option<Comparison>,
    /// The highest rate that holds the objective, if it was searched for.
    pub search: Option<SearchResult>,
    /// This run against a stored one, if there was one to compare with; its ratios are this / stored.
    pub baseline: Option<Comparison>,
}

/// The machine of the generator.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Machine {
    /// As the processor names itself.
    pub cpu: String,
    /// Cores that may be used.
    pub cores: usize,
    /// Instruction sets that matter for inference, such as `avx2`.
    pub cpu_features: Vec<String>,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Operating system and its version.
    pub system: String,
}

/// One server and model under all of its load levels.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct TargetResult {
    /// Name in tables: `A`, `B` or the model.
    pub label: String,
    /// Address.
    pub url: String,
    /// `http`, `http-json`, `grpc`, `grpc-stream`, `openai-chat`, `openai-completions`,
    /// `openai-embeddings`.
    pub protocol: String,
    /// Model.
    pub model: String,
    /// Rows of each request, for models that batch; 1 otherwise, 0 if that is not known.
    #[serde(default)]
    pub rows_per_request: u64,
    /// One per load level, in the order of measurement; several of the same level if rounds were
    /// interleaved.
    pub levels: Vec<LevelResult>,
    /// Where more load stopped bringing more throughput, if several levels show it.
    pub knee: Option<Knee>,
}

/// How the load is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadMode {
    /// A number of callers, each sending its next request when it has its answer.
    #[default]
    Closed,
    /// Requests at a rate, whatever became of those before.
    Open,
    /// Requests at recorded times.
    Replay,
    /// A number of users, each with a conversation of several turns.
    Sessions,
    /// A rate that grows over the measurement.
    Ramp,
}

/// One load level.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct LoadLevel {
    /// How the load is made.
    pub mode: LoadMode,
    /// Requests in flight at a time (closed), sessions at a time, or requests per second.
    pub value: f64,
    /// Arrival process of an open loop: `constant`, `poisson`, `gamma(0.25)`; empty otherwise.
    pub arrivals: String,
}

/// One measurement at one load level.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct LevelResult {
    /// The load.
    pub load: LoadLevel,
    /// Round of an interleaved run, from 0.
    pub round: usize,
    /// What came of it.
    pub summary: Summary,
}

/// A figure and how sure it is.
///
/// Of a quantile, an end that the observations are too few to bound stands at the largest (or the
/// smallest) of them: 200 requests say nothing of how far the slowest thousandth reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end of its 95 % confidence interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// One load level in figures.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Summary {
    /// Seconds measured, without warm-up.
    pub seconds: f64,
    /// Requests that were due or sent.
    pub offered: u64,
    /// Requests answered rightly.
    pub completed: u64,
    /// Failed requests by kind.
    pub failures: BTreeMap<String, u64>,
    /// The first failure of each kind, in the server's or the system's words.
    #[serde(default)]
    pub failure_examples: BTreeMap<String, String>,
    /// Requests per second answered rightly.
    pub throughput: Estimate,
    /// From when a request was due (open loop) or sent (closed loop).
    pub latency: LatencySummary,
    /// From when it was really sent; only of open loops.
    pub service: Option<LatencySummary>,
    /// Against an objective, if one was given.
    pub goodput: Option<Goodput>,
    /// Of generations.
    pub generation: Option<GenerationSummary>,
    /// The server's own readings, as far as they could be had.
    pub server: Option<ServerSummary>,
    /// Where the time went; `None` if the server does not tell.
    pub stages: Option<StageSummary>,
    /// The generator's view of itself.
    pub generator: GeneratorSummary,
    /// Whether the figures can be taken for those of a steady state.
    pub stability: StabilitySummary,
    /// Over time.
    pub timeline: Vec<TimelinePoint>,
    /// Cumulative distribution of the latency.
    pub cdf: Vec<CdfPoint>,
}

/// A distribution of times, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct LatencySummary {
    /// Observations.
    pub count: u64,
    /// Mean.
    pub mean: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Median.
    pub p50: Estimate,
    /// 90 % are at most this.
    pub p90: Estimate,
    /// 95 % are at most this.
    pub p95: Estimate,
    /// 99 % are at most this.
    pub p99: Estimate,
    /// 99.9 % are at most this.
    pub p999: Estimate,
}

/// Throughput that counts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Goodput {
    /// The objective, as it was given: `p99=50ms` or `ttft=200ms,tpot=30ms`.
    pub objective: String,
    /// Requests per second that met it, one by one.
    pub rate: Estimate,
    /// Share of all requests that were due that met it.
    pub share: f64,
    /// Whether the level as a whole holds the objective; `None` if the measurement cannot tell.
    pub holds: Option<bool>,
    /// Each part of the objective.
    #[serde(default)]
    pub terms: Vec<ObjectiveTerm>,
}

/// One part of an objective against a load level.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ObjectiveTerm {
    /// As it was given, such as `p99=50ms`.
    pub term: String,
    /// In milliseconds, or a share of 0 to 1 for `errors`.
    pub limit: f64,
    /// The same as it was measured. Times are those of requests answered rightly.
    pub observed: Estimate,
    /// Whether it holds with 95 % confidence; failed requests count as beyond every limit. `None` if
    /// the measurement cannot tell.
    pub holds: Option<bool>,
}

/// Generations in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct GenerationSummary {
    /// Time to first token.
    pub time_to_first_token: LatencySummary,
    /// Time per output token after the first, averaged over each request.
    pub time_per_output_token: LatencySummary,
    /// Between successive tokens.
    pub inter_token_latency: LatencySummary,
    /// Tokens generated per second.
    pub output_tokens_per_second: Estimate,
    /// Tokens of prompts per request.
    pub prompt_tokens_mean: f64,
    /// Tokens generated per request.
    pub output_tokens_mean: f64,
}

/// The server as it and the system saw it during the measurement.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ServerSummary {
    /// Microseconds of CPU time of all of the server's processes per completed request; `None` for a
    /// server on another machine.
    pub cpu_us_per_request: Option<f64>,
    /// Resident bytes at the end.
    pub resident_bytes: Option<u64>,
    /// Batches that ran, by rows, from its statistics.
    pub batches: Vec<BatchCount>,
}

impl ServerSummary {
    /// Mean rows per batch; `None` if no batches are known.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    pub fn batch_rows_mean(&self) -> Option<f64> {
        let batches: u64 = self.batches.iter().map(|batch| batch.batches).sum();
        let rows: u64 = self.batches.iter().map(|batch| batch.rows * batch.batches).sum();
        (batches > 0).then(|| rows as f64 / batches as f64)
    }
}

/// How often a batch size ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct BatchCount {
    /// Rows.
    pub rows: u64,
    /// Batches of so many rows.
    pub batches: u64,
}

/// Where the time of a request went, on average.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct StageSummary {
    /// `server-timing` (sampled requests that told themselves) or `statistics` (differences of the V2
    /// statistics, which do not tell decoding and encoding apart from the network).
    pub source: String,
    /// Requests that this is the mean of.
    pub samples: u64,
    /// In the order in which they pass; their milliseconds sum to the mean latency of the samples.
    pub stages: Vec<StageShare>,
    /// Name of the stage that limits, as far as the figures show one.
    pub bottleneck: Option<String>,
    /// In words: what limits, and what to try next.
    pub verdict: String,
}

/// One stage.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct StageShare {
    /// Name, as [`Stage::name`](crate::Stage::name) gives it.
    pub stage: String,
    /// Mean milliseconds.
    pub mean_ms: f64,
    /// Share of the mean latency, 0 to 1.
    pub share: f64,
}

/// Whether the generator itself can be believed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct GeneratorSummary {
    /// Threads that sent.
    pub threads: usize,
    /// CPU time per completed request, in microseconds.
    pub cpu_us_per_request: f64,
    /// CPU time of the busiest sending thread, as a share of the measured time.
    pub cpu_share: f64,
    /// How late requests were turned to; only of open loops.
    pub lateness: Option<LatencySummary>,
    /// Why the result says more about the generator than about the server; empty if it does not.
    pub warnings: Vec<String>,
}

/// Whether the load level was steady.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct StabilitySummary {
    /// Whether the warm-up's windows agreed and nothing drifted after it.
    pub stable: bool,
    /// The test, in words.
    pub test: String,
    /// Seconds of warm-up.
    pub warm_up_seconds: f64,
    /// Why it is not stable; empty if it is.
    pub reasons: Vec<String>,
}

/// The measurement at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct TimelinePoint {
    /// Seconds from the start of the measurement to the slice's end.
    pub seconds: f64,
    /// Requests per second answered rightly.
    pub rate: f64,
    /// Median latency; 0 if nothing ended.
    pub p50_ms: f64,
    /// Latency that one of a hundred requests exceeds; 0 if nothing ended.
    pub p99_ms: f64,
    /// Failed requests.
    pub failures: u64,
}

/// One point of a cumulative distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct CdfPoint {
    /// Milliseconds.
    pub ms: f64,
    /// Share of the requests that took at most so long, 0 to 1.
    pub share: f64,
}

/// Where more load stops to pay.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Knee {
    /// The load level.
    pub load: LoadLevel,
    /// Its throughput.
    pub throughput: f64,
    /// Its p99, in milliseconds.
    pub p99_ms: f64,
    /// In words, why it is the knee.
    pub reason: String,
}

/// A search for the highest rate that holds an objective.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct SearchResult {
    /// The objective.
    pub objective: String,
    /// Highest rate that was shown to hold it; `None` if none was.
    pub holds: Option<f64>,
    /// Lowest rate that was shown to break it; `None` if none was.
    pub breaks: Option<f64>,
    /// Every probe, in order.
    pub probes: Vec<SearchProbe>,
    /// In words.
    pub verdict: String,
}

/// One try of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct SearchProbe {
    /// Requests per second.
    pub rate: f64,
    /// Whether the objective held; `None` if the measurement could not tell.
    pub holds: Option<bool>,
    /// The figure that the objective is about, in milliseconds.
    pub observed: Estimate,
}

/// Two measurements against each other.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Comparison {
    /// What `A` is.
    pub a: String,
    /// What `B` is.
    pub b: String,
    /// Rounds, each with one measurement of both.
    pub rounds: usize,
    /// One per figure.
    pub metrics: Vec<ComparedMetric>,
    /// In words.
    pub verdict: String,
}

/// One figure of both.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ComparedMetric {
    /// `throughput`, `latency_p50`, `server_cpu_per_request`, ...
    pub metric: String,
    /// A's, over all rounds.
    pub a: f64,
    /// B's.
    pub b: f64,
    /// A / B with its confidence interval.
    pub ratio: Estimate,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// The smallest difference that would have been claimed, as a share of B's figure; `None` if it is
    /// not known.
    #[serde(default)]
    pub visible: Option<f64>,
    /// What the interval shows.
    pub verdict: MetricVerdict,
}

/// What a comparison shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricVerdict {
    /// The difference is below 1 %, or may be chance, given all the figures that were looked at. The
    /// interval, which is that of this figure alone, may leave 1 out nevertheless.
    #[default]
    NoDifferenceShown,
    /// A is better.
    ABetter,
    /// B is better.
    BBetter,
}
