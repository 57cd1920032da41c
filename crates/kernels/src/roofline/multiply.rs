//! Loops that do nothing but multiply and add, in as many independent sums as it takes to keep the
//! CPU's units busy.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

use std::fmt;

#[cfg(target_arch = "x86_64")]
use crate::isa::{Avx2, Avx512, Avx512Bf16, Avx512Vnni, AvxVnni};
#[cfg(target_arch = "aarch64")]
use crate::isa::{Neon, NeonDotProd, NeonI8mm};

/// Floats in 64 bytes.
pub(super) const FLOATS: usize = 16;
/// `bfloat16` in 64 bytes.
pub(super) const HALVES: usize = 32;
/// Bytes in 64 bytes.
pub(super) const BYTES: usize = 64;

/// The loop: `run(steps, a, b)` is `steps * dots_per_step` times the dot product of `a` and `b`,
/// which [`scalar`] defines.
pub(super) struct Multiplier<A, B, const N: usize> {
    pub(super) isa: &'static str,
    pub(super) dots_per_step: usize,
    pub(super) run: Run<A, B, N>,
}

pub(super) type Run<A, B, const N: usize> =
    Box<dyn Fn(usize, &[A; N], &[B; N]) -> f64 + Send + Sync>;

impl<A, B, const N: usize> Multiplier<A, B, N> {
    /// Multiplications and additions of one step.
    pub(super) fn operations_per_step(&self) -> f64 {
        (2 * N * self.dots_per_step) as f64
    }
}

impl<A, B, const N: usize> fmt::Debug for Multiplier<A, B, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Multiplier({}, {} per step)", self.isa, self.dots_per_step)
    }
}

/// The fastest way to multiply floats here.
pub(super) fn f32() -> Multiplier<f32, f32, FLOATS> {
    all_f32().swap_remove(0)
}

/// The fastest way to multiply `bfloat16` here, given as their bits.
pub(super) fn bf16() -> Option<Multiplier<u16, u16, HALVES>> {
    #[cfg(target_arch = "x86_64")]
    return Avx512Bf16::detect().map(avx512::bf16);
    #[cfg(not(target_arch = "x86_64"))]
    None
}

/// The fastest way to multiply bytes here. Pairs of products must fit 16 bits.
pub(super) fn int8() -> Multiplier<u8, i8, BYTES> {
    all_int8().swap_remove(0)
}

/// Every way to multiply floats that this CPU knows, the widest first.
fn all_f32() -> Vec<Multiplier<f32, f32, FLOATS>> {
    let mut all = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        all.extend(Avx512::detect().map(avx512::f32));
        all.extend(Avx2::detect().map(avx2::f32));
    }
    #[cfg(target_arch = "aarch64")]
    all.extend(Neon::detect().map(neon::f32));
    all.push(scalar::f32());
    all
}

/// Every way to multiply bytes that this CPU knows, the widest first.
fn all_int8() -> Vec<Multiplier<u8, i8, BYTES>> {
    let mut all = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        all.extend(Avx512Vnni::detect().map(avx512::int8));
        all.extend(AvxVnni::detect().map(avx_vnni::int8));
        all.extend(Avx2::detect().map(avx2::int8));
    }
    #[cfg(target_arch = "aarch64")]
    {
        all.extend(NeonI8mm::detect().map(neon::bytes::matrices));
        all.extend(NeonDotProd::detect().map(neon::bytes::dot_products));
        all.extend(Neon::detect().map(neon::int8));
    }
    all.push(scalar::int8());
    all
}

#[cfg(test)]
mod tests;
