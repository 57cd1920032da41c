//! What code for vectors of `f32` is written against, so that it is written once for all
//! instruction sets.
#![expect(unsafe_code, reason = "UNSAFETY: loads and stores through pointers")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use portable::Portable;

#[cfg(target_arch = "aarch64")]
use crate::isa::Neon;
#[cfg(target_arch = "x86_64")]
use crate::isa::{Avx2, Avx512};

/// The operations of one instruction set on vectors of `f32`. A value of an implementing type proves
/// that the CPU has the instructions.
///
/// Everything that takes one has to be `#[inline(always)]` up to [`Work::run`]: only within the
/// function that [`Isa::run`] compiles for the instruction set do these become single instructions.
pub(crate) trait Vectors: Copy + Send + Sync + 'static {
    /// A register.
    type V: Copy;

    /// Numbers in a register: a power of two, 16 at most.
    const LANES: usize;

    /// Rows of a product whose sums fit the registers, for four registers per row.
    const ROWS: usize;

    /// Does `work` in a function of its own that is compiled for the instruction set.
    fn run<W: Work>(self, work: W) -> W::Output;

    fn splat(self, value: f32) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    fn max(self, a: Self::V, b: Self::V) -> Self::V;

    /// `a * b + c`, rounded once where the CPU can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;

    /// Lane by lane `yes` where all bits of `mask` are set, `no` where none is.
    fn select(self, mask: Self::V, yes: Self::V, no: Self::V) -> Self::V;

    /// `a` times two to the power of the integer in the low bits of `exponent`, for results that are
    /// normal numbers.
    fn scale_by_power(self, a: Self::V, exponent: Self::V) -> Self::V;

    /// Sum of the lanes, always in the same order.
    fn sum(self, a: Self::V) -> f32;

    /// Largest lane.
    fn largest(self, a: Self::V) -> f32;

    /// Asks for the cache line at any address, which may be none of the program's.
    fn prefetch(self, address: *const u8);

    /// # Safety
    ///
    /// `from` points to as many readable numbers as there are lanes.
    unsafe fn load(self, from: *const f32) -> Self::V;

    /// From IEEE 754 halves.
    ///
    /// # Safety
    ///
    /// `from` points to as many readable numbers as there are lanes.
    unsafe fn load_f16(self, from: *const u16) -> Self::V;

    /// From `bfloat16`.
    ///
    /// # Safety
    ///
    /// `from` points to as many readable numbers as there are lanes.
    unsafe fn load_bf16(self, from: *const u16) -> Self::V;

    /// From signed bytes.
    ///
    /// # Safety
    ///
    /// `from` points to as many readable numbers as there are lanes.
    unsafe fn load_i8(self, from: *const i8) -> Self::V;

    /// # Safety
    ///
    /// `to` points to as many writable numbers as there are lanes.
    unsafe fn store(self, to: *mut f32, a: Self::V);

    /// To the nearest IEEE 754 halves, of two the even one.
    ///
    /// # Safety
    ///
    /// `to` points to as many writable numbers as there are lanes.
    unsafe fn store_f16(self, to: *mut u16, a: Self::V);

    /// To the nearest integers, of two the even one; those must be signed bytes.
    ///
    /// # Safety
    ///
    /// `to` points to as many writable numbers as there are lanes.
    unsafe fn store_i8(self, to: *mut i8, a: Self::V);
}

/// Something to do with vectors.
pub(crate) trait Work {
    type Output;

    /// To be marked `#[inline(always)]`.
    fn run<S: Vectors>(self, simd: S) -> Self::Output;
}

/// An instruction set that this CPU has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Isa {
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    Portable,
    /// With as many lanes as AVX-512 has; `Portable` has as many as NEON. What they run that does not
    /// follow from their instructions is so tested elsewhere.
    #[cfg(test)]
    PortableWide,
}

impl Isa {
    /// Those that this CPU has.
    pub(crate) fn widest_first() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(Avx512::detect().map(Self::Avx512));
            all.extend(Avx2::detect().map(Self::Avx2));
        }
        #[cfg(target_arch = "aarch64")]
        all.extend(Neon::detect().map(Self::Neon));
        all.push(Self::Portable);
        all
    }

    /// Whether its code has run and passed the tests when it was written.
    pub(crate) fn was_tested(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => false,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => true,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => true,
            Self::Portable => true,
            #[cfg(test)]
            Self::PortableWide => true,
        }
    }

    /// Every one, for tests to hold them against each other.
    #[cfg(test)]
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Self::widest_first();
        all.push(Self::PortableWide);
        all
    }

    /// Does `work` in a function that is compiled for this instruction set.
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(isa) => isa.run(work),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(isa) => isa.run(work),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(isa) => isa.run(work),
            Self::Portable => Portable::<4>.run(work),
            #[cfg(test)]
            Self::PortableWide => Portable::<16>.run(work),
        }
    }
}

/// Loads the lanes of `from` that start at `at`.
#[inline(always)]
pub(crate) fn load_at<S: Vectors>(simd: S, from: &[f32], at: usize) -> S::V {
    let lanes = &from[at..at + S::LANES];
    // SAFETY: `lanes` has as many elements as a register has lanes.
    unsafe { simd.load(lanes.as_ptr()) }
}

/// Stores a register into the elements of `to` that start at `at`.
#[inline(always)]
pub(crate) fn store_at<S: Vectors>(simd: S, to: &mut [f32], at: usize, a: S::V) {
    let lanes = &mut to[at..at + S::LANES];
    // SAFETY: `lanes` has as many elements as a register has lanes.
    unsafe { simd.store(lanes.as_mut_ptr(), a) }
}

#[cfg(test)]
mod tests;
