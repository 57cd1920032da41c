//! Activations of a gated feed-forward layer (Shazeer, 2020).

use std::{marker::PhantomData, ops::Range};

use crate::{
    Threads,
    exponential::{gelu, silu},
    linear::Activations,
    row_values::{self, RowValues},
    simd::Simd,
};

/// Rows of `x`, `[tokens, gate | up]`, become rows of `out`, half as long: `silu(gate) * up`, where
/// `silu(g) = g / (1 + e^-g)` has a relative error below 3e-7.
///
/// What is no number stays none; a gate of minus infinity gives none.
///
/// # Panics
///
/// If `out` has not been reset to the rows of `x` and half its columns.
pub fn gated_silu(x: &[f32], out: &mut Activations, threads: &Threads) {
    gated::<Silu>(x, out, threads);
}

/// As [`gated_silu`], with `gelu(g) = g / 2 * (1 + tanh(√(2/π) * (g + 0.044715 g³)))`, the usual
/// approximation of the GELU, with an error below 1e-6 of it and 2e-6 of 1.
///
/// # Panics
///
/// If `out` has not been reset to the rows of `x` and half its columns.
pub fn gated_gelu(x: &[f32], out: &mut Activations, threads: &Threads) {
    gated::<Gelu>(x, out, threads);
}

fn gated<G: Gate>(x: &[f32], out: &mut Activations, threads: &Threads) {
    let columns = out.columns();
    assert_eq!(x.len(), out.rows() * 2 * columns, "rows of a gate and as many values");
    out.fill(threads, &|row, out| {
        let (gate, up) = x[row * 2 * columns..][..2 * columns].split_at(columns);
        row_values::write(Gated::<G> { gate, up, kind: PhantomData }, out);
    });
}

trait Gate {
    fn of<S: Simd>(simd: S, gate: S::Floats) -> S::Floats;
}

struct Silu;

impl Gate for Silu {
    #[inline(always)]
    fn of<S: Simd>(simd: S, gate: S::Floats) -> S::Floats {
        silu(simd, gate)
    }
}

struct Gelu;

impl Gate for Gelu {
    #[inline(always)]
    fn of<S: Simd>(simd: S, gate: S::Floats) -> S::Floats {
        gelu(simd, gate)
    }
}

struct Gated<'a, G> {
    gate: &'a [f32],
    up: &'a [f32],
    kind: PhantomData<G>,
}

impl<G: Gate> RowValues for Gated<'_, G> {
    #[inline(always)]
    fn group<S: Simd>(&self, simd: S, columns: Range<usize>) -> S::Floats {
        let gate = simd.load_part(&self.gate[columns.clone()], 0.0);
        let up = simd.load_part(&self.up[columns], 0.0);
        simd.mul(G::of(simd, gate), up)
    }
}

#[cfg(test)]
mod tests;
