//! What is asked of the scores of all tokens of a vocabulary.

use crate::{
    Threads,
    exponential::{exp, tanh},
    simd::{self, GROUP, Kernel, Simd},
    threads::{RowPortions, worth_sharing},
};

/// Values whose exponentials are added in 32 bits, in 32 sums, before they are added in 64.
const SUMMED: usize = 4096;

/// The index of the greatest value, of equals the first; what is no number is never the greatest.
/// 0 if there is none.
#[must_use]
pub fn argmax(values: &[f32]) -> usize {
    let greatest = simd::run(Greatest(values));
    values.iter().position(|value| *value == greatest).unwrap_or(0)
}

/// `ln(Σ e^value)`: what is subtracted from a value to get the logarithm of its probability.
///
/// The error is below 1e-6 and 1e-7 of the result. Of no values or only minus infinity, it is minus
/// infinity; if one is no number, so is the result.
#[must_use]
pub fn log_sum_exp(values: &[f32]) -> f32 {
    let greatest = simd::run(Greatest(values));
    if greatest.is_infinite() {
        // Differences to an infinity say nothing, but what is no number has to be seen.
        let nan = values.iter().find(|value| value.is_nan());
        return nan.copied().unwrap_or(greatest);
    }
    let sum: f64 = values
        .chunks(SUMMED)
        .map(|values| f64::from(simd::run(SumOfExponentials { values, greatest })))
        .sum();
    #[expect(clippy::cast_possible_truncation, reason = "the result is a 32-bit float")]
    let logarithm = sum.ln() as f32;
    greatest + logarithm
}

/// Each value becomes `cap * tanh(value / cap)`, with an error below 3e-7 of `cap`: how Gemma 2
/// bounds its scores.
pub fn softcap(values: &mut [f32], cap: f32, threads: &Threads) {
    each_piece(values, threads, &|piece| simd::run(SoftCap { values: piece, cap }));
}

fn each_piece(values: &mut [f32], threads: &Threads, each: &(dyn Fn(&mut [f32]) + Sync)) {
    let shared = worth_sharing(values.len());
    let portions = RowPortions::new(values, 1, SUMMED);
    let work = |_| {
        while let Some((_, piece)) = portions.next() {
            each(piece);
        }
    };
    if shared { threads.run(&work) } else { work(0) }
}

struct Greatest<'a>(&'a [f32]);

impl Kernel for Greatest<'_> {
    type Output = f32;

    /// Minus infinity if there is no number.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let lowest = simd.splat(f32::NEG_INFINITY);
        let mut greatest = [lowest; 2];
        for pair in self.0.chunks(2 * GROUP) {
            for (greatest, values) in greatest.iter_mut().zip(pair.chunks(GROUP)) {
                *greatest = simd.max(simd.load_part(values, f32::NEG_INFINITY), *greatest);
            }
        }
        simd.largest(simd.max(greatest[0], greatest[1]))
    }
}

struct SumOfExponentials<'a> {
    values: &'a [f32],
    greatest: f32,
}

impl Kernel for SumOfExponentials<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let greatest = simd.splat(self.greatest);
        let mut sums = [simd.splat(0.0); 2];
        for pair in self.values.chunks(2 * GROUP) {
            for (sum, values) in sums.iter_mut().zip(pair.chunks(GROUP)) {
                let values = simd.load_part(values, f32::NEG_INFINITY);
                *sum = simd.add(*sum, exp(simd, simd.sub(values, greatest)));
            }
        }
        simd.sum(simd.add(sums[0], sums[1]))
    }
}

struct SoftCap<'a> {
    values: &'a mut [f32],
    cap: f32,
}

impl Kernel for SoftCap<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let cap = simd.splat(self.cap);
        for values in self.values.chunks_mut(GROUP) {
            let relative = simd.div(simd.load_part(values, 0.0), cap);
            simd.store_part(simd.mul(cap, tanh(simd, relative)), values);
        }
    }
}

#[cfg(test)]
mod tests;
