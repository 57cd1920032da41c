//! Rows that are computed a piece at a time and become activations while they are in the cache.

use std::{cell::Cell, ops::Range};

use crate::{
    BLOCK,
    linear::{ActivationRow, Int8RowMut},
    simd::{self, GROUP, Kernel, Simd},
};

thread_local! {
    /// A row before it is quantised, which takes the greatest of its values to be known.
    static ROW: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

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
    // Taken and put back: within a closure it would not be compiled for the instruction set.
    let mut row = ROW.take();
    row.resize(out.blocks() * BLOCK, 0.0);
    values.fill(simd, 0, &mut row);
    out.quantise(&row);
    ROW.set(row);
}

/// Writes a row of activations.
#[inline]
pub(crate) fn write<R: RowValues>(values: R, out: ActivationRow<'_>) {
    simd::run(Write { values, out });
}
