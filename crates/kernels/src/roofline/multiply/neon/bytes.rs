//! Products of bytes by dot products, and by products of matrices of 2 x 8 bytes: instructions whose
//! intrinsics are not stable yet.

use std::arch::{
    aarch64::{int8x16_t, int32x4_t, vaddvq_s32, vdupq_n_s32, vgetq_lane_s32, vld1q_s8},
    asm,
};

use super::{BYTES, Multiplier};
use crate::isa::{NeonDotProd, NeonI8mm};

/// Independent sums: a latency of 4 at 4 per cycle needs 16, and the operands 8 of 32 registers.
const SUMS: usize = 16;
/// Vectors that hold an operand.
const VECTORS: usize = 4;

pub(in crate::roofline::multiply) fn dot_products(isa: NeonDotProd) -> Multiplier<u8, i8, BYTES> {
    let run = move |steps, a: &_, b: &_| isa.int8(steps, a, b);
    Multiplier { isa: "NEON sdot", dots_per_step: SUMS / VECTORS, run: Box::new(run) }
}

pub(in crate::roofline::multiply) fn matrices(isa: NeonI8mm) -> Multiplier<u8, i8, BYTES> {
    let run = move |steps, a: &_, b: &_| isa.int8(steps, a, b);
    Multiplier { isa: "NEON smmla", dots_per_step: 2 * SUMS / VECTORS, run: Box::new(run) }
}

impl NeonDotProd {
    /// The instruction takes signed bytes on both sides: `a` must be below 128.
    fn int8(self, steps: usize, a: &[u8; BYTES], b: &[i8; BYTES]) -> f64 {
        // SAFETY: `self` exists, so the CPU has the features that the loop is compiled for.
        unsafe { dot_loop(steps, &a.map(u8::cast_signed), b) }
    }
}

impl NeonI8mm {
    /// As [`NeonDotProd::int8`].
    fn int8(self, steps: usize, a: &[u8; BYTES], b: &[i8; BYTES]) -> f64 {
        // SAFETY: `self` exists, so the CPU has the features that the loop is compiled for.
        unsafe { matrix_loop(steps, &a.map(u8::cast_signed), b) }
    }
}

#[target_feature(enable = "neon,dotprod")]
fn dot_loop(steps: usize, a: &[i8; BYTES], b: &[i8; BYTES]) -> f64 {
    let (a, b) = (load(a), load(b));
    let mut sums = [vdupq_n_s32(0); SUMS];
    for _ in 0..steps {
        for index in 0..SUMS {
            sums[index] = dot(sums[index], a[index % VECTORS], b[index % VECTORS]);
        }
    }
    sums.iter().map(|sum| f64::from(vaddvq_s32(*sum))).sum()
}

/// Half of the products are those of a half of one operand with the other half of the other. They
/// are as much work as the dot products are, which count twice instead of them.
#[target_feature(enable = "neon,i8mm")]
fn matrix_loop(steps: usize, a: &[i8; BYTES], b: &[i8; BYTES]) -> f64 {
    let (a, b) = (load(a), load(b));
    let mut sums = [vdupq_n_s32(0); SUMS];
    for _ in 0..steps {
        for index in 0..SUMS {
            sums[index] = multiply(sums[index], a[index % VECTORS], b[index % VECTORS]);
        }
    }
    let dots = |sum: &int32x4_t| vgetq_lane_s32::<0>(*sum) + vgetq_lane_s32::<3>(*sum);
    2.0 * sums.iter().map(|sum| f64::from(dots(sum))).sum::<f64>()
}

/// Not to be left out, since it is not said to depend on its operands alone.
#[target_feature(enable = "neon,dotprod")]
fn dot(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the function is compiled for the instruction, which touches nothing but registers.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {a:v}.16b, {b:v}.16b",
            sums = inout(vreg) sums,
            a = in(vreg) a,
            b = in(vreg) b,
            options(nomem, nostack, preserves_flags)
        );
    }
    sums
}

/// As [`dot`].
#[target_feature(enable = "neon,i8mm")]
fn multiply(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: the function is compiled for the instruction, which touches nothing but registers.
    unsafe {
        asm!(
            "smmla {sums:v}.4s, {a:v}.16b, {b:v}.16b",
            sums = inout(vreg) sums,
            a = in(vreg) a,
            b = in(vreg) b,
            options(nomem, nostack, preserves_flags)
        );
    }
    sums
}

#[target_feature(enable = "neon")]
fn load(operand: &[i8; BYTES]) -> [int8x16_t; VECTORS] {
    let (chunks, _) = operand.as_chunks::<16>();
    // SAFETY: a chunk is 16 readable bytes.
    [0, 1, 2, 3].map(|index| unsafe { vld1q_s8(chunks[index].as_ptr()) })
}
