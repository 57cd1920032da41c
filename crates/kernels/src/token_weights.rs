//! What drawing a token asks of the scores of a whole vocabulary.

use crate::{
    exponential::exp,
    simd::{self, GROUP, Kernel, Simd},
};

/// Scores of which [`block_peaks`] gives the greatest.
pub const PEAK_BLOCK: usize = 32;

/// Values that are added in 32 bits, in 16 sums, before they are added in 64.
const SUMMED: usize = 4096;

/// How likely tokens are, relative to one with the score `greatest`.
#[derive(Clone, Copy, Debug)]
pub struct Weighing {
    /// No score is greater.
    pub greatest: f32,
    /// One over the temperature; positive.
    pub scale: f32,
    /// Tokens with a lower score have no weight.
    pub score_min: f32,
}

/// Writes the greatest of each [`PEAK_BLOCK`] scores, the last block being what is left. False if a score is no
/// number or plus infinity; the peaks say nothing then.
pub fn block_peaks(scores: &[f32], peaks: &mut Vec<f32>) -> bool {
    peaks.clear();
    peaks.resize(scores.len().div_ceil(PEAK_BLOCK), f32::NEG_INFINITY);
    simd::run(Peaks { scores, peaks })
}

/// Writes `e^x`, `x = (score - greatest) * scale`, of each score and returns their sum: each within `2e-7 * (1 + |x|)` of
/// itself, since `x` is rounded, and the sum within 1e-6.
///
/// # Panics
///
/// If there is not a place for each score.
pub fn token_weights(scores: &[f32], weighing: Weighing, weights: &mut [f32]) -> f64 {
    assert_eq!(scores.len(), weights.len(), "one weight per score");
    let pieces = scores.chunks(SUMMED).zip(weights.chunks_mut(SUMMED));
    pieces
        .map(|(scores, weights)| f64::from(simd::run(Weights { scores, weighing, weights })))
        .sum()
}

/// The sum of the values that are at least `min`; none of them negative, `min` a number. Within 1e-6 of itself.
#[must_use]
pub fn sum_at_least(values: &[f32], min: f32) -> f64 {
    let pieces = values.chunks(SUMMED);
    pieces.map(|values| f64::from(simd::run(SumAtLeast { values, min }))).sum()
}

struct Peaks<'a> {
    scores: &'a [f32],
    peaks: &'a mut [f32],
}

impl Kernel for Peaks<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> bool {
        let infinity = simd.splat(f32::INFINITY);
        let (valid, invalid) = (simd.splat(0.0), simd.splat(1.0));
        let mut found = valid;
        for (block, peak) in self.scores.chunks(PEAK_BLOCK).zip(self.peaks) {
            let mut greatest = simd.splat(f32::NEG_INFINITY);
            for values in block.chunks(GROUP) {
                let values = simd.load_part(values, f32::NEG_INFINITY);
                greatest = simd.max(values, greatest);
                found = simd.max(found, simd.where_less([values, infinity], valid, invalid));
            }
            *peak = simd.largest(greatest);
        }
        simd.largest(found) == 0.0
    }
}

struct Weights<'a> {
    scores: &'a [f32],
    weighing: Weighing,
    weights: &'a mut [f32],
}

impl Kernel for Weights<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let Weighing { greatest, scale, score_min } = self.weighing;
        let [greatest, scale, score_min] = [greatest, scale, score_min].map(|one| simd.splat(one));
        let zero = simd.splat(0.0);
        let mut sum = zero;
        for (scores, weights) in self.scores.chunks(GROUP).zip(self.weights.chunks_mut(GROUP)) {
            let scores = simd.load_part(scores, f32::NEG_INFINITY);
            let weight = exp(simd, simd.mul(simd.sub(scores, greatest), scale));
            let weight = simd.where_less([scores, score_min], zero, weight);
            sum = simd.add(sum, weight);
            simd.store_part(weight, weights);
        }
        simd.sum(sum)
    }
}

struct SumAtLeast<'a> {
    values: &'a [f32],
    min: f32,
}

impl Kernel for SumAtLeast<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (min, zero) = (simd.splat(self.min), simd.splat(0.0));
        let mut sums = [zero; 2];
        for pair in self.values.chunks(2 * GROUP) {
            for (sum, values) in sums.iter_mut().zip(pair.chunks(GROUP)) {
                let values = simd.load_part(values, 0.0);
                *sum = simd.add(*sum, simd.where_less([values, min], zero, values));
            }
        }
        simd.sum(simd.add(sums[0], sums[1]))
    }
}

#[cfg(test)]
mod tests;
