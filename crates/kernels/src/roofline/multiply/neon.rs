//! 128 bits: fused multiply-add of floats; products of bytes into 16 bits, added by pairs into 32,
//! where there is nothing faster for them.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads, a barrier for the compiler, and calls of functions that are \
              compiled for NEON"
)]

pub(super) mod bytes;

use std::{
    arch::{
        aarch64::{
            float32x4_t, int8x8_t, vaddvq_f32, vaddvq_s32, vdupq_n_f32, vdupq_n_s32, vfmaq_f32,
            vld1_s8, vld1q_f32, vmull_s8, vpadalq_s16,
        },
        asm,
    },
    hint::black_box,
};

use super::{BYTES, FLOATS, Multiplier};
use crate::isa::Neon;

/// Independent sums: a latency of 4 at 4 per cycle needs 16, and the operands 8 of 32 registers.
const FLOAT_SUMS: usize = 16;
/// Vectors that hold an operand of floats.
const FLOAT_VECTORS: usize = 4;
/// Independent sums of bytes; the operands need 16 of 32 registers.
const BYTE_SUMS: usize = 8;
/// Half vectors that hold an operand of bytes.
const BYTE_VECTORS: usize = 8;

pub(super) fn f32(isa: Neon) -> Multiplier<f32, f32, FLOATS> {
    let run = move |steps, a: &_, b: &_| isa.f32(steps, a, b);
    Multiplier { isa: "NEON", dots_per_step: FLOAT_SUMS / FLOAT_VECTORS, run: Box::new(run) }
}

pub(super) fn int8(isa: Neon) -> Multiplier<u8, i8, BYTES> {
    let run = move |steps, a: &_, b: &_| isa.int8(steps, a, b);
    Multiplier { isa: "NEON", dots_per_step: BYTE_SUMS / BYTE_VECTORS, run: Box::new(run) }
}

impl Neon {
    fn f32(self, steps: usize, a: &[f32; FLOATS], b: &[f32; FLOATS]) -> f64 {
        // SAFETY: `self` exists, so the CPU has the features that `f32_loop` is compiled for.
        unsafe { f32_loop(steps, a, b) }
    }

    /// The instruction takes signed bytes on both sides: `a` must be below 128.
    fn int8(self, steps: usize, a: &[u8; BYTES], b: &[i8; BYTES]) -> f64 {
        // SAFETY: `self` exists, so the CPU has the features that `int8_loop` is compiled for.
        unsafe { int8_loop(steps, &a.map(u8::cast_signed), b) }
    }
}

#[target_feature(enable = "neon")]
fn f32_loop(steps: usize, a: &[f32; FLOATS], b: &[f32; FLOATS]) -> f64 {
    let (a, b) = (load_floats(a), load_floats(b));
    // Else sums that start alike would be taken for one.
    let mut sums = black_box([vdupq_n_f32(0.0); FLOAT_SUMS]);
    for _ in 0..steps {
        for index in 0..FLOAT_SUMS {
            let part = index % FLOAT_VECTORS;
            sums[index] = vfmaq_f32(sums[index], a[part], b[part]);
        }
    }
    sums.iter().map(|sum| f64::from(vaddvq_f32(*sum))).sum()
}

#[target_feature(enable = "neon")]
fn int8_loop(steps: usize, a: &[i8; BYTES], b: &[i8; BYTES]) -> f64 {
    let (mut a, b) = (load_bytes(a), load_bytes(b));
    let mut sums = black_box([vdupq_n_s32(0); BYTE_SUMS]);
    for _ in 0..steps {
        for index in 0..BYTE_SUMS {
            let part = index % BYTE_VECTORS;
            a[part] = renewed(a[part]);
            sums[index] = vpadalq_s16(sums[index], vmull_s8(a[part], b[part]));
        }
    }
    sums.iter().map(|sum| f64::from(vaddvq_s32(*sum))).sum()
}

/// The same vector, which the compiler has to take for another: else it would compute the products
/// once, before the loop.
#[target_feature(enable = "neon")]
fn renewed(mut vector: int8x8_t) -> int8x8_t {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {0:v} */", inout(vreg) vector, options(nomem, nostack, preserves_flags)) };
    vector
}

#[target_feature(enable = "neon")]
fn load_floats(operand: &[f32; FLOATS]) -> [float32x4_t; FLOAT_VECTORS] {
    let (chunks, _) = operand.as_chunks::<4>();
    // SAFETY: a chunk is four readable floats.
    [0, 1, 2, 3].map(|index| unsafe { vld1q_f32(chunks[index].as_ptr()) })
}

#[target_feature(enable = "neon")]
fn load_bytes(operand: &[i8; BYTES]) -> [int8x8_t; BYTE_VECTORS] {
    let (chunks, _) = operand.as_chunks::<8>();
    // SAFETY: a chunk is eight readable bytes.
    [0, 1, 2, 3, 4, 5, 6, 7].map(|index| unsafe { vld1_s8(chunks[index].as_ptr()) })
}
