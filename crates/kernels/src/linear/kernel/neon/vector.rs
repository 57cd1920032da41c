//! Loads, stores, and what there are no stable intrinsics for.

use std::arch::{
    aarch64::{
        float32x4_t, int8x16_t, int32x4_t, uint8x16_t, vandq_u8, vcvt_f32_f16, vdupq_n_u8,
        vld1_u16, vld1q_f32, vld1q_s8, vld1q_u8, vreinterpret_f16_u16, vreinterpretq_s8_u8,
        vshrq_n_u8, vst1q_f32, vst1q_s8,
    },
    asm,
};

use crate::linear::{
    kernel::{Sums, TileSums},
    panels::{PANEL, VECTOR},
};

/// Outputs in a vector.
pub(super) const LANES: usize = 4;
/// Vectors of the outputs of a panel.
pub(super) const QUARTERS: usize = PANEL / LANES;
/// Bytes of a vector.
pub(super) const BYTES: usize = 16;

/// Adds to each of four sums four products of weights with bytes `4 * LANE` and following of the
/// activations.
#[target_feature(enable = "neon,dotprod")]
#[inline]
pub(super) fn dot<const LANE: usize>(
    mut sums: int32x4_t,
    weights: int8x16_t,
    activations: int8x16_t,
) -> int32x4_t {
    // SAFETY: the function is compiled for the instruction, which touches nothing but registers.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {weights:v}.16b, {activations:v}.4b[{lane}]",
            sums = inout(vreg) sums,
            weights = in(vreg) weights,
            activations = in(vreg) activations,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

/// Adds products of eight bytes: those of the first row of activations with both outputs, then those
/// of the second.
#[target_feature(enable = "neon,i8mm")]
#[inline]
pub(super) fn multiply_matrices(
    mut sums: int32x4_t,
    activations: int8x16_t,
    weights: int8x16_t,
) -> int32x4_t {
    // SAFETY: the function is compiled for the instruction, which touches nothing but registers.
    unsafe {
        asm!(
            "smmla {sums:v}.4s, {activations:v}.16b, {weights:v}.16b",
            sums = inout(vreg) sums,
            activations = in(vreg) activations,
            weights = in(vreg) weights,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

/// Has the sums of a block in memory before those of the next: registers are for the products. The
/// compiler would take the sums for a part of the loop's state, and keep them beside their place.
#[inline]
pub(super) fn stay_in_memory(sums: &mut TileSums) {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {0} */", in(reg) sums, options(nostack, preserves_flags)) };
}

/// 16 bytes, from byte `16 * part` on.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn signed<const N: usize>(bytes: &[i8; N], part: usize) -> int8x16_t {
    let (parts, _) = bytes.as_chunks::<BYTES>();
    // SAFETY: 16 readable bytes.
    unsafe { vld1q_s8(parts[part].as_ptr()) }
}

/// 16 bytes below 128, from byte `16 * part` on.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn unsigned(bytes: &[u8; VECTOR], part: usize) -> int8x16_t {
    vreinterpretq_s8_u8(load(bytes, part))
}

/// 16 low and 16 high nibbles.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn nibbles(bytes: &[u8; VECTOR], part: usize) -> [int8x16_t; 2] {
    let packed = load(bytes, part);
    let low = vandq_u8(packed, vdupq_n_u8(15));
    [vreinterpretq_s8_u8(low), vreinterpretq_s8_u8(vshrq_n_u8::<4>(packed))]
}

#[target_feature(enable = "neon")]
#[inline]
fn load(bytes: &[u8; VECTOR], part: usize) -> uint8x16_t {
    let (parts, _) = bytes.as_chunks::<BYTES>();
    // SAFETY: 16 readable bytes.
    unsafe { vld1q_u8(parts[part].as_ptr()) }
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn store_bytes(bytes: &mut [u8; VECTOR], part: usize, values: int8x16_t) {
    let (parts, _) = bytes.as_chunks_mut::<BYTES>();
    // SAFETY: 16 writable bytes.
    unsafe { vst1q_s8(parts[part].as_mut_ptr().cast(), values) };
}

/// Halves of outputs `4 * quarter` and following as floats.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn halves(bits: &[u16; PANEL], quarter: usize) -> float32x4_t {
    let (quarters, _) = bits.as_chunks::<LANES>();
    // SAFETY: eight readable bytes.
    vcvt_f32_f16(vreinterpret_f16_u16(unsafe { vld1_u16(quarters[quarter].as_ptr()) }))
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn floats(values: &Sums, quarter: usize) -> float32x4_t {
    let (quarters, _) = values.as_chunks::<LANES>();
    // SAFETY: four readable floats.
    unsafe { vld1q_f32(quarters[quarter].as_ptr()) }
}

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn store_floats(values: &mut Sums, quarter: usize, floats: float32x4_t) {
    let (quarters, _) = values.as_chunks_mut::<LANES>();
    // SAFETY: four writable floats.
    unsafe { vst1q_f32(quarters[quarter].as_mut_ptr(), floats) };
}
