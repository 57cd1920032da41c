//! What is sent to open pages: JSON under short names, rows of numbers where there are many.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serving::{
    BATCH_BOUNDS, BatchReason, DURATION_BOUNDS, FailureReason, GenerationStatistics, Rejection,
    Statistics,
};

use super::{
    history::{History, Stretch},
    quantile::quantile,
};

/// Percentiles that pages show.
const SHARES: [f64; 3] = [0.5, 0.9, 0.99];

/// What does not change while a page is open.
#[derive(Debug, Serialize)]
pub(super) struct Hello {
    pub(super) version: &'static str,
    /// Milliseconds since the epoch.
    pub(super) started: u64,
    pub(super) cores: usize,
    /// Whether models are loaded and unloaded by request.
    pub(super) explicit: bool,
    /// Whether that needs the control token.
    pub(super) token: bool,
    /// Seconds that percentiles and mixes look back.
    pub(super) window: u64,
    /// Upper bounds of the duration histograms in seconds: the resolution of percentiles.
    pub(super) bounds: [f64; DURATION_BOUNDS.len()],
    pub(super) batch_bounds: [f64; BATCH_BOUNDS.len()],
}

/// Every model version that there is; rows of [`Overview`] point into it.
#[derive(Debug, Serialize)]
pub(super) struct Catalogue<'a> {
    pub(super) models: Vec<CatalogueRow<'a>>,
}

/// Name, version, state, reason, instances, whether it generates.
#[derive(Debug, Serialize)]
pub(super) struct CatalogueRow<'a>(
    pub(super) &'a str,
    pub(super) Option<u64>,
    pub(super) &'static str,
    pub(super) &'a str,
    pub(super) usize,
    pub(super) bool,
);

/// The server and the models that have something to do, at one look.
#[derive(Debug, Serialize)]
pub(super) struct Overview<'a> {
    /// Milliseconds since the epoch.
    pub(super) time: u64,
    /// Empty if the server is ready, else why not.
    pub(super) unready: &'a str,
    pub(super) in_flight: usize,
    pub(super) machine: Machine,
    pub(super) total: Row,
    /// Those that are not listed are at rest.
    pub(super) models: Vec<(usize, Row)>,
}

/// CPU and memory; `null` where the system does not tell.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    /// Cores' worth of CPU time that the process takes.
    pub(super) cpu: Option<f64>,
    /// Share of the machine's CPU time in use, 0 to 1.
    pub(super) machine: Option<f64>,
    pub(super) resident: Option<u64>,
    pub(super) used: Option<u64>,
    pub(super) memory: Option<u64>,
}

/// One model's numbers, or all models' together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Row {
    /// Requests answered, requests failed, rows and batches a second.
    pub(super) rates: [f64; 4],
    /// Waiting requests; busy, replaced instances.
    pub(super) now: [usize; 3],
    /// Milliseconds end to end by [`SHARES`], then the mean ones in the queue and in the engine.
    pub(super) latency: Option<[f64; 5]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<GenerationRow>,
}

/// Running, waiting; share of the key-value cache; prompt and generated tokens a second; share of prompt
/// tokens found in the prefix cache, if any were looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct GenerationRow(usize, usize, f64, f64, f64, Option<f64>);

/// One model version, for those who look at it.
#[derive(Debug, Serialize)]
pub(super) struct Detail<'a> {
    pub(super) name: &'a str,
    pub(super) version: u64,
    pub(super) how: &'a str,
    pub(super) platform: &'a str,
    pub(super) load_seconds: f64,
    /// Milliseconds since the epoch.
    pub(super) last_inference: Option<u64>,
    /// Idle, busy, replaced now; replaced since it was loaded.
    pub(super) instances: [u64; 4],
    pub(super) kv_blocks: Option<[usize; 2]>,
    pub(super) row: Row,
    pub(super) window: Numbers,
    pub(super) total: Numbers,
}

/// Counters, of the window or since the model was loaded.
#[derive(Debug, Serialize)]
pub(super) struct Numbers {
    requests: u64,
    failed: u64,
    rows: u64,
    batches: u64,
    /// Mean milliseconds per request: queue, compute input, infer, output.
    stages: Option<[f64; 4]>,
    /// Only those that are not 0, here and below.
    reasons: BTreeMap<&'static str, u64>,
    failures: BTreeMap<&'static str, u64>,
    rejections: BTreeMap<&'static str, u64>,
    /// One more than there are bounds: the last is what lies above.
    latency: Vec<u64>,
    batch_rows: Vec<u64>,
}

impl Row {
    /// One model's.
    pub(super) fn of(history: &History) -> Self {
        let recent = history.recent();
        let window = history.window();
        Self::new(&recent, &window.gained)
    }

    /// `recent` is what rates are of, `window` what percentiles are of.
    pub(super) fn new(recent: &Stretch, window: &Statistics) -> Self {
        let gained = &recent.gained;
        let instances = gained.instances;
        let rate = |count| short(recent.rate(count));
        Self {
            rates: [
                rate(gained.success.count),
                rate(gained.fail.count),
                rate(gained.inference_count),
                rate(gained.execution_count),
            ],
            now: [gained.pending, instances.busy, instances.replacing],
            latency: latency(window),
            generation: gained.generation.map(|generation| {
                let looked_up = window.generation.unwrap_or_default();
                GenerationRow::new(recent, &generation, &looked_up)
            }),
        }
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_at_rest(&self) -> bool {
        let quiet = Self { generation: None, ..Self::default() };
        Self { generation: None, ..self.clone() } == quiet
            && self.generation.is_none_or(|generation| generation == GenerationRow::default())
    }
}

impl GenerationRow {
    fn new(recent: &Stretch, gained: &GenerationStatistics, window: &GenerationStatistics) -> Self {
        let hits = share(window.prefix_cache_hits, window.prefix_cache_queries);
        Self(
            gained.running,
            gained.waiting,
            short(gained.kv_usage()),
            short(recent.rate(gained.prompt_tokens)),
            short(recent.rate(gained.generated_tokens)),
            hits.map(short),
        )
    }
}

impl Numbers {
    pub(super) fn of(statistics: &Statistics) -> Self {
        let Statistics { success, queue, compute_input, compute_infer, compute_output, .. } =
            statistics;
        let mean =
            |stat: &serving::DurationStat| short(stat.ns as f64 / 1e6 / success.count as f64);
        let stages = [queue, compute_input, compute_infer, compute_output];
        Self {
            requests: success.count,
            failed: statistics.fail.count,
            rows: statistics.inference_count,
            batches: statistics.execution_count,
            stages: (success.count > 0).then(|| stages.map(mean)),
            reasons: named(&BatchReason::ALL.map(BatchReason::name), &statistics.batch_reasons),
            failures: named(&FailureReason::ALL.map(FailureReason::name), &statistics.failures),
            rejections: named(&Rejection::ALL.map(Rejection::name), &statistics.rejections),
            latency: buckets(&statistics.request_seconds),
            batch_rows: buckets(&statistics.batch_rows),
        }
    }
}

fn latency(window: &Statistics) -> Option<[f64; 5]> {
    let millis = |share| {
        quantile(&window.request_seconds, &DURATION_BOUNDS, share)
            .map(|seconds| short(seconds * 1e3))
    };
    let mean = |ns: u64| short(ns as f64 / 1e6 / window.success.count as f64);
    let [p50, p90, p99] = SHARES.map(millis);
    Some([p50?, p90?, p99?, mean(window.queue.ns), mean(window.compute_infer.ns)])
}

fn named<const N: usize>(
    names: &[&'static str; N],
    counts: &[u64; N],
) -> BTreeMap<&'static str, u64> {
    let all = names.iter().zip(counts);
    all.filter(|(_, count)| **count > 0).map(|(name, count)| (*name, *count)).collect()
}

fn buckets<const N: usize>(histogram: &serving::Histogram<N>) -> Vec<u64> {
    let within: u64 = histogram.buckets.iter().sum();
    let above = histogram.count.saturating_sub(within);
    histogram.buckets.iter().copied().chain([above]).collect()
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Four digits are more than a page shows, and shorter than seventeen.
pub(super) fn short(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let digits = value.abs().log10().floor();
    let scale = 10f64.powf(3.0 - digits);
    (value * scale).round() / scale
}

/// An event of the stream with `document` as its data.
pub(super) fn event(name: &str, document: &impl Serialize) -> Bytes {
    let mut text = format!("event: {name}\ndata: ").into_bytes();
    serde_json::to_writer(&mut text, document)
        .expect("documents have string keys, and a vector takes everything");
    text.extend_from_slice(b"\n\n");
    text.into()
}

#[cfg(test)]
mod tests;
