//! The two products of attention: queries with keys, weights with values.
//!
//! Each sum adds its products one after the other, whatever is computed beside it, so that its bits
//! do not depend on that.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: loads and stores of groups in the innermost loops, whose bounds are checked \
              once before"
)]

use crate::{
    kv::{BLOCK_TOKENS, Element},
    prefetch,
    simd::{GROUP, Kernel, Simd},
};

/// Keys or values of one head in one block.
#[derive(Clone, Copy)]
pub(super) struct Right<'a, E: Element> {
    pub(super) numbers: &'a [E::Bits],
    /// What is going to be read after them, to ask for it in time.
    pub(super) next: *const E::Bits,
}

/// `scores[rows, tokens of the blocks] = queries[rows, head_dim] * keys[head_dim, tokens]`.
pub(super) struct Scores<'a, E: Element> {
    pub(super) rows: usize,
    pub(super) queries: &'a [f32],
    pub(super) head_dim: usize,
    /// `[head_dim, BLOCK_TOKENS]` each.
    pub(super) keys: &'a [Right<'a, E>],
    /// Tokens of the last block that are wanted; others may or may not be computed.
    pub(super) last_tokens: usize,
    pub(super) scores: &'a mut [f32],
    /// From one row of `scores` to the next.
    pub(super) stride: usize,
}

/// `sums[rows, width] += weights[rows, tokens of the blocks] * values[tokens, width]`.
pub(super) struct Sums<'a, E: Element> {
    pub(super) rows: usize,
    pub(super) weights: &'a [f32],
    /// From one row of `weights` to the next.
    pub(super) stride: usize,
    /// `[BLOCK_TOKENS, width]` each.
    pub(super) values: &'a [Right<'a, E>],
    /// Tokens of the last block that count.
    pub(super) last_tokens: usize,
    /// A multiple of [`GROUP`].
    pub(super) width: usize,
    pub(super) sums: &'a mut [f32],
}

impl<E: Element> Kernel for Scores<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        if self.rows == 0 || self.keys.is_empty() {
            return;
        }
        assert!(self.queries.len() >= self.rows * self.head_dim);
        assert!(self.keys.iter().all(|keys| keys.numbers.len() >= self.head_dim * BLOCK_TOKENS));
        let tokens = self.keys.len() * BLOCK_TOKENS;
        assert!(self.scores.len() >= (self.rows - 1) * self.stride + tokens);
        assert!(self.last_tokens <= BLOCK_TOKENS);
        for_row_groups(simd, self.rows, &mut self);
    }
}

impl<E: Element> RowGroup for Scores<'_, E> {
    #[inline(always)]
    fn compute<S: Simd, const R: usize>(&mut self, simd: S, row: usize) {
        for block in 0..self.keys.len() {
            let is_last = block + 1 == self.keys.len();
            let tokens = if is_last { self.last_tokens } else { BLOCK_TOKENS };
            let groups = tokens.div_ceil(GROUP);
            let mut group = 0;
            while group < groups {
                if const { R <= S::SUMS.0 && S::SUMS.1 >= 2 } && groups - group >= 2 {
                    self.tile::<S, R, 2>(simd, row, block, group);
                    group += 2;
                    continue;
                }
                self.tile::<S, R, 1>(simd, row, block, group);
                group += 1;
            }
        }
    }
}

impl<E: Element> Scores<'_, E> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const C: usize>(
        &mut self,
        simd: S,
        row: usize,
        block: usize,
        group: usize,
    ) {
        let (keys, token) = (self.keys[block], group * GROUP);
        let left = self.queries.as_ptr().wrapping_add(row * self.head_dim);
        let operands = Operands::<E> {
            left: Strided { at: left, stride: self.head_dim },
            right: Strided { at: keys.numbers.as_ptr().wrapping_add(token), stride: BLOCK_TOKENS },
            next: keys.next.wrapping_add(token),
        };
        let mut sums = [[simd.splat(0.0); C]; R];
        // SAFETY: `run` has checked that there are `head_dim` numbers in each of the rows of queries,
        // and as many rows of keys.
        unsafe { operands.multiply(simd, self.head_dim, &mut sums) };
        let start = row * self.stride + block * BLOCK_TOKENS + token;
        let to = Strided { at: self.scores.as_mut_ptr().wrapping_add(start), stride: self.stride };
        // SAFETY: `run` has checked that there are scores of all rows and tokens.
        unsafe { to.store(simd, &sums) };
    }
}

impl<E: Element> Kernel for Sums<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        if self.rows == 0 || self.values.is_empty() {
            return;
        }
        assert!(self.values.iter().all(|values| values.numbers.len() >= self.width * BLOCK_TOKENS));
        let tokens = self.values.len() * BLOCK_TOKENS;
        assert!(self.weights.len() >= (self.rows - 1) * self.stride + tokens);
        assert!(self.sums.len() >= self.rows * self.width);
        assert!(self.width.is_multiple_of(GROUP) && self.last_tokens <= BLOCK_TOKENS);
        for_row_groups(simd, self.rows, &mut self);
    }
}

impl<E: Element> RowGroup for Sums<'_, E> {
    #[inline(always)]
    fn compute<S: Simd, const R: usize>(&mut self, simd: S, row: usize) {
        let mut group = 0;
        while group < self.width / GROUP {
            let left = self.width / GROUP - group;
            // A single row takes twice as many groups.
            if const { R == 1 && S::SUMS.1 == 4 } && left >= 8 {
                self.tile::<S, R, 8>(simd, row, group);
                group += 8;
            } else if const { R <= S::SUMS.0 && S::SUMS.1 == 4 || R == 1 && S::SUMS.1 == 2 }
                && left >= 4
            {
                self.tile::<S, R, 4>(simd, row, group);
                group += 4;
            } else if const { R <= S::SUMS.0 && S::SUMS.1 >= 2 || R == 1 } && left >= 2 {
                self.tile::<S, R, 2>(simd, row, group);
                group += 2;
            } else {
                self.tile::<S, R, 1>(simd, row, group);
                group += 1;
            }
        }
    }
}

impl<E: Element> Sums<'_, E> {
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const C: usize>(&mut self, simd: S, row: usize, group: usize) {
        let column = group * GROUP;
        let start = row * self.width + column;
        let to = Strided { at: self.sums.as_mut_ptr().wrapping_add(start), stride: self.width };
        // SAFETY: `run` has checked that there are sums of all rows, `width` in each.
        let mut sums = unsafe { to.load::<S, R, C>(simd) };
        for (block, values) in self.values.iter().enumerate() {
            let is_last = block + 1 == self.values.len();
            let tokens = if is_last { self.last_tokens } else { BLOCK_TOKENS };
            let weights = row * self.stride + block * BLOCK_TOKENS;
            let left = self.weights.as_ptr().wrapping_add(weights);
            let right = values.numbers.as_ptr().wrapping_add(column);
            let operands = Operands::<E> {
                left: Strided { at: left, stride: self.stride },
                right: Strided { at: right, stride: self.width },
                next: values.next.wrapping_add(column),
            };
            // SAFETY: `run` has checked that there are weights of all rows and tokens, and a row of
            // values for each of the tokens.
            unsafe { operands.multiply(simd, tokens, &mut sums) };
        }
        // SAFETY: as when they were loaded.
        unsafe { to.store(simd, &sums) };
    }
}

/// Something that is computed for a few rows at a time.
trait RowGroup {
    /// For the `R` rows from `row` on.
    fn compute<S: Simd, const R: usize>(&mut self, simd: S, row: usize);
}

/// Computes all of so many rows, as many at a time as the registers hold.
#[inline(always)]
fn for_row_groups<S: Simd>(simd: S, rows: usize, each: &mut impl RowGroup) {
    let mut row = 0;
    while row < rows {
        let left = rows - row;
        if const { S::SUMS.0 == 1 } {
            each.compute::<S, 1>(simd, row);
            row += 1;
            continue;
        }
        if const { S::SUMS.0 >= 6 } && left >= 6 {
            each.compute::<S, 6>(simd, row);
            row += 6;
            continue;
        }
        row += match left {
            // Rather than three and one, which leaves most of the registers idle.
            4 | 7 | 8 => {
                each.compute::<S, 4>(simd, row);
                4
            }
            3.. => {
                each.compute::<S, 3>(simd, row);
                3
            }
            2 => {
                each.compute::<S, 2>(simd, row);
                2
            }
            _ => {
                each.compute::<S, 1>(simd, row);
                1
            }
        };
    }
}

/// Rows of a matrix, from some element on.
#[derive(Clone, Copy)]
struct Strided<P> {
    at: P,
    /// Elements from one row to the next.
    stride: usize,
}

impl Strided<*mut f32> {
    /// # Safety
    ///
    /// There are `R` rows of `C` groups to read.
    #[inline(always)]
    unsafe fn load<S: Simd, const R: usize, const C: usize>(self, simd: S) -> [[S::Floats; C]; R] {
        let mut sums = [[simd.splat(0.0); C]; R];
        for r in 0..R {
            for c in 0..C {
                let from = self.at.wrapping_add(r * self.stride + c * GROUP);
                // SAFETY: the caller vouches for the rows.
                sums[r][c] = simd.load(unsafe { &*from.cast::<[f32; GROUP]>() });
            }
        }
        sums
    }

    /// # Safety
    ///
    /// There are `R` rows of `C` groups to write.
    #[inline(always)]
    unsafe fn store<S: Simd, const R: usize, const C: usize>(
        self,
        simd: S,
        sums: &[[S::Floats; C]; R],
    ) {
        for r in 0..R {
            for c in 0..C {
                let to = self.at.wrapping_add(r * self.stride + c * GROUP);
                // SAFETY: the caller vouches for the rows.
                simd.store(sums[r][c], unsafe { &mut *to.cast::<[f32; GROUP]>() });
            }
        }
    }
}

/// What a few sums are made of.
#[derive(Clone, Copy)]
struct Operands<E: Element> {
    left: Strided<*const f32>,
    right: Strided<*const E::Bits>,
    /// What to ask for, row by row as those of the right side.
    next: *const E::Bits,
}

impl<E: Element> Operands<E> {
    /// Adds `depth` products to each sum.
    ///
    /// # Safety
    ///
    /// The left side has `R` rows of `depth` floats to read, the right side `depth` rows of `C`
    /// groups.
    #[inline(always)]
    unsafe fn multiply<S: Simd, const R: usize, const C: usize>(
        self,
        simd: S,
        depth: usize,
        sums: &mut [[S::Floats; C]; R],
    ) {
        let Self { left, mut right, mut next } = self;
        for k in 0..depth {
            let mut factors = [simd.splat(0.0); R];
            for r in 0..R {
                // SAFETY: float `k` of row `r`: the caller vouches for it.
                factors[r] = simd.splat(unsafe { *left.at.wrapping_add(r * left.stride + k) });
            }
            prefetch::line(next.cast());
            for c in 0..C {
                let numbers = right.at.wrapping_add(c * GROUP).cast::<[E::Bits; GROUP]>();
                // SAFETY: group `c` of row `k`: the caller vouches for it.
                let numbers = unsafe { &*numbers };
                for index in 0..S::VECTORS {
                    let vector = E::load_vector(simd, numbers, index);
                    for r in 0..R {
                        simd.add_product(factors[r], vector, &mut sums[r][c], index);
                    }
                }
            }
            right.at = right.at.wrapping_add(right.stride);
            next = next.wrapping_add(right.stride);
        }
    }
}
