//! The block bootstrap: how figures would have scattered, had the stretches of a measurement come in
//! other proportions.

use crate::{
    Random,
    critical::{normal_cdf, student_quantile},
};

#[cfg(test)]
mod tests;

/// Weights of blocks of time in many resamples of a measurement: the circular block bootstrap (Künsch
/// 1989; Politis and Romano 1992).
///
/// Requests of neighbouring moments share queues, caches and the machine's mood; so whole runs of
/// blocks are drawn, which keeps what is correlated together. A run is as long as is best for an
/// autoregressive series of the observed correlation (Politis and White 2004), and at most a sixth of
/// the measurement.
///
/// The weights are always the same for the same number of blocks, so results are reproducible.
pub(crate) struct Resampling {
    blocks: usize,
    /// Blocks in a run.
    run: usize,
    /// [`RESAMPLES`] rows of `blocks` weights.
    weights: Vec<u32>,
    tail: f64,
}

/// Resamples: the ends of an interval are then found to about a tenth of its width.
const RESAMPLES: usize = 1000;
/// With fewer blocks than this, resampling would only show a few constellations.
pub(crate) const BLOCKS_MIN: usize = 8;
/// Fewer runs say nothing of how much they scatter.
const RUNS_MIN: usize = 6;
/// More blocks would cost and bring nothing.
pub(crate) const BLOCKS_MAX: usize = 64;
const SEED: u64 = 0x5eed_b10c;

impl Resampling {
    /// Of a measurement in so many blocks, successive ones of which are correlated as much as this;
    /// `None` if they are too few. The correlation is taken to be one standard error higher, as short
    /// series show too little of it.
    pub(crate) fn new(blocks: usize, correlation: f64) -> Option<Self> {
        if blocks < BLOCKS_MIN {
            return None;
        }
        let correlation = (correlation.max(0.0) + (blocks as f64).powf(-0.5)).min(0.9);
        let run = run_length(blocks, correlation);
        let mut random = Random::new(SEED);
        let mut weights = vec![0; RESAMPLES * blocks];
        for row in weights.chunks_exact_mut(blocks) {
            for _ in 0..blocks.div_ceil(run) {
                let rotation = usize::try_from(random.below(blocks as u64)).unwrap_or_default();
                (rotation..rotation + run).for_each(|block| row[block % blocks] += 1);
            }
        }
        Some(Self { blocks, run, weights, tail: tail(blocks, run, correlation) })
    }

    /// The 95 % interval of a ratio of two sums over blocks: `parts` over `wholes`. Resamples whose
    /// whole is empty are left out; `None` if all are.
    pub(crate) fn ratio(&self, parts: &[u64], wholes: &[u64]) -> Option<(f64, f64)> {
        let sums = self.sums(parts).into_iter().zip(self.sums(wholes));
        let sums = sums.filter(|(_, whole)| *whole > 0);
        let mut ratios: Vec<f64> = sums.map(|(part, whole)| part as f64 / whole as f64).collect();
        ratios.sort_unstable_by(f64::total_cmp);
        let cut = ratios.len() * self.cut() / RESAMPLES;
        Some((*ratios.get(cut)?, *ratios.get(ratios.len() - 1 - cut)?))
    }

    /// The sum over blocks in every resample.
    pub(crate) fn sums(&self, values: &[u64]) -> Vec<u64> {
        // Products of 32 bits are several times as fast, and no block holds four billion observations.
        let narrow = values.iter().map(|value| u32::try_from(*value).unwrap_or(u32::MAX));
        let narrow: Vec<u32> = narrow.collect();
        let weighted = |row: &[u32]| {
            let products = row.iter().zip(&narrow);
            products.map(|(weight, value)| u64::from(*weight) * u64::from(*value)).sum()
        };
        self.weights.chunks_exact(self.blocks).map(weighted).collect()
    }

    /// Resamples that are cut off at either end of a 95 % interval.
    #[expect(clippy::cast_possible_truncation, reason = "below the number of resamples")]
    pub(crate) fn cut(&self) -> usize {
        (self.tail * RESAMPLES as f64) as usize
    }

    /// Number of resamples.
    pub(crate) const fn resamples(&self) -> usize {
        RESAMPLES
    }
}

/// Blocks in a run.
fn run_length(blocks: usize, correlation: f64) -> usize {
    let best =
        (6.0 * blocks as f64).cbrt() * (correlation / (1.0 - correlation.powi(2))).powf(2.0 / 3.0);
    let longest = (blocks / RUNS_MIN).max(1);
    (1..longest).find(|run| *run as f64 >= best).unwrap_or(longest)
}

/// The share of resamples beyond either end of a 95 % interval: the expanded percentile interval of
/// Hesterberg (2015), "What teachers should know about the bootstrap". Plain percentiles are too
/// narrow where few independent runs were seen, as a normal interval is against Student's. They are
/// expanded, too, by what runs of that length lose of the correlation.
fn tail(blocks: usize, run: usize, correlation: f64) -> f64 {
    let runs = blocks as f64 / run as f64;
    let freedom = (runs - 1.0).max(1.0);
    let expanded = student_quantile(0.975, freedom) * (runs / freedom).sqrt();
    normal_cdf(-expanded * lost_variance(run, correlation).sqrt())
}

/// The variance of the mean of an autoregressive series over that which runs of this length show.
fn lost_variance(run: usize, correlation: f64) -> f64 {
    let (mut seen, mut power) = (1.0, 1.0);
    for lag in 1..run {
        power *= correlation;
        seen += 2.0 * (1.0 - lag as f64 / run as f64) * power;
    }
    (1.0 + correlation) / (1.0 - correlation) / seen
}

impl std::fmt::Debug for Resampling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{RESAMPLES} resamples of {} blocks in runs of {}", self.blocks, self.run)
    }
}
