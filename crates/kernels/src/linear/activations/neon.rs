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

use super::{BlockScale, TileBlock};
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
) {
    // SAFETY: the proof exists, so the CPU has the features that the function is compiled for.
    unsafe { quantise_blocks(values, blocks, row) };
}

#[target_feature(enable = "neon")]
fn quantise_blocks(values: &[[f32; BLOCK]], blocks: &mut [TileBlock], row: usize) {
    for (values, block) in values.iter().zip(blocks) {
        let scale = quantise_block(load(values), &mut block.quants[row]);
        block.set(row, scale);
    }
}

/// 32 values, in order.
#[target_feature(enable = "neon")]
#[inline]
fn quantise_block(values: [float32x4_t; VECTORS], quants: &mut [i8; BLOCK]) -> BlockScale {
    let (greatest, poison) = (greatest_magnitude(&values), poison(&values));
    let inverse = if greatest > 0.0 { (127.0 / greatest).min(f32::MAX) } else { 0.0 };
    let mut sum = 0;
    let (quarters, _) = values.as_chunks::<4>();
    let (halves, _) = quants.as_chunks_mut::<16>();
    for (values, quants) in quarters.iter().zip(halves) {
        let bytes = round(values, inverse);
        // SAFETY: 16 writable bytes.
        unsafe { vst1q_s8(quants.as_mut_ptr(), bytes) };
        sum += i32::from(vaddlvq_s8(bytes));
    }
    let scale = greatest * (1.0 / 127.0) + poison;
    BlockScale { scale, offset: scale * (-8 * sum) as f32, sum }
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
