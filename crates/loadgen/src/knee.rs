//! Where more load stops to bring more throughput.

use crate::{Knee, LevelResult, LoadLevel, LoadMode};

#[cfg(test)]
mod tests;

/// Throughput that grows by less than this share of what the load grows by is at its limit.
const GAIN_MIN: f64 = 0.1;
/// Fewer levels show no bend.
const LEVELS_MIN: usize = 3;

impl Knee {
    /// The knee of a sweep: the last level that brought a gain over the last one before it that did. A
    /// gain is at least a tenth of the proportional one (twice the load, at least 10 % more
    /// throughput) and larger than the confidence intervals of both levels allow for chance, so that
    /// small steps add up before they count.
    ///
    /// `None` if there are fewer than three levels, if the highest one still gained, or if the load was
    /// not meant to be steady. Rounds of a level are averaged.
    #[must_use]
    pub fn of(levels: &[LevelResult]) -> Option<Self> {
        let points = points(levels);
        let (first, rest) = points.split_first().filter(|_| points.len() >= LEVELS_MIN)?;
        let knee =
            rest.iter().fold(first, |last, next| if gains(last, next) { next } else { last });
        let beyond = points.iter().find(|point| point.load.value > knee.load.value)?;
        Some(Self {
            load: knee.load.clone(),
            throughput: knee.throughput,
            p99_ms: knee.p99_ms,
            reason: reason(knee, beyond),
        })
    }
}

/// A load level over its rounds.
#[derive(Clone, Debug)]
struct Point {
    load: LoadLevel,
    throughput: f64,
    /// Half of the confidence interval's width.
    doubt: f64,
    p99_ms: f64,
}

/// By ascending load, all of the mode and arrivals of the first level.
fn points(levels: &[LevelResult]) -> Vec<Point> {
    let Some(first) = levels.first().map(|level| &level.load) else { return Vec::new() };
    if matches!(first.mode, LoadMode::Ramp | LoadMode::Replay) {
        return Vec::new();
    }
    let mut loads: Vec<&LoadLevel> = levels
        .iter()
        .map(|level| &level.load)
        .filter(|load| load.mode == first.mode && load.arrivals == first.arrivals)
        .filter(|load| load.value > 0.0)
        .collect();
    loads.sort_by(|a, b| a.value.total_cmp(&b.value));
    loads.dedup();
    loads.into_iter().map(|load| point(load, levels)).collect()
}

fn point(load: &LoadLevel, levels: &[LevelResult]) -> Point {
    let rounds: Vec<_> =
        levels.iter().filter(|level| level.load == *load).map(|level| &level.summary).collect();
    let number = rounds.len().max(1) as f64;
    let half = |summary: &&crate::Summary| (summary.throughput.high - summary.throughput.low) / 2.0;
    let squares: f64 = rounds.iter().map(|summary| half(summary).powi(2)).sum();
    Point {
        load: load.clone(),
        throughput: rounds.iter().map(|summary| summary.throughput.value).sum::<f64>() / number,
        doubt: squares.sqrt() / number,
        p99_ms: rounds.iter().map(|summary| summary.latency.p99.value).sum::<f64>() / number,
    }
}

fn gains(from: &Point, to: &Point) -> bool {
    let proportional = from.throughput * (to.load.value / from.load.value - 1.0);
    let gain = to.throughput - from.throughput;
    gain >= GAIN_MIN * proportional && gain > from.doubt.hypot(to.doubt)
}

fn reason(knee: &Point, beyond: &Point) -> String {
    let change = |before: f64, after: f64| match before {
        before if before > 0.0 => (after / before - 1.0) * 100.0,
        _ => 0.0,
    };
    format!(
        "from {} to {} the load grows by {:.0} %, throughput by {:.0} % and p99 by {:.0} %: a step \
         counts as a gain from a tenth of the load's growth on",
        knee.load.value,
        beyond.load.value,
        change(knee.load.value, beyond.load.value),
        change(knee.throughput, beyond.throughput),
        change(knee.p99_ms, beyond.p99_ms)
    )
}
