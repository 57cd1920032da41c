//! Activations to bytes by 256 bits, 32 values at once.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and the call of a function compiled for AVX2"
)]

use std::arch::x86_64::{
    __m256, __m256i, _CMP_UNORD_Q, _mm_add_epi32, _mm_cvtsi128_si32, _mm_cvtss_f32, _mm_max_ps,
    _mm_max_ss, _mm_movehdup_ps, _mm_movehl_ps, _mm_shuffle_epi32, _mm256_and_ps,
    _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_cmp_ps,
    _mm256_cvtps_epi32, _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_loadu_ps,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_epi8, _mm256_max_ps, _mm256_movemask_ps,
    _mm256_mul_ps, _mm256_or_ps, _mm256_packs_epi16, _mm256_packs_epi32,
    _mm256_permutevar8x32_epi32, _mm256_set_epi32, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_si256,
};

use super::{
    row::RowScale,
    tile::{BlockScale, TileBlock},
};
use crate::{BLOCK, isa::Avx2};

/// As [`super::scalar::quantise`], to the bit.
pub(super) fn quantise(
    _proof: Avx2,
    values: &[[f32; BLOCK]],
    blocks: &mut [TileBlock],
    row: usize,
) -> f32 {
    // SAFETY: the proof exists, so the CPU has the features that the function is compiled for.
    unsafe { quantise_row(values, blocks, row) }
}

#[target_feature(enable = "avx2,fma")]
fn quantise_row(values: &[[f32; BLOCK]], blocks: &mut [TileBlock], row: usize) -> f32 {
    let (greatest, poison) = measure(values);
    let row_scale = RowScale::of(greatest);
    for (values, block) in values.iter().zip(blocks) {
        let values = load(values);
        let scale = row_scale.block(horizontal_max(magnitudes(values)));
        let sum = quantise_block(values, row_scale.block_inverse(scale), &mut block.quants[row]);
        block.set(row, BlockScale { scale, offset: scale * (-8 * sum) as f32, sum });
    }
    row_scale.scale + poison
}

/// The greatest magnitude of a row, and no number if one of its values is none, or else 0.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn measure(values: &[[f32; BLOCK]]) -> (f32, f32) {
    let (mut greatest, mut unordered) = (_mm256_setzero_ps(), _mm256_setzero_ps());
    for values in values {
        let values = load(values);
        greatest = _mm256_max_ps(magnitudes(values), greatest);
        unordered = _mm256_or_ps(unordered, without_order(values));
    }
    let poison = if _mm256_movemask_ps(unordered) != 0 { f32::NAN } else { 0.0 };
    (horizontal_max(greatest), poison)
}

/// By eight lanes, the greatest of four magnitudes.
#[target_feature(enable = "avx2")]
#[inline]
fn magnitudes(values: [__m256; 4]) -> __m256 {
    let magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fff_ffff));
    let [a, b, c, d] = values.map(|vector| _mm256_and_ps(vector, magnitude));
    _mm256_max_ps(_mm256_max_ps(a, b), _mm256_max_ps(c, d))
}

/// 32 values, in order; returns their sum.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn quantise_block(values: [__m256; 4], inverse: f32, quants: &mut [i8; BLOCK]) -> i32 {
    let inverse = _mm256_set1_ps(inverse);
    let bytes = pack(values.map(|vector| _mm256_cvtps_epi32(_mm256_mul_ps(vector, inverse))));
    // SAFETY: `quants` is 32 writable bytes; `storeu` needs no alignment.
    unsafe { _mm256_storeu_si256(quants.as_mut_ptr().cast(), bytes) };
    horizontal_sum(bytes)
}

#[target_feature(enable = "avx")]
#[inline]
fn load(values: &[f32; BLOCK]) -> [__m256; 4] {
    let (vectors, _) = values.as_chunks::<8>();
    let mut out = [_mm256_setzero_ps(); 4];
    for (out, vector) in out.iter_mut().zip(vectors) {
        // SAFETY: eight readable floats; `loadu` needs no alignment.
        *out = unsafe { _mm256_loadu_ps(vector.as_ptr()) };
    }
    out
}

/// 32 integers as bytes in order, -127 at least.
#[target_feature(enable = "avx2")]
#[inline]
fn pack([a, b, c, d]: [__m256i; 4]) -> __m256i {
    let bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    // Packing works within halves: four bytes each of a, b, c, d in the lower, then in the upper.
    let order = _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0);
    _mm256_max_epi8(_mm256_permutevar8x32_epi32(bytes, order), _mm256_set1_epi8(-127))
}

/// By eight lanes, all ones where one of four is no number.
#[target_feature(enable = "avx")]
#[inline]
fn without_order([a, b, c, d]: [__m256; 4]) -> __m256 {
    let ab = _mm256_cmp_ps::<_CMP_UNORD_Q>(a, b);
    let cd = _mm256_cmp_ps::<_CMP_UNORD_Q>(c, d);
    _mm256_or_ps(ab, cd)
}

#[target_feature(enable = "avx2")]
#[inline]
fn horizontal_max(vector: __m256) -> f32 {
    let half = _mm_max_ps(_mm256_castps256_ps128(vector), _mm256_extractf128_ps::<1>(vector));
    let pair = _mm_max_ps(half, _mm_movehl_ps(half, half));
    _mm_cvtss_f32(_mm_max_ss(pair, _mm_movehdup_ps(pair)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn horizontal_sum(bytes: __m256i) -> i32 {
    let pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes);
    let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    let half = _mm_add_epi32(_mm256_castsi256_si128(fours), _mm256_extracti128_si256::<1>(fours));
    let pair = _mm_add_epi32(half, _mm_shuffle_epi32::<0b01_00_11_10>(half));
    _mm_cvtsi128_si32(_mm_add_epi32(pair, _mm_shuffle_epi32::<0b10_11_00_01>(pair)))
}
