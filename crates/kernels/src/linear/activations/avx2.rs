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
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_slli_epi16, _mm256_srai_epi16,
    _mm256_storeu_si256,
};

use super::{BlockScale, TileBlock};
use crate::{BLOCK, isa::Avx2};

/// As [`super::scalar::quantise`], to the bit.
pub(super) fn quantise(
    _proof: Avx2,
    values: &[[f32; BLOCK]],
    blocks: &mut [TileBlock],
    row: usize,
) {
    // SAFETY: the proof exists, so the CPU has the features that the function is compiled for.
    unsafe { quantise_blocks(values, blocks, row) };
}

#[target_feature(enable = "avx2,fma")]
fn quantise_blocks(values: &[[f32; BLOCK]], blocks: &mut [TileBlock], row: usize) {
    for (values, block) in values.iter().zip(blocks) {
        let scale = quantise_block(load(values), &mut block.quants[row], &mut block.wide[row]);
        block.set(row, scale);
    }
}

/// 32 values, in order.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn quantise_block(
    values: [__m256; 4],
    quants: &mut [i8; BLOCK],
    wide: &mut [i16; BLOCK],
) -> BlockScale {
    let magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fff_ffff));
    let [a, b, c, d] = values.map(|vector| _mm256_and_ps(vector, magnitude));
    let greatest = horizontal_max(_mm256_max_ps(_mm256_max_ps(a, b), _mm256_max_ps(c, d)));
    let poison = if has_nan(values) { f32::NAN } else { 0.0 };
    let inverse = if greatest > 0.0 { (127.0 / greatest).min(f32::MAX) } else { 0.0 };
    let rounded =
        values.map(|vector| _mm256_cvtps_epi32(_mm256_mul_ps(vector, _mm256_set1_ps(inverse))));
    let bytes = pack(rounded);
    // SAFETY: `quants` is 32 writable bytes; `storeu` needs no alignment.
    unsafe { _mm256_storeu_si256(quants.as_mut_ptr().cast(), bytes) };
    let (even, odd) = wide.split_at_mut(BLOCK / 2);
    let (even_bytes, odd_bytes) = (even_bytes(bytes), _mm256_srai_epi16::<8>(bytes));
    // SAFETY: 32 writable bytes; `storeu` needs no alignment.
    unsafe { _mm256_storeu_si256(even.as_mut_ptr().cast(), even_bytes) };
    // SAFETY: as above.
    unsafe { _mm256_storeu_si256(odd.as_mut_ptr().cast(), odd_bytes) };
    let sum = horizontal_sum(bytes);
    let scale = greatest * (1.0 / 127.0) + poison;
    BlockScale { scale, offset: scale * (-8 * sum) as f32, sum }
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

/// The bytes at even places, in 16 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn even_bytes(bytes: __m256i) -> __m256i {
    _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(bytes))
}

#[target_feature(enable = "avx")]
#[inline]
fn has_nan([a, b, c, d]: [__m256; 4]) -> bool {
    let ab = _mm256_cmp_ps::<_CMP_UNORD_Q>(a, b);
    let cd = _mm256_cmp_ps::<_CMP_UNORD_Q>(c, d);
    _mm256_movemask_ps(_mm256_or_ps(ab, cd)) != 0
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
