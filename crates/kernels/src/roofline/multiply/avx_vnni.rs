//! 256 bits: four products of bytes and their sum in one instruction.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and calls of functions that are compiled for \
              AVX-VNNI"
)]

use std::{
    arch::x86_64::{
        __m256i, _mm256_dpbusd_avx_epi32, _mm256_loadu_si256, _mm256_setzero_si256,
        _mm256_storeu_si256,
    },
    hint::black_box,
};

use super::{BYTES, Multiplier};
use crate::isa::AvxVnni;

/// Independent sums: a latency of 5 at 2 per cycle needs 10.
const SUMS: usize = 12;
/// Vectors that hold an operand.
const VECTORS: usize = 2;

pub(super) fn int8(isa: AvxVnni) -> Multiplier<u8, i8, BYTES> {
    let run = move |steps, a: &_, b: &_| isa.int8(steps, a, b);
    Multiplier { isa: "AVX-VNNI", dots_per_step: SUMS / VECTORS, run: Box::new(run) }
}

impl AvxVnni {
    fn int8(self, steps: usize, a: &[u8; BYTES], b: &[i8; BYTES]) -> f64 {
        // SAFETY: `self` exists, so the CPU has the features that `int8_loop` is compiled for.
        unsafe { int8_loop(steps, a, b) }
    }
}

#[target_feature(enable = "avx2,avxvnni")]
fn int8_loop(steps: usize, a: &[u8; BYTES], b: &[i8; BYTES]) -> f64 {
    let (a, b) = (load(a), load(&b.map(i8::cast_unsigned)));
    // Else sums that start alike would be taken for one.
    let mut sums = black_box([_mm256_setzero_si256(); SUMS]);
    for _ in 0..steps {
        for index in 0..SUMS {
            let half = index % VECTORS;
            sums[index] = _mm256_dpbusd_avx_epi32(sums[index], a[half], b[half]);
        }
    }
    sums.iter().flat_map(|sum| ints(*sum)).map(f64::from).sum()
}

#[target_feature(enable = "avx")]
fn load(operand: &[u8; BYTES]) -> [__m256i; VECTORS] {
    let (chunks, _) = operand.as_chunks::<32>();
    // SAFETY: a chunk is 32 readable bytes; `loadu` needs no alignment.
    [0, 1].map(|index| unsafe { _mm256_loadu_si256(chunks[index].as_ptr().cast()) })
}

#[target_feature(enable = "avx")]
fn ints(vector: __m256i) -> [i32; 8] {
    let mut out = [0; 8];
    // SAFETY: `out` is 32 writable bytes; `storeu` needs no alignment.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), vector) };
    out
}
