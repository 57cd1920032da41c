//! How numbers are kept: conversions to and from groups of floats.

use crate::{
    float16::f32_to_bf16,
    simd::{GROUP, Simd},
};

/// A format of numbers, known when the code is compiled.
pub(crate) trait Element: Copy + Send + Sync + 'static {
    /// One number.
    type Bits: Copy + Default + Send + Sync + 'static;

    /// Whether numbers have to be multiplied by a scale that is kept beside them.
    const SCALED: bool = false;

    /// Whether a number is kept as it is computed with.
    const PLAIN: bool = false;

    /// Register `index` of a group, without scales.
    fn load_vector<S: Simd>(simd: S, bits: &[Self::Bits; GROUP], index: usize) -> S::Vector;

    /// Converts `row` and returns the scale.
    ///
    /// # Panics
    ///
    /// If the slices differ in length or are not whole groups.
    fn encode<S: Simd>(simd: S, row: &[f32], bits: &mut [Self::Bits]) -> f32;
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
    fn load_vector<S: Simd>(simd: S, bits: &[f32; GROUP], index: usize) -> S::Vector {
        simd.load_vector(bits, index)
    }

    #[inline(always)]
    fn encode<S: Simd>(_: S, row: &[f32], bits: &mut [f32]) -> f32 {
        bits.copy_from_slice(row);
        1.0
    }
}

impl Element for F16 {
    type Bits = u16;

    #[inline(always)]
    fn load_vector<S: Simd>(simd: S, bits: &[u16; GROUP], index: usize) -> S::Vector {
        simd.load_f16_vector(bits, index)
    }

    #[inline(always)]
    fn encode<S: Simd>(simd: S, row: &[f32], bits: &mut [u16]) -> f32 {
        let (most, least) = (simd.splat(65504.0), simd.splat(-65504.0));
        for (row, bits) in groups(row, bits) {
            // An infinity would make whatever is computed with it no number.
            let row = simd.load(row);
            let below = simd.where_less([row, most], row, most);
            simd.store_f16(simd.max(below, least), bits);
        }
        1.0
    }
}

impl Element for Bf16 {
    type Bits = u16;

    #[inline(always)]
    fn load_vector<S: Simd>(simd: S, bits: &[u16; GROUP], index: usize) -> S::Vector {
        simd.load_bf16_vector(bits, index)
    }

    #[inline(always)]
    fn encode<S: Simd>(_: S, row: &[f32], bits: &mut [u16]) -> f32 {
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
    fn load_vector<S: Simd>(simd: S, bits: &[i8; GROUP], index: usize) -> S::Vector {
        simd.load_i8_vector(bits, index)
    }

    #[inline(always)]
    fn encode<S: Simd>(simd: S, row: &[f32], bits: &mut [i8]) -> f32 {
        /// Smaller numbers are none: one divided by them would be infinite.
        const SMALLEST: f32 = 1e-30;
        let largest = row.iter().fold(0.0, |largest: f32, number| largest.max(number.abs()));
        if largest < SMALLEST {
            bits.fill(0);
            return 0.0;
        }
        let steps = simd.splat(127.0 / largest);
        for (row, bits) in groups(row, bits) {
            simd.store_i8(simd.mul(simd.load(row), steps), bits);
        }
        largest / 127.0
    }
}

/// The groups of a row and their places.
#[inline(always)]
fn groups<'a, B>(
    row: &'a [f32],
    bits: &'a mut [B],
) -> impl Iterator<Item = (&'a [f32; GROUP], &'a mut [B; GROUP])> {
    assert_eq!(row.len(), bits.len());
    let (row, rest) = row.as_chunks();
    assert!(rest.is_empty(), "{} numbers behind the last whole group", rest.len());
    row.iter().zip(bits.as_chunks_mut().0)
}
