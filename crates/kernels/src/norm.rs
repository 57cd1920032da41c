//! Normalisation by the root of the mean square (Zhang and Sennrich, 2019).

use std::ops::Range;

use crate::{
    Threads,
    heads::HeadRows,
    linear::Activations,
    row_values::{self, RowValues},
    simd::{self, GROUP, Kernel, Simd},
};

/// Rows of `x`, `[tokens, hidden]`, become rows of `out`: `x / √(mean(x²) + epsilon) * weight`.
///
/// A row that holds what is no number becomes nothing but that; infinities become no number and
/// the rest of their row zero. The result is within 1e-6 of each row's greatest magnitude, before
/// it is quantised, and is the same for a row whatever else there is.
///
/// # Panics
///
/// If `out` has not been reset to the shape of `x`, or `weight` is not as long as a row.
pub fn rms_norm(x: &[f32], weight: &[f32], epsilon: f32, out: &mut Activations, threads: &Threads) {
    let columns = out.columns();
    assert_eq!(weight.len(), columns, "a weight for each column");
    assert_eq!(x.len(), out.rows() * columns, "rows x columns values");
    out.fill(threads, &|row, out| {
        let x = &x[row * columns..][..columns];
        let scale = simd::run(Scale { x, epsilon });
        row_values::write(Scaled { x, weight, scale }, out);
    });
}

/// Each head becomes `head / √(mean(head²) + epsilon) * weight`, in place: how Qwen 3 and Gemma 3
/// normalise queries and keys. For the rest as [`rms_norm`].
///
/// # Panics
///
/// If `weight` is not as long as a head, or the heads are not within rows.
pub fn rms_norm_heads(heads: HeadRows<'_>, weight: &[f32], epsilon: f32, threads: &Threads) {
    let head_dim = heads.head_dim;
    assert_eq!(weight.len(), head_dim, "a weight for each value of a head");
    heads.for_each_row(threads, &|_, heads| {
        simd::run(Heads { heads, weight, epsilon });
    });
}

/// `1 / √(mean(x²) + epsilon)`.
struct Scale<'a> {
    x: &'a [f32],
    epsilon: f32,
}

impl Kernel for Scale<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        scale(simd, self.x, self.epsilon)
    }
}

#[inline(always)]
fn scale<S: Simd>(simd: S, x: &[f32], epsilon: f32) -> f32 {
    let mut sums = [simd.splat(0.0); 2];
    let (pairs, rest) = x.as_chunks::<{ 2 * GROUP }>();
    for pair in pairs {
        let (groups, _) = pair.as_chunks::<GROUP>();
        let [low, high] = [simd.load(&groups[0]), simd.load(&groups[1])];
        sums = [simd.mul_add(low, low, sums[0]), simd.mul_add(high, high, sums[1])];
    }
    for rest in rest.chunks(GROUP) {
        let rest = simd.load_part(rest, 0.0);
        sums[0] = simd.mul_add(rest, rest, sums[0]);
    }
    let mean = simd.sum(simd.add(sums[0], sums[1])) / x.len() as f32;
    1.0 / (mean + epsilon).sqrt()
}

/// `x * scale * weight`.
struct Scaled<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    scale: f32,
}

impl RowValues for Scaled<'_> {
    #[inline(always)]
    fn group<S: Simd>(&self, simd: S, columns: Range<usize>) -> S::Floats {
        let x = simd.load_part(&self.x[columns.clone()], 0.0);
        let weight = simd.load_part(&self.weight[columns], 0.0);
        simd.mul(simd.mul(x, simd.splat(self.scale)), weight)
    }
}

/// All heads of a row, each by itself.
struct Heads<'a> {
    heads: &'a mut [f32],
    weight: &'a [f32],
    epsilon: f32,
}

impl Kernel for Heads<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for head in self.heads.chunks_mut(self.weight.len()) {
            let factor = simd.splat(scale(simd, head, self.epsilon));
            for start in (0..head.len()).step_by(GROUP) {
                let end = head.len().min(start + GROUP);
                let x = simd.load_part(&head[start..end], 0.0);
                let weight = simd.load_part(&self.weight[start..end], 0.0);
                simd.store_part(simd.mul(simd.mul(x, factor), weight), &mut head[start..end]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
