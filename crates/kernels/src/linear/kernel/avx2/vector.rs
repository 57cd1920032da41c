//! Loads, stores and conversions.

use std::arch::{
    asm,
    x86_64::{
        __m256, __m256i, _mm_loadu_si128, _mm256_cvtph_ps, _mm256_loadu_ps, _mm256_loadu_si256,
        _mm256_storeu_ps, _mm256_storeu_si256,
    },
};

use crate::linear::{
    kernel::Sums,
    panels::{PANEL, VECTOR},
};

/// The bytes of rows `8 * half` and following.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn bytes<T: Byte>(vector: &[T; VECTOR], half: usize) -> __m256i {
    let (halves, _) = vector.as_chunks::<{ VECTOR / 2 }>();
    // SAFETY: 32 readable bytes; `loadu` needs no alignment.
    unsafe { _mm256_loadu_si256(halves[half].as_ptr().cast()) }
}

/// Types of one byte.
pub(super) trait Byte {}
impl Byte for u8 {}
impl Byte for i8 {}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn store_bytes(vector: &mut [u8; VECTOR], half: usize, bytes: __m256i) {
    let (halves, _) = vector.as_chunks_mut::<{ VECTOR / 2 }>();
    // SAFETY: 32 writable bytes; `storeu` needs no alignment.
    unsafe { _mm256_storeu_si256(halves[half].as_mut_ptr().cast(), bytes) };
}

/// The 16-bit integers of rows `8 * half` and following.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn words(vector: &[i16; VECTOR / 2], half: usize) -> __m256i {
    let (halves, _) = vector.as_chunks::<PANEL>();
    // SAFETY: 32 readable bytes; `loadu` needs no alignment.
    unsafe { _mm256_loadu_si256(halves[half].as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn store_words(vector: &mut [i16; VECTOR / 2], half: usize, words: __m256i) {
    let (halves, _) = vector.as_chunks_mut::<PANEL>();
    // SAFETY: 32 writable bytes; `storeu` needs no alignment.
    unsafe { _mm256_storeu_si256(halves[half].as_mut_ptr().cast(), words) };
}

/// Halves of rows `8 * half` and following as floats.
#[target_feature(enable = "avx2,f16c")]
#[inline]
pub(super) fn halves(bits: &[u16; PANEL], half: usize) -> __m256 {
    let (parts, _) = bits.as_chunks::<{ PANEL / 2 }>();
    // SAFETY: 16 readable bytes; `loadu` needs no alignment.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(parts[half].as_ptr().cast()) })
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn floats(values: &Sums, half: usize) -> __m256 {
    let (halves, _) = values.as_chunks::<{ PANEL / 2 }>();
    // SAFETY: eight readable floats; `loadu` needs no alignment.
    unsafe { _mm256_loadu_ps(halves[half].as_ptr()) }
}

#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn store_floats(values: &mut Sums, half: usize, floats: __m256) {
    let (halves, _) = values.as_chunks_mut::<{ PANEL / 2 }>();
    // SAFETY: eight writable floats; `storeu` needs no alignment.
    unsafe { _mm256_storeu_ps(halves[half].as_mut_ptr(), floats) };
}

/// Has the sums of a block in memory before those of the next: registers are for the products. The
/// compiler would take the sums for a part of the loop's state, and keep them beside their place.
#[inline]
pub(super) fn stay_in_memory<T>(sums: &mut T) {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {0} */", in(reg) sums, options(nostack, preserves_flags)) };
}

/// The same block. The compiler cannot see that, nor load what is in it before it is wanted: left to
/// itself, it loads the scales of all rows together, for which it has no registers.
#[inline]
pub(super) fn unforeseen<T>(block: &T) -> &T {
    let mut block: *const T = block;
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {0} */", inout(reg) block, options(readonly, nostack, preserves_flags)) };
    // SAFETY: the same pointer, made of a reference.
    unsafe { &*block }
}

/// The same vector. The compiler cannot see that, nor reorder what comes of it: left to itself, it
/// computes the sums of one row after the other, for which it keeps all weights at hand, in memory.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn in_order(mut vector: __m256i) -> __m256i {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {0} */", inout(ymm_reg) vector, options(nomem, nostack, preserves_flags)) };
    vector
}
