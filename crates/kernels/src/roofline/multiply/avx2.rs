//! 256 bits: fused multiply-add of floats; of bytes by pairs into 16 and then 32 bits.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, a barrier for the compiler, and calls of functions \
              that are compiled for AVX2"
)]

use std::{
    arch::{
        asm,
        x86_64::{
            __m256, __m256i, _mm256_add_epi32, _mm256_fmadd_ps, _mm256_loadu_ps,
            _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_set1_epi16,
            _mm256_setzero_ps, _mm256_setzero_si256, _mm256_storeu_ps, _mm256_storeu_si256,
        },
    },
    hint::black_box,
};

use super::{BYTES, FLOATS, Multiplier};
use crate::isa::Avx2;

/// Sums of floats: a latency of 4 at 2 per cycle needs 8, and the operands 4 of 16 registers.
const FLOAT_SUMS: usize = 12;
/// Sums of bytes: three instructions for one step of a sum, so fewer are enough.
const BYTE_SUMS: usize = 8;
/// Vectors that hold an operand.
const VECTORS: usize = 2;

pub(super) fn f32(isa: Avx2) -> Multiplier<f32, f32, FLOATS> {
    let run = move |steps, a: &_, b: &_| isa.f32(steps, a, b);
    Multiplier { isa: "AVX2 + FMA", dots_per_step: FLOAT_SUMS / VECTORS, run: Box::new(run) }
}

pub(super) fn int8(isa: Avx2) -> Multiplier<u8, i8, BYTES> {
    let run = move |steps, a: &_, b: &_| isa.int8(steps, a, b);
    Multiplier { isa: "AVX2", dots_per_step: BYTE_SUMS / VECTORS, run: Box::new(run) }
}

impl Avx2 {
    fn f32(self, steps: usize, a: &[f32; FLOATS], b: &[f32; FLOATS]) -> f64 {
        // SAFETY: `self` exists, so the CPU has the features that `f32_loop` is compiled for.
        unsafe { f32_loop(steps, a, b) }
    }

    fn int8(self, steps: usize, a: &[u8; BYTES], b: &[i8; BYTES]) -> f64 {
        // SAFETY: `self` exists, so the CPU has the features that `int8_loop` is compiled for.
        unsafe { int8_loop(steps, a, b) }
    }
}

#[target_feature(enable = "avx2,fma")]
fn f32_loop(steps: usize, a: &[f32; FLOATS], b: &[f32; FLOATS]) -> f64 {
    let (a, b) = (load_floats(a), load_floats(b));
    // Else sums that start alike would be taken for one.
    let mut sums = black_box([_mm256_setzero_ps(); FLOAT_SUMS]);
    for _ in 0..steps {
        for index in 0..FLOAT_SUMS {
            let half = index % VECTORS;
            sums[index] = _mm256_fmadd_ps(a[half], b[half], sums[index]);
        }
    }
    sums.iter().flat_map(|sum| floats(*sum)).map(f64::from).sum()
}

#[target_feature(enable = "avx2")]
fn int8_loop(steps: usize, a: &[u8; BYTES], b: &[i8; BYTES]) -> f64 {
    let (mut a, b) = (load_bytes(a), load_bytes(&b.map(i8::cast_unsigned)));
    let ones = _mm256_set1_epi16(1);
    let mut sums = black_box([_mm256_setzero_si256(); BYTE_SUMS]);
    for _ in 0..steps {
        for index in 0..BYTE_SUMS {
            let half = index % VECTORS;
            a[half] = renewed(a[half]);
            let pairs = _mm256_maddubs_epi16(a[half], b[half]);
            sums[index] = _mm256_add_epi32(sums[index], _mm256_madd_epi16(pairs, ones));
        }
    }
    sums.iter().flat_map(|sum| ints(*sum)).map(f64::from).sum()
}

/// The same vector, which the compiler has to take for another: else it would compute the products
/// once, before the loop.
#[target_feature(enable = "avx2")]
fn renewed(mut vector: __m256i) -> __m256i {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {0} */", inout(ymm_reg) vector, options(nomem, nostack, preserves_flags)) };
    vector
}

#[target_feature(enable = "avx")]
fn load_floats(operand: &[f32; FLOATS]) -> [__m256; VECTORS] {
    let (chunks, _) = operand.as_chunks::<8>();
    // SAFETY: a chunk is eight readable floats; `loadu` needs no alignment.
    [0, 1].map(|index| unsafe { _mm256_loadu_ps(chunks[index].as_ptr()) })
}

#[target_feature(enable = "avx")]
fn load_bytes(operand: &[u8; BYTES]) -> [__m256i; VECTORS] {
    let (chunks, _) = operand.as_chunks::<32>();
    // SAFETY: a chunk is 32 readable bytes; `loadu` needs no alignment.
    [0, 1].map(|index| unsafe { _mm256_loadu_si256(chunks[index].as_ptr().cast()) })
}

#[target_feature(enable = "avx")]
fn floats(vector: __m256) -> [f32; 8] {
    let mut out = [0.0; 8];
    // SAFETY: `out` is eight writable floats; `storeu` needs no alignment.
    unsafe { _mm256_storeu_ps(out.as_mut_ptr(), vector) };
    out
}

#[target_feature(enable = "avx")]
fn ints(vector: __m256i) -> [i32; 8] {
    let mut out = [0; 8];
    // SAFETY: `out` is 32 writable bytes; `storeu` needs no alignment.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), vector) };
    out
}
