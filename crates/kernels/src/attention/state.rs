//! What is known of some rows after some of their tokens.

use std::ops::Range;

use super::Call;
use crate::{
    exponential::exp2_of_one,
    simd::{GROUP, Simd},
};

/// One row while its blocks are gone through.
pub(super) struct Running<'a> {
    /// Largest score, times the logarithm of e to base 2.
    pub(super) maximum: &'a mut f32,
    /// Sums of weights, one for each place in a group.
    pub(super) sums: &'a mut [f32; GROUP],
}

/// Rows after a segment, or after all: values are weighted sums, not divided yet.
pub(super) struct State<'a> {
    maxima: &'a mut [f32],
    sums: &'a mut [f32],
    /// `[rows, stride]`.
    pub(super) values: &'a mut [f32],
    pub(super) stride: usize,
}

impl<'a> State<'a> {
    /// Floats for so many rows of queries.
    pub(super) fn len(call: &Call<'_>, rows: usize) -> usize {
        rows * call.group * (2 + call.cache.value_stride())
    }

    /// Takes all of `floats`.
    pub(super) fn new(floats: &'a mut [f32], stride: usize) -> Self {
        let rows = floats.len() / (2 + stride);
        let (maxima, rest) = floats.split_at_mut(rows);
        let (sums, values) = rest.split_at_mut(rows);
        Self { maxima, sums, values, stride }
    }

    /// Nothing seen.
    pub(super) fn clear(&mut self) {
        self.maxima.fill(f32::NEG_INFINITY);
        self.sums.fill(0.0);
        self.values.fill(0.0);
    }

    /// Row `row`, whose weights are summed in `lanes`.
    #[inline(always)]
    pub(super) fn running<'b>(&'b mut self, row: usize, lanes: &'b mut [f32]) -> Running<'b> {
        Running { maximum: &mut self.maxima[row], sums: &mut lanes.as_chunks_mut().0[row] }
    }

    /// Ends a segment: the sums of all rows from those of their lanes.
    #[inline(always)]
    pub(super) fn close<S: Simd>(&mut self, simd: S, lanes: &[f32]) {
        for (sum, lanes) in self.sums.iter_mut().zip(lanes.as_chunks().0) {
            *sum = simd.sum(simd.load(lanes));
        }
    }

    /// Multiplies the values of row `row`.
    #[inline(always)]
    pub(super) fn scale<S: Simd>(&mut self, simd: S, row: usize, factor: f32) {
        let factor = simd.splat(factor);
        let values = &mut self.values[row * self.stride..(row + 1) * self.stride];
        for values in values.as_chunks_mut().0 {
            simd.store(simd.mul(simd.load(values), factor), values);
        }
    }

    /// Adds the tokens of the segment after. Rows that saw none of one side are the other side's.
    #[inline(always)]
    pub(super) fn absorb<S: Simd>(&mut self, simd: S, later: &State<'_>) {
        for row in 0..self.maxima.len() {
            let range = row * self.stride..(row + 1) * self.stride;
            if later.maxima[row] == f32::NEG_INFINITY {
                continue;
            }
            if self.maxima[row] == f32::NEG_INFINITY {
                self.maxima[row] = later.maxima[row];
                self.sums[row] = later.sums[row];
                self.values[range.clone()].copy_from_slice(&later.values[range]);
                continue;
            }
            self.absorb_row(simd, row, range, later);
        }
    }

    #[inline(always)]
    fn absorb_row<S: Simd>(&mut self, simd: S, row: usize, range: Range<usize>, later: &State<'_>) {
        let maximum = self.maxima[row].max(later.maxima[row]);
        let own = exp2_of_one(simd, self.maxima[row] - maximum);
        let others = exp2_of_one(simd, later.maxima[row] - maximum);
        self.maxima[row] = maximum;
        self.sums[row] = self.sums[row] * own + later.sums[row] * others;
        let (own, others) = (simd.splat(own), simd.splat(others));
        let later = later.values[range.clone()].as_chunks().0;
        for (values, later) in self.values[range].as_chunks_mut().0.iter_mut().zip(later) {
            let scaled = simd.mul(simd.load(values), own);
            simd.store(simd.mul_add(simd.load(later), others, scaled), values);
        }
    }

    /// The result of row `row`, whose first `out.len()` values are wanted.
    #[inline(always)]
    pub(super) fn finish(&self, row: usize, out: &mut [f32]) {
        let share = 1.0 / self.sums[row];
        let values = &self.values[row * self.stride..(row + 1) * self.stride];
        for (out, value) in out.iter_mut().zip(values) {
            // Whether a zero is negative may depend on tokens of weight zero: this makes it positive.
            *out = value * share + 0.0;
        }
    }
}
