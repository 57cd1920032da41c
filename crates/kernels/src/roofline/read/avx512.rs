//! 512 bits, a whole line, at a time.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and the call of a function that is compiled for \
              AVX-512"
)]

use std::arch::x86_64::{
    __m512i, _mm512_load_si512, _mm512_setzero_si512, _mm512_storeu_si512, _mm512_xor_si512,
};

use super::{Line, Reader, scalar};
use crate::isa::Avx512;

/// Lines per step of the loop, each with a sum of its own.
const LINES: usize = 8;

pub(super) fn reader(isa: Avx512) -> Reader {
    Reader { isa: "AVX-512F", read: Box::new(move |lines| isa.xor(lines)) }
}

impl Avx512 {
    fn xor(self, lines: &[Line]) -> u64 {
        // SAFETY: `self` exists, so the CPU has the features that `xor` is compiled for.
        unsafe { xor(lines) }
    }
}

#[target_feature(enable = "avx512f")]
fn xor(lines: &[Line]) -> u64 {
    let (steps, rest) = lines.as_chunks::<LINES>();
    let mut sums = [_mm512_setzero_si512(); LINES];
    for step in steps {
        for (sum, line) in sums.iter_mut().zip(step) {
            *sum = _mm512_xor_si512(*sum, load(line));
        }
    }
    sums.iter().flat_map(|sum| words(*sum)).fold(scalar::xor(rest), |all, word| all ^ word)
}

#[target_feature(enable = "avx512f")]
fn load(line: &Line) -> __m512i {
    // SAFETY: a line is 64 readable bytes and starts at a multiple of 64.
    unsafe { _mm512_load_si512(line.0.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
fn words(vector: __m512i) -> [u64; 8] {
    let mut out = [0; 8];
    // SAFETY: `out` is 64 writable bytes; `storeu` needs no alignment.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), vector) };
    out
}
