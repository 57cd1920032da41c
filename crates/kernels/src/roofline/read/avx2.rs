//! 256 bits at a time.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and the call of a function that is compiled for \
              AVX2"
)]

use std::arch::x86_64::{
    __m256i, _mm256_load_si256, _mm256_setzero_si256, _mm256_storeu_si256, _mm256_xor_si256,
};

use super::{Line, Reader, scalar};
use crate::isa::Avx2;

/// Lines per step of the loop: enough independent sums for three loads per cycle.
const LINES: usize = 4;

pub(super) fn reader(isa: Avx2) -> Reader {
    Reader { isa: "AVX2", read: Box::new(move |lines| isa.xor(lines)) }
}

impl Avx2 {
    fn xor(self, lines: &[Line]) -> u64 {
        // SAFETY: `self` exists, so the CPU has the features that `xor` is compiled for.
        unsafe { xor(lines) }
    }
}

#[target_feature(enable = "avx2")]
fn xor(lines: &[Line]) -> u64 {
    let (steps, rest) = lines.as_chunks::<LINES>();
    let mut sums = [_mm256_setzero_si256(); 2 * LINES];
    for step in steps {
        for (index, line) in step.iter().enumerate() {
            let [low, high] = load(line);
            sums[2 * index] = _mm256_xor_si256(sums[2 * index], low);
            sums[2 * index + 1] = _mm256_xor_si256(sums[2 * index + 1], high);
        }
    }
    sums.iter().flat_map(|sum| words(*sum)).fold(scalar::xor(rest), |all, word| all ^ word)
}

#[target_feature(enable = "avx")]
fn load(line: &Line) -> [__m256i; 2] {
    let (halves, _) = line.0.as_chunks::<4>();
    // SAFETY: a half is 32 readable bytes, and a line starts at a multiple of 64.
    [0, 1].map(|index| unsafe { _mm256_load_si256(halves[index].as_ptr().cast()) })
}

#[target_feature(enable = "avx")]
fn words(vector: __m256i) -> [u64; 4] {
    let mut out = [0; 4];
    // SAFETY: `out` is 32 writable bytes; `storeu` needs no alignment.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), vector) };
    out
}
