//! The figures that two measurements are compared by.

use crate::{Estimate, LatencySummary, Summary};

/// One figure of a [`Summary`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// As results hold it.
    pub(crate) name: &'static str,
    /// In a sentence.
    pub(crate) words: &'static str,
    pub(crate) higher_is_better: bool,
    of: fn(&Summary) -> Option<Figure>,
}

/// A figure; `interval` is absent where a summary holds none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) interval: Option<(f64, f64)>,
}

impl Figure {
    /// Standard error of the logarithm, from the interval. An end at 0 says nothing: the other one is
    /// taken for both.
    pub(crate) fn log_error(&self) -> Option<f64> {
        const ENDS: f64 = 1.96;
        let (low, high) = self.interval?;
        let up = (high / self.value).ln();
        let down = if low > 0.0 { (self.value / low).ln() } else { up };
        Some((up.max(0.0) + down.max(0.0)) / 2.0 / ENDS)
    }
}

impl Metric {
    /// Of a summary; `None` if it was not measured, and if it is not above 0, as there is no ratio then.
    pub(crate) fn of(&self, summary: &Summary) -> Option<Figure> {
        let is_positive = |value: f64| value > 0.0 && value.is_finite();
        (self.of)(summary).filter(|figure| is_positive(figure.value))
    }

    /// Whether this ratio is that of something better to something worse.
    pub(crate) fn is_better(&self, ratio: f64) -> bool {
        (ratio > 1.0) == self.higher_is_better
    }
}

/// Every one. Those that a comparison ends with are judged together, so that many figures do not make
/// a difference out of chance.
pub(crate) const METRICS: [Metric; 13] = [
    more("throughput", "throughput", |level| known(level.throughput)),
    more("goodput", "goodput", |level| known(level.goodput.as_ref()?.rate)),
    less("latency_mean", "mean latency", |level| bare(level.latency.mean)),
    less("latency_p50", "median latency", |level| known(level.latency.p50)),
    less("latency_p90", "p90 latency", |level| known(level.latency.p90)),
    less("latency_p99", "p99 latency", |level| known(level.latency.p99)),
    less("server_cpu_per_request", "server CPU time per request", |level| {
        bare(level.server.as_ref()?.cpu_us_per_request?)
    }),
    more("output_tokens_per_second", "output tokens per second", |level| {
        known(level.generation.as_ref()?.output_tokens_per_second)
    }),
    less("time_to_first_token_p50", "median time to first token", |level| {
        known(first_token(level)?.p50)
    }),
    less("time_to_first_token_p99", "p99 time to first token", |level| {
        known(first_token(level)?.p99)
    }),
    less("time_per_output_token_p50", "median time per output token", |level| {
        known(per_token(level)?.p50)
    }),
    less("time_per_output_token_p99", "p99 time per output token", |level| {
        known(per_token(level)?.p99)
    }),
    less("inter_token_latency_p99", "p99 inter-token latency", |level| {
        known(level.generation.as_ref()?.inter_token_latency.p99)
    }),
];

const fn more(
    name: &'static str,
    words: &'static str,
    of: fn(&Summary) -> Option<Figure>,
) -> Metric {
    Metric { name, words, higher_is_better: true, of }
}

const fn less(
    name: &'static str,
    words: &'static str,
    of: fn(&Summary) -> Option<Figure>,
) -> Metric {
    Metric { name, words, higher_is_better: false, of }
}

#[expect(clippy::unnecessary_wraps, reason = "beside figures that can be absent")]
const fn known(estimate: Estimate) -> Option<Figure> {
    let Estimate { value, low, high } = estimate;
    Some(Figure { value, interval: Some((low, high)) })
}

#[expect(clippy::unnecessary_wraps, reason = "beside figures that can be absent")]
const fn bare(value: f64) -> Option<Figure> {
    Some(Figure { value, interval: None })
}

fn first_token(level: &Summary) -> Option<&LatencySummary> {
    level.generation.as_ref().map(|generation| &generation.time_to_first_token)
}

fn per_token(level: &Summary) -> Option<&LatencySummary> {
    level.generation.as_ref().map(|generation| &generation.time_per_output_token)
}
