//! How numbers are kept: conversions to and from registers.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: loads and stores of registers, within slices or as the \
                                 caller vouches"
)]

use crate::{
    float16::f32_to_bf16,
    vectors::{Vectors, load_at},
};

/// A format of numbers, known when the code is compiled.
pub(crate) trait Element: Copy + Send + Sync + 'static {
    /// One number.
    type Bits: Copy + Default + Send + Sync + 'static;

    /// Whether numbers have to be multiplied by a scale that is kept beside them.
    const SCALED: bool = false;

    /// Whether a number is kept as it is computed with.
    const PLAIN: bool = false;

    /// Without its scale.
    ///
    /// # Safety
    ///
    /// `from` points to as many readable numbers as there are lanes.
    unsafe fn load<S: Vectors>(simd: S, from: *const Self::Bits) -> S::V;

    /// Converts `row` and returns the scale.
    ///
    /// # Panics
    ///
    /// If the slices differ in length or are not whole registers.
    fn encode<S: Vectors>(simd: S, row: &[f32], bits: &mut [Self::Bits]) -> f32;
}

/// [`KvFormat::F32`](super::KvFormat::F32).
#[derive(Clone, Copy)]
pub(crate) struct F32;

/// [`KvFormat::F16`](super::KvFormat::F16).
#[derive(Clone, Copy)]
pub(crate) struct F16;

/// [`KvFormat::Bf16`](super::KvFormat::Bf16).
#[derive(Clone, Copy)]
pub(crate) struct Bf16;

/// [`KvFormat::Int8`](super::KvFormat::Int8).
#[derive(Clone, Copy)]
pub(crate) struct Int8;

impl Element for F32 {
    type Bits = f32;

    const PLAIN: bool = true;

    #[inline(always)]
    unsafe fn load<S: Vectors>(simd: S, from: *const f32) -> S::V {
        // SAFETY: the caller vouches for as many numbers as there are lanes.
        unsafe { simd.load(from) }
    }

    #[inline(always)]
    fn encode<S: Vectors>(_: S, row: &[f32], bits: &mut [f32]) -> f32 {
        bits.copy_from_slice(row);
        1.0
    }
}

impl Element for F16 {
    type Bits = u16;

    #[inline(always)]
    unsafe fn load<S: Vectors>(simd: S, from: *const u16) -> S::V {
        // SAFETY: the caller vouches for as many numbers as there are lanes.
        unsafe { simd.load_f16(from) }
    }

    #[inline(always)]
    fn encode<S: Vectors>(simd: S, row: &[f32], bits: &mut [u16]) -> f32 {
        assert_eq!(row.len(), bits.len());
        let (most, least) = (simd.splat(65504.0), simd.splat(-65504.0));
        for at in (0..row.len()).step_by(S::LANES) {
            // An infinity would make whatever is computed with it no number.
            let finite = simd.max(simd.min(load_at(simd, row, at), most), least);
            let lanes = &mut bits[at..at + S::LANES];
            // SAFETY: `lanes` has as many elements as a register has lanes.
            unsafe { simd.store_f16(lanes.as_mut_ptr(), finite) };
        }
        1.0
    }
}

impl Element for Bf16 {
    type Bits = u16;

    #[inline(always)]
    unsafe fn load<S: Vectors>(simd: S, from: *const u16) -> S::V {
        // SAFETY: the caller vouches for as many numbers as there are lanes.
        unsafe { simd.load_bf16(from) }
    }

    #[inline(always)]
    fn encode<S: Vectors>(_: S, row: &[f32], bits: &mut [u16]) -> f32 {
        assert_eq!(row.len(), bits.len());
        for (bits, number) in bits.iter_mut().zip(row) {
            *bits = f32_to_bf16(*number);
        }
        1.0
    }
}

impl Element for Int8 {
    type Bits = i8;

    const SCALED: bool = true;

    #[inline(always)]
    unsafe fn load<S: Vectors>(simd: S, from: *const i8) -> S::V {
        // SAFETY: the caller vouches for as many numbers as there are lanes.
        unsafe { simd.load_i8(from) }
    }

    #[inline(always)]
    fn encode<S: Vectors>(simd: S, row: &[f32], bits: &mut [i8]) -> f32 {
        /// Smaller numbers are none: one divided by them would be infinite.
        const SMALLEST: f32 = 1e-30;
        assert_eq!(row.len(), bits.len());
        let largest = row.iter().fold(0.0, |largest: f32, number| largest.max(number.abs()));
        if largest < SMALLEST {
            bits.fill(0);
            return 0.0;
        }
        let steps = simd.splat(127.0 / largest);
        for at in (0..row.len()).step_by(S::LANES) {
            let scaled = simd.mul(load_at(simd, row, at), steps);
            let lanes = &mut bits[at..at + S::LANES];
            // SAFETY: `lanes` has as many elements as a register has lanes.
            unsafe { simd.store_i8(lanes.as_mut_ptr(), scaled) };
        }
        largest / 127.0
    }
}
