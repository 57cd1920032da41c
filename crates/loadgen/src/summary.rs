//! From the slices of one load level to its figures.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    CdfPoint, Distribution, Estimate, FailureKind, GenerationSlice, GenerationSummary,
    LatencySummary, LoadMode, Objective, ServerSummary, Slice, StabilitySummary, StageSummary,
    Summary, TimelinePoint,
    interval::{Intervals, grouped},
};

mod generator;
pub(crate) mod stages;

#[cfg(test)]
mod tests;

/// Points of a timeline and of a cumulative distribution: as many as a chart can show.
const TIMELINE_POINTS_MAX: usize = 600;
const CDF_POINTS_MAX: usize = 400;

/// Everything known of one load level.
#[derive(Clone, Debug)]
pub struct Measurement<'a> {
    /// How the load was made.
    pub mode: LoadMode,
    /// The measured slices in order, without those of the warm-up.
    pub slices: &'a [Slice],
    /// What the recorder counted good requests by, if anything.
    pub objective: Option<&'a Objective>,
    /// From [`Stability::finish`](crate::Stability::finish).
    pub stability: StabilitySummary,
    /// The generator's own figures.
    pub generator: GeneratorReading,
    /// The server's.
    pub server: Option<ServerSummary>,
    /// Stages by another source than the slices' samples; taken if there are no samples.
    pub stages: Option<StageSummary>,
}

/// What the generator cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GeneratorReading {
    /// Threads that sent.
    pub threads: usize,
    /// CPU time of the busiest of them while the slices were measured.
    pub busiest_cpu: Duration,
}

impl Summary {
    /// The figures of a load level. None of them is infinite or not a number: what was not observed is
    /// 0 or absent. [`StageSummary::bottleneck`] and [`StageSummary::verdict`] are left empty.
    #[must_use]
    pub fn of(measurement: Measurement<'_>) -> Self {
        let slices = measurement.slices;
        let intervals = Intervals::new(slices);
        let is_open = measurement.mode.is_open();
        let latency = intervals.latency();
        let goodput = |objective: &Objective| objective.goodput(slices, &intervals);
        let mut summary = Self {
            seconds: seconds(slices),
            offered: slices.iter().map(|slice| slice.offered).sum(),
            completed: slices.iter().map(|slice| slice.completed).sum(),
            failures: failures(slices),
            throughput: intervals.rate(|slice| slice.answered),
            latency: LatencySummary::of(&latency),
            service: is_open.then(|| times(&intervals, |slice| Some(&slice.service))),
            goodput: measurement.objective.map(goodput),
            generation: generation(slices, &intervals, is_open),
            server: measurement.server,
            stages: stages::of(slices).or(measurement.stages),
            timeline: timeline(slices),
            cdf: cdf(latency.all()),
            stability: measurement.stability,
            ..Self::default()
        };
        let lateness = is_open.then(|| times(&intervals, |slice| Some(&slice.lateness)));
        summary.generator = generator::summary(&measurement.generator, slices, lateness, &summary);
        summary
    }
}

impl LoadMode {
    /// Whether requests are sent at times that do not depend on the answers.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Open | Self::Replay | Self::Ramp => true,
            Self::Closed | Self::Sessions => false,
        }
    }
}

impl LatencySummary {
    fn of(quantiles: &crate::interval::Quantiles<'_>) -> Self {
        let all = quantiles.all();
        let at = |q| quantiles.estimate(q).milliseconds();
        Self {
            count: all.count(),
            mean: all.mean() / 1e6,
            min: all.min() as f64 / 1e6,
            max: all.max() as f64 / 1e6,
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
        }
    }
}

impl Estimate {
    /// From nanoseconds.
    pub(crate) fn milliseconds(self) -> Self {
        Self { value: self.value / 1e6, low: self.low / 1e6, high: self.high / 1e6 }
    }
}

fn times(
    intervals: &Intervals<'_>,
    of: impl Fn(&Slice) -> Option<&Distribution>,
) -> LatencySummary {
    LatencySummary::of(&intervals.quantiles(of))
}

fn seconds(slices: &[Slice]) -> f64 {
    slices.iter().map(|slice| slice.length.as_secs_f64()).sum()
}

fn failures(slices: &[Slice]) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (kind, count) in slices.iter().flat_map(|slice| &slice.failures) {
        *sums.entry(kind.name().to_owned()).or_default() += count;
    }
    sums.retain(|_, count: &mut u64| *count > 0);
    sums
}

fn generation(
    slices: &[Slice],
    intervals: &Intervals<'_>,
    is_open: bool,
) -> Option<GenerationSummary> {
    let sum = |of: fn(&GenerationSlice) -> u64| {
        slices.iter().filter_map(|slice| slice.generation.as_ref()).map(of).sum::<u64>() as f64
    };
    let time = |of: fn(&GenerationSlice) -> &Distribution| {
        times(intervals, move |slice| slice.generation.as_ref().map(of))
    };
    slices.iter().any(|slice| slice.generation.is_some()).then(|| {
        let time_to_first_token = time(|generation| &generation.time_to_first_token);
        let generations = time_to_first_token.count.max(1) as f64;
        let output_tokens_mean = sum(|generation| generation.output_tokens) / generations;
        GenerationSummary {
            time_to_first_token,
            time_per_output_token: time(|generation| &generation.time_per_output_token),
            inter_token_latency: time(|generation| &generation.inter_token_latency),
            output_tokens_per_second: tokens_per_second(intervals, output_tokens_mean, is_open),
            prompt_tokens_mean: sum(|generation| generation.prompt_tokens) / generations,
            output_tokens_mean,
        }
    })
}

/// Tokens are known of the requests that completed. In an open loop these may have ended after the
/// measured time, so the rate of requests that did not is taken instead.
fn tokens_per_second(intervals: &Intervals<'_>, per_request: f64, is_open: bool) -> Estimate {
    if is_open {
        let Estimate { value, low, high } = intervals.rate(|slice| slice.answered);
        let [value, low, high] = [value, low, high].map(|rate| rate * per_request);
        return Estimate { value, low, high };
    }
    intervals.rate(|slice| slice.generation.as_ref().map_or(0, |tokens| tokens.output_tokens))
}

fn timeline(slices: &[Slice]) -> Vec<TimelinePoint> {
    let start = slices.first().map_or(Duration::ZERO, |slice| slice.start);
    let point = |group: &[Slice]| {
        let latency = Distribution::merged(group.iter().map(|slice| &slice.latency));
        let answered: u64 = group.iter().map(|slice| slice.answered).sum();
        let (length, end) = (seconds(group), group.last().map_or(start, Slice::end));
        TimelinePoint {
            seconds: end.saturating_sub(start).as_secs_f64(),
            rate: if length > 0.0 { answered as f64 / length } else { 0.0 },
            p50_ms: latency.quantile(0.5) as f64 / 1e6,
            p99_ms: latency.quantile(0.99) as f64 / 1e6,
            failures: group.iter().map(Slice::failed).sum(),
        }
    };
    grouped(slices, TIMELINE_POINTS_MAX).map(point).collect()
}

fn cdf(latency: &Distribution) -> Vec<CdfPoint> {
    let points = latency.cdf(CDF_POINTS_MAX).into_iter();
    points.map(|(value, share)| CdfPoint { ms: value as f64 / 1e6, share }).collect()
}

impl Slice {
    /// Requests that failed, however.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Requests that ended, however.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.completed + self.failed()
    }

    /// From the start of the measurement.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.start + self.length
    }

    /// Requests that failed in one way.
    #[must_use]
    pub fn failed_by(&self, kind: FailureKind) -> u64 {
        self.failures.get(&kind).copied().unwrap_or_default()
    }
}
