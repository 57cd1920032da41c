//! Whether a measurement drifted: a trend that is both sure and large enough to matter.

use crate::{
    Distribution, Slice, StabilityOptions,
    critical::{normal_cdf, student_cdf},
    interval::{grouped, variance_inflation},
};

/// Blocks of time that a trend is looked for in.
const BLOCKS_MAX: usize = 32;
/// Fewer show no trend at this level.
const BLOCKS_MIN: usize = 6;
/// Probability of seeing a change where there is none; half of it for each of the two tests.
const LEVEL: f64 = 0.01;

/// Why the measurement was not steady, in words; empty if it was.
pub(super) fn reasons(measured: &[Slice], options: &StabilityOptions) -> Vec<String> {
    let completed: u64 = measured.iter().map(|slice| slice.completed).sum();
    if completed == 0 {
        return vec!["no request was completed".to_owned()];
    }
    if completed < options.completions_min {
        return vec![format!(
            "only {completed} requests were completed: too few to tell whether it was steady"
        )];
    }
    [("throughput", throughputs(measured)), ("median latency", medians(measured))]
        .into_iter()
        .filter_map(|(name, series)| drift(name, &series, options.tolerance / 2.0))
        .collect()
}

fn throughputs(measured: &[Slice]) -> Vec<f64> {
    let rate = |block: &[Slice]| {
        let seconds: f64 = block.iter().map(|slice| slice.length.as_secs_f64()).sum();
        let answered: u64 = block.iter().map(|slice| slice.answered).sum();
        (seconds > 0.0).then(|| answered as f64 / seconds)
    };
    grouped(measured, BLOCKS_MAX).filter_map(rate).collect()
}

/// Of the blocks in which something was completed.
fn medians(measured: &[Slice]) -> Vec<f64> {
    grouped(measured, BLOCKS_MAX)
        .map(|block| Distribution::merged(block.iter().map(|slice| &slice.latency)))
        .filter(|block| !block.is_empty())
        .map(|block| block.quantile(0.5) as f64)
        .collect()
}

fn drift(name: &str, series: &[f64], effect_min: f64) -> Option<String> {
    let effect = effect(series)?;
    let probability = || trend_probability(series).min(step_probability(series));
    (effect.abs() > effect_min && probability() < LEVEL / 2.0).then(|| {
        let direction = if effect > 0.0 { "rose" } else { "fell" };
        let percent = effect.abs() * 100.0;
        format!("{name} {direction} during the measurement: by {percent:.0} % from its first half to its second")
    })
}

/// By which share of it the mean of the second half exceeds that of the first.
fn effect(series: &[f64]) -> Option<f64> {
    let (first, second) = series.split_at(series.len() / 2);
    let mean = |half: &[f64]| half.iter().sum::<f64>() / half.len() as f64;
    if series.len() < BLOCKS_MIN {
        return None;
    }
    let (first, second) = (mean(first), mean(second));
    let larger = first.max(second);
    (larger > 0.0).then(|| (second - first) / first.max(larger / 100.0))
}

/// The probability that a series without a trend looks as much like one as this: Mann (1945), Kendall
/// (1975), with the variance corrected for ties and for correlation between neighbours.
fn trend_probability(series: &[f64]) -> f64 {
    let number = series.len() as f64;
    let mut score = 0.0;
    let mut tied_pairs = 0.0;
    for (index, early) in series.iter().enumerate() {
        for late in &series[index + 1..] {
            match late.total_cmp(early) {
                std::cmp::Ordering::Greater => score += 1.0,
                std::cmp::Ordering::Less => score -= 1.0,
                std::cmp::Ordering::Equal => tied_pairs += 1.0,
            }
        }
    }
    let pairs = number * (number - 1.0) / 2.0;
    let untied = 1.0 - tied_pairs / pairs;
    let variance = number * (number - 1.0) * (2.0 * number + 5.0) / 18.0 * untied;
    let variance = variance * variance_inflation(&detrended(series));
    if variance <= 0.0 {
        return 1.0;
    }
    let z = (f64::abs(score) - 1.0).max(0.0) / variance.sqrt();
    2.0 * normal_cdf(-z)
}

/// The probability that two halves of equal mean differ as much as these: Student's test, with the
/// correlation between neighbours taken into account. A step in the middle is seen by it; what a
/// straight line leaves of a step looks like correlation.
fn step_probability(series: &[f64]) -> f64 {
    let (first, second) = series.split_at(series.len() / 2);
    let mean = |half: &[f64]| half.iter().sum::<f64>() / half.len() as f64;
    let rest = |half: &[f64]| half.iter().map(|value| value - mean(half)).collect::<Vec<f64>>();
    let rest = [rest(first), rest(second)].concat();
    let inflation = variance_inflation(&rest);
    let freedom = (series.len() as f64 / inflation - 2.0).max(1.0);
    let variance = rest.iter().map(|value| value * value).sum::<f64>() / (rest.len() as f64 - 2.0);
    let parts = 1.0 / first.len() as f64 + 1.0 / second.len() as f64;
    let difference = (mean(second) - mean(first)).abs();
    let error = (variance * parts * inflation).sqrt();
    if difference <= 0.0 { 1.0 } else { 2.0 * student_cdf(-difference / error, freedom) }
}

/// What a straight line through the series leaves. A trend is no correlation between neighbours.
fn detrended(series: &[f64]) -> Vec<f64> {
    let middle = (series.len() as f64 - 1.0) / 2.0;
    let mean = series.iter().sum::<f64>() / series.len() as f64;
    let points = || series.iter().enumerate().map(|(at, value)| (at as f64 - middle, value - mean));
    let slope = points().map(|(at, value)| at * value).sum::<f64>()
        / points().map(|(at, _)| at * at).sum::<f64>();
    points().map(|(at, value)| slope.mul_add(-at, value)).collect()
}
