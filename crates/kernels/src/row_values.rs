//! Rows that are computed a piece at a time and become activations while they are in the cache.

use std::ops::Range;

use crate::{
    BLOCK,
    linear::{ActivationRow, Int8RowMut},
    simd::{self, GROUP, Kernel, Simd},
};

/// Values that are computed before they are quantised: 1 KiB stays in the first-level cache.
const PIECE: usize = 8 * BLOCK;

/// A row that can be computed anywhere in it.
pub(crate) trait RowValues {
    /// The values of these columns, at most [`GROUP`]. Implementations are `#[inline(always)]`.
    fn group<S: Simd>(&self, simd: S, columns: Range<usize>) -> S::Floats;

    /// Writes the values from column `first` on.
    #[inline(always)]
    fn fill<S: Simd>(&self, simd: S, first: usize, out: &mut [f32]) {
        for start in (0..out.len()).step_by(GROUP) {
            let end = out.len().min(start + GROUP);
            let group = self.group(simd, first + start..first + end);
            simd.store_part(group, &mut out[start..end]);
        }
    }
}

/// Writes all of `row`, which must know how to be as long as `out`.
struct Write<'a, R> {
    values: R,
    out: ActivationRow<'a>,
}

impl<R: RowValues> Kernel for Write<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.out {
            ActivationRow::Float(out) => self.values.fill(simd, 0, out),
            ActivationRow::Int8(mut out) => quantise(simd, &self.values, &mut out),
        }
    }
}

#[inline(always)]
fn quantise<S: Simd, R: RowValues>(simd: S, values: &R, out: &mut Int8RowMut<'_>) {
    let mut piece = [0.0; PIECE];
    for first in (0..out.blocks()).step_by(PIECE / BLOCK) {
        let columns = (out.blocks() - first) * BLOCK;
        let piece = &mut piece[..PIECE.min(columns)];
        values.fill(simd, first * BLOCK, piece);
        out.quantise(first, piece);
    }
}

/// Writes a row of activations.
#[inline]
pub(crate) fn write<R: RowValues>(values: R, out: ActivationRow<'_>) {
    simd::run(Write { values, out });
}
