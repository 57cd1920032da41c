//! Turning the heads of one row.

use crate::simd::{GROUP, Kernel, Simd};

/// Neighbours turn together. `cos` and `sin` have a value for each value that turns, `sin` the
/// negative one for the first of a pair.
pub(super) struct Adjacent<'a> {
    pub(super) heads: &'a mut [f32],
    pub(super) head_dim: usize,
    pub(super) cos: &'a [f32],
    pub(super) sin: &'a [f32],
}

impl Kernel for Adjacent<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for head in self.heads.chunks_mut(self.head_dim) {
            for start in (0..self.cos.len()).step_by(GROUP) {
                let end = self.cos.len().min(start + GROUP);
                let cos = simd.load_part(&self.cos[start..end], 0.0);
                let sin = simd.load_part(&self.sin[start..end], 0.0);
                let x = simd.load_part(&head[start..end], 0.0);
                let turned = simd.mul_add(simd.swap_pairs(x), sin, simd.mul(x, cos));
                simd.store_part(turned, &mut head[start..end]);
            }
        }
    }
}

/// The first half of what turns, with the second half. `cos` and `sin` have a value for each pair.
pub(super) struct Halves<'a> {
    pub(super) heads: &'a mut [f32],
    pub(super) head_dim: usize,
    pub(super) cos: &'a [f32],
    pub(super) sin: &'a [f32],
}

impl Kernel for Halves<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let pairs = self.cos.len();
        for head in self.heads.chunks_mut(self.head_dim) {
            let (low, high) = head[..2 * pairs].split_at_mut(pairs);
            for start in (0..pairs).step_by(GROUP) {
                let end = pairs.min(start + GROUP);
                let cos = simd.load_part(&self.cos[start..end], 0.0);
                let sin = simd.load_part(&self.sin[start..end], 0.0);
                let a = simd.load_part(&low[start..end], 0.0);
                let b = simd.load_part(&high[start..end], 0.0);
                let turned = simd.sub(simd.mul(a, cos), simd.mul(b, sin));
                simd.store_part(turned, &mut low[start..end]);
                let turned = simd.mul_add(a, sin, simd.mul(b, cos));
                simd.store_part(turned, &mut high[start..end]);
            }
        }
    }
}
