//! Products of a few rows with a block: the two products of attention are this one.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: loads and stores of registers in the innermost loop, whose bounds are checked \
              once before"
)]

use crate::{
    kv::Element,
    vectors::{Vectors, Work},
};

/// `sums[rows, columns] (+)= left[rows, depth] * right[depth, columns]`.
///
/// Each sum adds the products in the order of `depth`, whatever else is computed beside it.
pub(super) struct Product<'a, E: Element> {
    pub(super) rows: usize,
    pub(super) depth: usize,
    /// A multiple of the lanes of a register.
    pub(super) columns: usize,
    pub(super) left: &'a [f32],
    /// From one row of `left` to the next.
    pub(super) left_stride: usize,
    pub(super) right: &'a [E::Bits],
    /// From one row of `right` to the next.
    pub(super) right_stride: usize,
    /// What is going to be the right side next, to ask for it in time.
    pub(super) next: *const E::Bits,
    pub(super) sums: &'a mut [f32],
    /// From one row of `sums` to the next.
    pub(super) sums_stride: usize,
    /// Whether to add to what `sums` holds.
    pub(super) adds: bool,
}

impl<E: Element> Work for Product<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Vectors>(self, simd: S) {
        self.check::<S>();
        let mut row = 0;
        while row < self.rows {
            let left = self.rows - row;
            // More rows than three only where there are registers for them.
            row += match left {
                6.. if S::ROWS >= 6 => self.some_rows::<S, 6>(simd, row),
                3.. => self.some_rows::<S, 3>(simd, row),
                2 => self.some_rows::<S, 2>(simd, row),
                _ => self.some_rows::<S, 1>(simd, row),
            };
        }
    }
}

impl<E: Element> Product<'_, E> {
    #[inline(always)]
    fn check<S: Vectors>(&self) {
        let end = |rows: usize, stride: usize, columns: usize| {
            rows.checked_sub(1).map_or(0, |last| last * stride + columns)
        };
        assert!(self.columns.is_multiple_of(S::LANES), "whole registers only");
        assert!(end(self.rows, self.left_stride, self.depth) <= self.left.len());
        assert!(end(self.depth, self.right_stride, self.columns) <= self.right.len());
        assert!(end(self.rows, self.sums_stride, self.columns) <= self.sums.len());
    }

    #[inline(always)]
    fn some_rows<S: Vectors, const R: usize>(&self, simd: S, row: usize) -> usize {
        let mut column = 0;
        while column < self.columns {
            let registers = (self.columns - column) / S::LANES;
            column += S::LANES
                * match registers {
                    4.. => self.tile::<S, R, 4>(simd, row, column),
                    2.. => self.tile::<S, R, 2>(simd, row, column),
                    _ => self.tile::<S, R, 1>(simd, row, column),
                };
        }
        R
    }

    /// Sums of `R` rows and `C` registers of columns, held in registers.
    #[inline(always)]
    fn tile<S: Vectors, const R: usize, const C: usize>(
        &self,
        simd: S,
        row: usize,
        column: usize,
    ) -> usize {
        let start = self.sums.as_ptr().wrapping_add(row * self.sums_stride + column).cast_mut();
        let mut sums = [[simd.splat(0.0); C]; R];
        if self.adds {
            for r in 0..R {
                for c in 0..C {
                    let from = start.wrapping_add(r * self.sums_stride + c * S::LANES);
                    // SAFETY: row `row + r`, columns from `column + c * LANES`: `check` saw them.
                    sums[r][c] = unsafe { simd.load(from) };
                }
            }
        }
        self.multiply(simd, row, column, &mut sums);
        for r in 0..R {
            for c in 0..C {
                let to = start.wrapping_add(r * self.sums_stride + c * S::LANES);
                // SAFETY: as above; `self` is the only borrow of `sums`.
                unsafe { simd.store(to, sums[r][c]) };
            }
        }
        C
    }

    #[inline(always)]
    fn multiply<S: Vectors, const R: usize, const C: usize>(
        &self,
        simd: S,
        row: usize,
        column: usize,
        sums: &mut [[S::V; C]; R],
    ) {
        let left = self.left.as_ptr().wrapping_add(row * self.left_stride);
        let mut right = self.right.as_ptr().wrapping_add(column);
        let mut next = self.next.wrapping_add(column);
        for k in 0..self.depth {
            let mut factors = [simd.splat(0.0); R];
            for r in 0..R {
                let factor = left.wrapping_add(r * self.left_stride + k);
                // SAFETY: row `row + r`, column `k`: `check` saw it.
                factors[r] = simd.splat(unsafe { factor.read() });
            }
            simd.prefetch(next.cast());
            for c in 0..C {
                // SAFETY: row `k`, columns from `column + c * LANES`: `check` saw them.
                let numbers = unsafe { E::load(simd, right.wrapping_add(c * S::LANES)) };
                for r in 0..R {
                    sums[r][c] = simd.mul_add(factors[r], numbers, sums[r][c]);
                }
            }
            right = right.wrapping_add(self.right_stride);
            next = next.wrapping_add(self.right_stride);
        }
    }
}
