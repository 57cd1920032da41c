//! What happened to a model's requests: the one source of the statistics API and of the metrics.

mod generation;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use crate::BatchReason;

pub use generation::{
    GENERATION_SECONDS_BOUNDS, GENERATION_TOKENS_BOUNDS, GenerationEnd, GenerationHistograms,
    GenerationStatistics, STEP_TOKENS_BOUNDS, TOKEN_SECONDS_BOUNDS, TTFT_BOUNDS,
};

/// Upper bounds in seconds of the duration histograms.
pub const DURATION_BOUNDS: [f64; 17] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];

/// Upper bounds in rows of the batch size histogram.
pub const BATCH_BOUNDS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// A model version's counters since it was loaded; a copy, consistent in itself.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// When the last batch was run.
    pub last_inference: Option<SystemTime>,
    /// Rows inferred.
    pub inference_count: u64,
    /// Batches executed.
    pub execution_count: u64,
    /// Requests answered: end-to-end time.
    pub success: DurationStat,
    /// Requests refused or failed: time until then.
    pub fail: DurationStat,
    /// Per request: time in the queue.
    pub queue: DurationStat,
    /// Per request: time of its batch's gathering.
    pub compute_input: DurationStat,
    /// Per request: time of its batch in the engine.
    pub compute_infer: DurationStat,
    /// Per request: time of its batch's splitting.
    pub compute_output: DurationStat,
    /// By number of rows.
    pub batches: BTreeMap<usize, BatchStatistics>,
    /// Batches by why they left; indexed like [`BatchReason::ALL`].
    pub batch_reasons: [u64; BatchReason::ALL.len()],
    /// Failed requests by reason; indexed like [`FailureReason::ALL`].
    pub failures: [u64; FailureReason::ALL.len()],
    /// Requests that never ran, by why; indexed like [`Rejection::ALL`].
    pub rejections: [u64; Rejection::ALL.len()],
    /// Requests in the queue now.
    pub pending: usize,
    /// End-to-end seconds of the answered requests.
    pub request_seconds: Histogram<{ DURATION_BOUNDS.len() }>,
    /// Seconds in the queue of the requests that ran.
    pub queue_seconds: Histogram<{ DURATION_BOUNDS.len() }>,
    /// Seconds that each batch took in the executor.
    pub compute_seconds: Histogram<{ DURATION_BOUNDS.len() }>,
    /// Rows of each batch.
    pub batch_rows: Histogram<{ BATCH_BOUNDS.len() }>,
    /// Time that loading took, warm-up included.
    pub load_duration: Duration,
    /// The instances now.
    pub instances: InstanceCounts,
    /// What only engines that generate text have.
    pub generation: Option<GenerationStatistics>,
    /// How its requests went, if it generates text.
    pub generation_histograms: Option<Box<GenerationHistograms>>,
}

/// How many times and how long altogether.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DurationStat {
    /// Times.
    pub count: u64,
    /// Nanoseconds altogether.
    pub ns: u64,
}

impl DurationStat {
    /// Adds one.
    pub fn add(&mut self, duration: Duration) {
        self.count += 1;
        self.ns = self.ns.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// The executions of one batch size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchStatistics {
    /// Gathering.
    pub compute_input: DurationStat,
    /// The engine.
    pub compute_infer: DurationStat,
    /// Splitting.
    pub compute_output: DurationStat,
}

/// State of a model's instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InstanceCounts {
    /// Waiting for a batch.
    pub idle: usize,
    /// Running one.
    pub busy: usize,
    /// Being replaced after one hung or broke.
    pub replacing: usize,
    /// Replaced since the model was loaded.
    pub replaced_total: u64,
}

/// Counts by upper bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Histogram<const N: usize> {
    /// Observations up to each bound, not those of lower bounds; the rest is `count` less these.
    pub buckets: [u64; N],
    /// All observations.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { buckets: [0; N], count: 0, sum: 0.0 }
    }
}

impl<const N: usize> Histogram<N> {
    /// Adds one observation under `bounds`, ascending.
    pub fn observe(&mut self, value: f64, bounds: &[f64; N]) {
        let bucket = bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.count += 1;
        self.sum += value;
    }
}

/// Why a request failed, in the terms of the reference metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// The queue was full or its time was over.
    Rejected,
    /// The client went away.
    Canceled,
    /// The engine failed.
    Backend,
    /// Anything else, such as input that does not fit the model.
    Other,
}

impl FailureReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Rejected, Self::Canceled, Self::Backend, Self::Other];

    /// Label in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rejected => "REJECTED",
            Self::Canceled => "CANCELED",
            Self::Backend => "BACKEND",
            Self::Other => "OTHER",
        }
    }
}

/// Why a request never ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// As many requests were waiting as may.
    QueueFull,
    /// As many bytes were waiting as may.
    QueueBytes,
    /// Its time in the queue was over.
    Timeout,
    /// The client went away while it waited.
    Canceled,
    /// The model was being unloaded, or had no instance left.
    Unavailable,
    /// It does not fit the model.
    Invalid,
}

impl Rejection {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::QueueFull,
        Self::QueueBytes,
        Self::Timeout,
        Self::Canceled,
        Self::Unavailable,
        Self::Invalid,
    ];

    /// Label in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::QueueBytes => "queue_bytes",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Unavailable => "unavailable",
            Self::Invalid => "invalid",
        }
    }

    /// The same in the coarser terms of the reference metrics.
    #[must_use]
    pub const fn failure(self) -> FailureReason {
        match self {
            Self::QueueFull | Self::QueueBytes | Self::Timeout => FailureReason::Rejected,
            Self::Canceled => FailureReason::Canceled,
            Self::Unavailable | Self::Invalid => FailureReason::Other,
        }
    }
}

/// One execution, as it is recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Execution {
    pub rows: usize,
    pub reason: BatchReason,
    pub compute_input: Duration,
    pub compute_infer: Duration,
    pub compute_output: Duration,
}

impl Statistics {
    pub(crate) fn record_execution(&mut self, execution: &Execution) {
        let Execution { rows, reason, compute_input, compute_infer, compute_output } = *execution;
        self.execution_count += 1;
        self.inference_count += rows as u64;
        self.batch_reasons[reason as usize] += 1;
        let batch = self.batches.entry(rows).or_default();
        batch.compute_input.add(compute_input);
        batch.compute_infer.add(compute_infer);
        batch.compute_output.add(compute_output);
        let compute = compute_input + compute_infer + compute_output;
        self.compute_seconds.observe(compute.as_secs_f64(), &DURATION_BOUNDS);
        #[expect(clippy::cast_precision_loss, reason = "batches have far fewer than 2^52 rows")]
        self.batch_rows.observe(rows as f64, &BATCH_BOUNDS);
    }

    pub(crate) fn record_success(
        &mut self,
        execution: &Execution,
        queue: Duration,
        end_to_end: Duration,
    ) {
        self.success.add(end_to_end);
        self.queue.add(queue);
        self.compute_input.add(execution.compute_input);
        self.compute_infer.add(execution.compute_infer);
        self.compute_output.add(execution.compute_output);
        self.request_seconds.observe(end_to_end.as_secs_f64(), &DURATION_BOUNDS);
        self.queue_seconds.observe(queue.as_secs_f64(), &DURATION_BOUNDS);
    }

    pub(crate) fn record_failure(&mut self, reason: FailureReason, end_to_end: Duration) {
        self.fail.add(end_to_end);
        self.failures[reason as usize] += 1;
    }

    pub(crate) fn record_rejection(&mut self, rejection: Rejection, end_to_end: Duration) {
        self.rejections[rejection as usize] += 1;
        self.record_failure(rejection.failure(), end_to_end);
    }
}

#[cfg(test)]
mod tests;
