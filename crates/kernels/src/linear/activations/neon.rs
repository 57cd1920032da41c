//! Activations to bytes by 128 bits, 32 values at once.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and the call of a function compiled for NEON"
)]

use std::arch::aarch64::{
    float32x4_t, int8x16_t, vabsq_f32, vaddlvq_s8, vcombine_s8, vcombine_s16, vcvtnq_s32_f32,
    vdupq_n_f32, vdupq_n_s8, vld1q_f32, vmaxnmq_f32, vmaxnmvq_f32, vmaxq_f32, vmaxq_s8, vmaxvq_f32,
    vmulq_n_f32, vqmovn_s16, vqmovn_s32, vst1q_s8,
};

use super::{
    row::RowScale,
    tile::{BlockScale, TileBlock},
};
use crate::{BLOCK, isa::Neon};

/// Floats in a vector.
const LANES: usize = 4;
/// Vectors of floats in a block.
const VECTORS: usize = BLOCK / LANES;

/// As [`super::scalar::quantise`], to the bit.
pub(super) fn quantise(
    _proof: Neon,
    values: &[[f32; BLOCK]],
    blocks: &mut [TileBlock],
    row: usize,
) -> f32 {
    // SAFETY: the proof exists, so the CPU has the features that the function is compiled for.
    unsafe { quantise_row(values, blocks, row) }
}

#[target_feature(enable = "neon")]
fn quantise_row(values: &[[f32; BLOCK]], blocks: &mut [TileBlock], row: usize) -> f32 {
    let mut greatest = 0_f32;
    let mut poisoned = 0.0;
    for values in values {
        let values = load(values);
        greatest = greatest.max(greatest_magnitude(&values));
        poisoned += poison(&values);
    }
    let row_scale = RowScale::of(greatest);
    for (values, block) in values.iter().zip(blocks) {
        let values = load(values);
        let scale = row_scale.block(greatest_magnitude(&values));
        let sum = quantise_block(values, row_scale.block_inverse(scale), &mut block.quants[row]);
        block.set(row, BlockScale { scale, offset: scale * (-8 * sum) as f32, sum });
    }
    row_scale.scale + poisoned
}

/// 32 values, in order; returns their sum.
#[target_feature(enable = "neon")]
#[inline]
fn quantise_block(values: [float32x4_t; VECTORS], inverse: f32, quants: &mut [i8; BLOCK]) -> i32 {
    let mut sum = 0;
    let (quarters, _) = values.as_chunks::<4>();
    let (halves, _) = quants.as_chunks_mut::<16>();
    for (values, quants) in quarters.iter().zip(halves) {
        let bytes = round(values, inverse);
        // SAFETY: 16 writable bytes.
        unsafe { vst1q_s8(quants.as_mut_ptr(), bytes) };
        sum += i32::from(vaddlvq_s8(bytes));
    }
    sum
}

#[target_feature(enable = "neon")]
#[inline]
fn load(values: &[f32; BLOCK]) -> [float32x4_t; VECTORS] {
    let (vectors, _) = values.as_chunks::<LANES>();
    let mut out = [vdupq_n_f32(0.0); VECTORS];
    for (out, vector) in out.iter_mut().zip(vectors) {
        // SAFETY: four readable floats.
        *out = unsafe { vld1q_f32(vector.as_ptr()) };
    }
    out
}

/// Of those that are numbers.
#[target_feature(enable = "neon")]
#[inline]
fn greatest_magnitude(values: &[float32x4_t; VECTORS]) -> f32 {
    let mut greatest = vdupq_n_f32(0.0);
    for vector in values {
        greatest = vmaxnmq_f32(greatest, vabsq_f32(*vector));
    }
    vmaxnmvq_f32(greatest)
}

/// No number if one of the values is none, else 0.
#[target_feature(enable = "neon")]
#[inline]
fn poison(values: &[float32x4_t; VECTORS]) -> f32 {
    let mut greatest = values[0];
    for vector in &values[1..] {
        greatest = vmaxq_f32(greatest, *vector);
    }
    if vmaxvq_f32(greatest).is_nan() { f32::NAN } else { 0.0 }
}

/// 16 values times `inverse` to the nearest of -127 to 127, of two the even one.
#[target_feature(enable = "neon")]
#[inline]
fn round(values: &[float32x4_t; 4], inverse: f32) -> int8x16_t {
    let [a, b, c, d] = values.map(|vector| {
        let rounded = vcvtnq_s32_f32(vmulq_n_f32(vector, inverse));
        vqmovn_s32(rounded)
    });
    let low = vqmovn_s16(vcombine_s16(a, b));
    let bytes = vcombine_s8(low, vqmovn_s16(vcombine_s16(c, d)));
    vmaxq_s8(bytes, vdupq_n_s8(-127))
}
