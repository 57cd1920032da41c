//! 95 % confidence intervals of what was measured over slices of time.
//!
//! Successive requests are not independent: they meet the same queue and the same disturbances. What
//! assumes independence is too sure of itself, often by a factor of several. So:
//!
//! - **Quantiles** and **shares**: a block bootstrap over the slices ([`Resampling`]), and the bounds
//!   that hold for independent observations of any distribution (order statistics, David and Nagaraja
//!   2003, section 7.1; Clopper and Pearson 1934 for shares). The wider end of the two counts. With
//!   fewer than 8 blocks there are only the latter.
//! - **Rates** and **means**: batch means with Student's t (Schmeiser 1982), with as many degrees of
//!   freedom as there are effectively independent batches; ratio estimators, as batches are of unequal
//!   length.

use crate::{
    Distribution, Estimate, Slice,
    critical::{binomial_cdf, bisect, normal_quantile, student_quantile},
    resampling::{BLOCKS_MAX, Resampling},
};

#[cfg(test)]
mod tests;

/// Probability that an interval's end is on the wrong side.
const TAIL: f64 = 0.025;
/// Fewer observations are too few to resample.
const OBSERVATIONS_MIN: u64 = 30;
/// Batches of a batch-means interval: Schmeiser found no gain in more.
const BATCHES_MAX: usize = 32;
/// With fewer batches their scatter says little, and events are taken for independent instead.
const BATCHES_MIN: usize = 6;

/// Neighbouring slices in groups of (almost) equal number, at most `groups_max` of them.
pub(crate) fn grouped(slices: &[Slice], groups_max: usize) -> impl Iterator<Item = &[Slice]> {
    slices.chunks(slices.len().div_ceil(groups_max).max(1))
}

/// What intervals of one measurement have in common.
#[derive(Debug)]
pub(crate) struct Intervals<'a> {
    slices: &'a [Slice],
    /// Of each block.
    latency: Vec<Distribution>,
    resampling: Option<Resampling>,
}

impl<'a> Intervals<'a> {
    pub(crate) fn new(slices: &'a [Slice]) -> Self {
        let blocks = grouped(slices, BLOCKS_MAX);
        let latency: Vec<Distribution> = blocks.map(|block| merged(block, latency_of)).collect();
        let resampling = Resampling::new(latency.len(), correlation(&latency));
        Self { slices, latency, resampling }
    }

    /// Quantiles of the latency.
    pub(crate) fn latency(&self) -> Quantiles<'_> {
        Quantiles::new(&self.latency, self.resampling.as_ref())
    }

    /// Quantiles of one of the slices' distributions.
    pub(crate) fn quantiles(&self, of: impl Fn(&Slice) -> Option<&Distribution>) -> Quantiles<'_> {
        let blocks: Vec<Distribution> = self.blocks().map(|block| merged(block, &of)).collect();
        Quantiles::new(&blocks, self.resampling.as_ref())
    }

    /// A count per second. `Estimate::low` and `high` are rates too.
    pub(crate) fn rate(&self, count: impl Fn(&Slice) -> u64) -> Estimate {
        let batches: Vec<Batch> = self
            .batches()
            .map(|batch| Batch {
                amount: batch.iter().map(&count).sum::<u64>() as f64,
                size: batch.iter().map(|slice| slice.length.as_secs_f64()).sum(),
            })
            .collect();
        rate_of(&batches)
    }

    /// The mean over all observations of one of the slices' distributions, in nanoseconds.
    pub(crate) fn mean(&self, of: impl Fn(&Slice) -> Option<&Distribution>) -> Estimate {
        let batches: Vec<Batch> = self
            .batches()
            .map(|batch| Batch {
                amount: batch.iter().filter_map(&of).map(Distribution::sum).sum(),
                size: batch.iter().filter_map(&of).map(Distribution::count).sum::<u64>() as f64,
            })
            .collect();
        let mut mean = ratio_of(&batches);
        if batches.len() < BATCHES_MIN {
            mean = wider(mean, independent_mean(&merged(self.slices, of)));
        }
        mean
    }

    /// The share that some of the observations are of all: `(some, all)` of a slice.
    pub(crate) fn share(&self, of: impl Fn(&Slice) -> (u64, u64)) -> Estimate {
        let sum = |block: &[Slice]| {
            let add = |sums: (u64, u64), slice: (u64, u64)| (sums.0 + slice.0, sums.1 + slice.1);
            block.iter().map(&of).fold((0, 0), add)
        };
        let (some, all): (Vec<u64>, Vec<u64>) = self.blocks().map(sum).unzip();
        share_of(&some, &all, self.resampling.as_ref())
    }

    /// Whether a slice has something.
    pub(crate) fn any(&self, has: impl Fn(&Slice) -> bool) -> bool {
        self.slices.iter().any(has)
    }

    fn blocks(&self) -> impl Iterator<Item = &'a [Slice]> {
        grouped(self.slices, BLOCKS_MAX)
    }

    fn batches(&self) -> impl Iterator<Item = &'a [Slice]> {
        grouped(self.slices, BATCHES_MAX)
    }
}

fn merged(slices: &[Slice], of: impl Fn(&Slice) -> Option<&Distribution>) -> Distribution {
    Distribution::merged(slices.iter().filter_map(of))
}

#[expect(clippy::unnecessary_wraps, reason = "other distributions may be absent")]
const fn latency_of(slice: &Slice) -> Option<&Distribution> {
    Some(&slice.latency)
}

/// How much successive blocks are alike, 0 to 1: the autocorrelation of their numbers of requests, or
/// of those below the overall median, whichever is higher.
fn correlation(blocks: &[Distribution]) -> f64 {
    let median = Distribution::merged(blocks).quantile(0.5);
    let counts: Vec<f64> = blocks.iter().map(|block| block.count() as f64).collect();
    let share = |block: &Distribution| block.count_at_most(median) as f64;
    let halves: Vec<f64> =
        blocks.iter().map(|block| share(block) - block.count() as f64 / 2.0).collect();
    [counts, halves].iter().map(|series| autocorrelation(&centred(series), 1)).fold(0.0, f64::max)
}

fn centred(series: &[f64]) -> Vec<f64> {
    let mean = series.iter().sum::<f64>() / series.len().max(1) as f64;
    series.iter().map(|value| value - mean).collect()
}

/// Of a series with mean 0; 0 if nothing varies.
fn autocorrelation(series: &[f64], lag: usize) -> f64 {
    let squares: f64 = series.iter().map(|value| value * value).sum();
    let late = series.get(lag..).unwrap_or_default();
    let products: f64 = series.iter().zip(late).map(|(early, late)| early * late).sum();
    if squares > 0.0 { products / squares } else { 0.0 }
}

/// Quantiles of a distribution that was observed in blocks of time.
#[derive(Debug)]
pub(crate) struct Quantiles<'a> {
    all: Distribution,
    count: u64,
    blocks: Vec<Cumulative>,
    /// Observations in each resample.
    totals: Vec<u64>,
    resampling: Option<&'a Resampling>,
}

impl<'a> Quantiles<'a> {
    fn new(blocks: &[Distribution], resampling: Option<&'a Resampling>) -> Self {
        let all = Distribution::merged(blocks);
        let count = all.count();
        let counts: Vec<u64> = blocks.iter().map(Distribution::count).collect();
        let totals = resampling.map_or_else(Vec::new, |resampling| resampling.sums(&counts));
        let blocks = blocks.iter().map(Cumulative::of).collect();
        Self { all, count, blocks, totals, resampling }
    }

    /// All observations.
    pub(crate) const fn all(&self) -> &Distribution {
        &self.all
    }

    /// A quantile in nanoseconds. An end that the observations cannot bound stands at the smallest or
    /// the largest of them.
    pub(crate) fn estimate(&self, q: f64) -> Estimate {
        let value = self.all.quantile(q) as f64;
        let (first, last) = order_statistics(q, self.count);
        let independent = Estimate {
            value,
            low: self.all.at_rank(first) as f64,
            high: self.all.at_rank(last) as f64,
        };
        match self.resampled(q) {
            Some((low, high)) => wider(independent, Estimate { value, low, high }),
            None => independent,
        }
    }

    /// A resample's quantile is at most `x` exactly if its share of observations up to `x` is at least
    /// `q`. So the ends need no quantile of any resample: they are where enough shares get there.
    fn resampled(&self, q: f64) -> Option<(f64, f64)> {
        let resampling = self.resampling.filter(|_| self.count >= OBSERVATIONS_MIN)?;
        let needed: Vec<f64> = self.totals.iter().map(|total| q * *total as f64).collect();
        let enough = |value: u64, resamples: usize| {
            let up_to: Vec<u64> =
                self.blocks.iter().map(|block| block.count_at_most(value)).collect();
            let sums = resampling.sums(&up_to);
            let reached = sums.iter().zip(&needed);
            reached.filter(|(sum, needed)| **sum as f64 >= **needed).count() >= resamples
        };
        let end = |resamples: usize| {
            let values = &self.all.values;
            let at = values.partition_point(|(value, _)| !enough(*value, resamples));
            values.get(at).map_or(self.all.max(), |(value, _)| *value) as f64
        };
        let cut = resampling.cut();
        Some((end(cut + 1), end(resampling.resamples() - cut)))
    }
}

/// A distribution in which counts are found fast.
#[derive(Debug)]
struct Cumulative(Vec<(u64, u64)>);

impl Cumulative {
    fn of(distribution: &Distribution) -> Self {
        let mut seen = 0;
        let add = |(value, count): &(u64, u64)| {
            seen += count;
            (*value, seen)
        };
        Self(distribution.values.iter().map(add).collect())
    }

    fn count_at_most(&self, limit: u64) -> u64 {
        let above = self.0.partition_point(|(value, _)| *value <= limit);
        above.checked_sub(1).map_or(0, |last| self.0[last].1)
    }
}

/// The ranks, from 1, between which the quantile `q` of what `count` independent observations come
/// from lies with 95 % confidence. Rank 0 or `count + 1` says that there is no bound.
#[expect(clippy::cast_possible_truncation, reason = "clamped to the count")]
fn order_statistics(q: f64, count: u64) -> (u64, u64) {
    let n = count as f64;
    let variance = n * q * (1.0 - q);
    if variance > 100.0 {
        // Cornish-Fisher; within a fraction of a rank of the exact one.
        let z = normal_quantile(1.0 - TAIL);
        let skew = (1.0 - 2.0 * q) * (z * z - 1.0) / 6.0;
        let rank = |z: f64| n.mul_add(q, z * variance.sqrt()) + skew;
        return (rank(-z).floor().max(0.0) as u64, (rank(z).ceil() as u64 + 1).min(count + 1));
    }
    let below = |rank: u64| binomial_cdf(rank, count, q);
    let first = partition(count, |rank| below(rank) <= TAIL);
    let last = partition(count, |rank| below(rank) < 1.0 - TAIL) + 1;
    (first, last)
}

/// The smallest number below `end` for which the condition, true up to some number, is false.
fn partition(end: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, end);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// `some` of `all`, block by block.
fn share_of(some: &[u64], all: &[u64], resampling: Option<&Resampling>) -> Estimate {
    let (successes, tries) = (some.iter().sum::<u64>(), all.iter().sum::<u64>());
    if tries == 0 {
        return Estimate { value: 0.0, low: 0.0, high: 1.0 };
    }
    let value = successes as f64 / tries as f64;
    let independent = clopper_pearson(successes, tries);
    let resampled = resampling
        .filter(|_| tries >= OBSERVATIONS_MIN)
        .and_then(|resampling| resampling.ratio(some, all));
    match resampled {
        Some((low, high)) => wider(independent, Estimate { value, low, high }),
        None => independent,
    }
}

/// The share of successes among independent tries, at least one.
pub(crate) fn clopper_pearson(successes: u64, tries: u64) -> Estimate {
    let at_least = |p: f64| 1.0 - binomial_cdf(successes - 1, tries, p);
    let at_most = |p: f64| binomial_cdf(successes, tries, p);
    let low = if successes == 0 { 0.0 } else { bisect(0.0, 1.0, |p| at_least(p) >= TAIL) };
    let high = if successes == tries { 1.0 } else { bisect(0.0, 1.0, |p| at_most(p) <= TAIL) };
    Estimate { value: successes as f64 / tries as f64, low, high }
}

/// An amount (requests, nanoseconds) over a size (seconds, requests).
#[derive(Clone, Copy, Debug)]
struct Batch {
    amount: f64,
    size: f64,
}

/// Events per second. Few batches are taken for a Poisson process if that is less sure.
fn rate_of(batches: &[Batch]) -> Estimate {
    let mut rate = ratio_of(batches);
    let seconds: f64 = batches.iter().map(|batch| batch.size).sum();
    if batches.len() < BATCHES_MIN && seconds > 0.0 {
        let half = normal_quantile(1.0 - TAIL) * (rate.value * seconds).max(1.0).sqrt() / seconds;
        rate = wider(rate, around(rate.value, half));
    }
    rate
}

/// The sum of the amounts over that of the sizes.
fn ratio_of(batches: &[Batch]) -> Estimate {
    let size: f64 = batches.iter().map(|batch| batch.size).sum();
    if size <= 0.0 {
        return Estimate::default();
    }
    let value = batches.iter().map(|batch| batch.amount).sum::<f64>() / size;
    let rest: Vec<f64> = batches.iter().map(|batch| batch.amount - value * batch.size).collect();
    let number = rest.len() as f64;
    if rest.len() < 2 {
        return around(value, 0.0);
    }
    let inflation = variance_inflation(&rest);
    let freedom = (number / inflation - 1.0).max(1.0);
    let squares: f64 = rest.iter().map(|rest| rest * rest).sum();
    let deviation = (squares * inflation * number / (number - 1.0)).sqrt() / size;
    around(value, student_quantile(1.0 - TAIL, freedom) * deviation)
}

/// By how much correlation with its neighbours raises the variance of the mean of a series with mean
/// 0: one and twice the autocorrelations up to the first that is not positive (Geyer 1992). At least 1.
pub(crate) fn variance_inflation(series: &[f64]) -> f64 {
    let lags = 1..=series.len() / 4;
    let correlated = lags.map(|lag| autocorrelation(series, lag)).take_while(|value| *value > 0.0);
    1.0 + 2.0 * correlated.sum::<f64>()
}

/// The mean of independent observations.
fn independent_mean(all: &Distribution) -> Estimate {
    let (mean, count) = (all.mean(), all.count() as f64);
    if count < 2.0 {
        return around(mean, 0.0);
    }
    let squares: f64 = all
        .values
        .iter()
        .map(|(value, count)| (*value as f64 - mean).powi(2) * *count as f64)
        .sum();
    let deviation = (squares / (count - 1.0) / count).sqrt();
    around(mean, student_quantile(1.0 - TAIL, count - 1.0) * deviation)
}

/// Of something that cannot be negative.
fn around(value: f64, half: f64) -> Estimate {
    Estimate { value, low: (value - half).max(0.0), high: value + half }
}

fn wider(a: Estimate, b: Estimate) -> Estimate {
    Estimate { value: a.value, low: a.low.min(b.low), high: a.high.max(b.high) }
}
