//! 512 bits: fused multiply-add of floats; products of `bfloat16` by two and of bytes by four.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and calls of functions that are compiled for \
              AVX-512"
)]

use std::{
    arch::x86_64::{
        __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps,
        _mm512_loadu_ps, _mm512_loadu_si512, _mm512_setzero_ps, _mm512_setzero_si512,
        _mm512_storeu_ps, _mm512_storeu_si512,
    },
    hint::black_box,
    mem::transmute,
};

use super::{BYTES, FLOATS, HALVES, Multiplier};
use crate::isa::{Avx512, Avx512Bf16, Avx512Vnni};

/// Independent sums: a latency of 4 to 6 at 2 per cycle needs 12, and there are 32 registers.
const SUMS: usize = 16;

pub(super) fn f32(isa: Avx512) -> Multiplier<f32, f32, FLOATS> {
    let run = move |steps, a: &_, b: &_| isa.f32(steps, a, b);
    Multiplier { isa: "AVX-512F", dots_per_step: SUMS, run: Box::new(run) }
}

pub(super) fn bf16(isa: Avx512Bf16) -> Multiplier<u16, u16, HALVES> {
    let run = move |steps, a: &_, b: &_| isa.bf16(steps, a, b);
    Multiplier { isa: "AVX-512 BF16", dots_per_step: SUMS, run: Box::new(run) }
}

pub(super) fn int8(isa: Avx512Vnni) -> Multiplier<u8, i8, BYTES> {
    let run = move |steps, a: &_, b: &_| isa.int8(steps, a, b);
    Multiplier { isa: "AVX-512 VNNI", dots_per_step: SUMS, run: Box::new(run) }
}

impl Avx512 {
    fn f32(self, steps: usize, a: &[f32; FLOATS], b: &[f32; FLOATS]) -> f64 {
        // SAFETY: `self` exists, so the CPU has the features that `f32_loop` is compiled for.
        unsafe { f32_loop(steps, a, b) }
    }
}

impl Avx512Bf16 {
    fn bf16(self, steps: usize, a: &[u16; HALVES], b: &[u16; HALVES]) -> f64 {
        // SAFETY: `self` exists, so the CPU has the features that `bf16_loop` is compiled for.
        unsafe { bf16_loop(steps, a, b) }
    }
}

impl Avx512Vnni {
    fn int8(self, steps: usize, a: &[u8; BYTES], b: &[i8; BYTES]) -> f64 {
        // SAFETY: `self` exists, so the CPU has the features that `int8_loop` is compiled for.
        unsafe { int8_loop(steps, a, b) }
    }
}

#[target_feature(enable = "avx512f")]
fn f32_loop(steps: usize, a: &[f32; FLOATS], b: &[f32; FLOATS]) -> f64 {
    let (a, b) = (load_floats(a), load_floats(b));
    // Else sums that start alike would be taken for one.
    let mut sums = black_box([_mm512_setzero_ps(); SUMS]);
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(a, b, *sum);
        }
    }
    sums.iter().flat_map(|sum| floats(*sum)).map(f64::from).sum()
}

#[target_feature(enable = "avx512f,avx512bf16")]
fn bf16_loop(steps: usize, a: &[u16; HALVES], b: &[u16; HALVES]) -> f64 {
    let (a, b) = (load_halves(a), load_halves(b));
    let mut sums = black_box([_mm512_setzero_ps(); SUMS]);
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_dpbf16_ps(*sum, a, b);
        }
    }
    sums.iter().flat_map(|sum| floats(*sum)).map(f64::from).sum()
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn int8_loop(steps: usize, a: &[u8; BYTES], b: &[i8; BYTES]) -> f64 {
    let (a, b) = (load_bytes(a), load_bytes(&b.map(i8::cast_unsigned)));
    let mut sums = black_box([_mm512_setzero_si512(); SUMS]);
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, a, b);
        }
    }
    sums.iter().flat_map(|sum| ints(*sum)).map(f64::from).sum()
}

#[target_feature(enable = "avx512f")]
fn load_floats(operand: &[f32; FLOATS]) -> __m512 {
    // SAFETY: `operand` is sixteen readable floats; `loadu` needs no alignment.
    unsafe { _mm512_loadu_ps(operand.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
fn load_bytes(operand: &[u8; BYTES]) -> __m512i {
    // SAFETY: `operand` is 64 readable bytes; `loadu` needs no alignment.
    unsafe { _mm512_loadu_si512(operand.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bf16")]
fn load_halves(operand: &[u16; HALVES]) -> __m512bh {
    // SAFETY: `operand` is 64 readable bytes; `loadu` needs no alignment.
    let vector = unsafe { _mm512_loadu_si512(operand.as_ptr().cast()) };
    // SAFETY: both are 512 bits of which any will do.
    unsafe { transmute::<__m512i, __m512bh>(vector) }
}

#[target_feature(enable = "avx512f")]
fn floats(vector: __m512) -> [f32; FLOATS] {
    let mut out = [0.0; FLOATS];
    // SAFETY: `out` is sixteen writable floats; `storeu` needs no alignment.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), vector) };
    out
}

#[target_feature(enable = "avx512f")]
fn ints(vector: __m512i) -> [i32; 16] {
    let mut out = [0; 16];
    // SAFETY: `out` is 64 writable bytes; `storeu` needs no alignment.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), vector) };
    out
}
