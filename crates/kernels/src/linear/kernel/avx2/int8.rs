//! Weights of signed bytes.

use std::arch::x86_64::{
    __m256i, _mm256_abs_epi8, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_fmadd_ps,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setzero_si256, _mm256_sign_epi8,
};

use super::{
    vector::{bytes, floats, halves, in_order, store_floats},
    word,
};
use crate::linear::{
    activations::{TILE, TileBlock},
    kernel::{TileSums, unpacked::CHUNK, with_rows},
    panels::Int8Record,
};

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn accumulate(
    records: &[Int8Record],
    (tiles, rows): (&[TileBlock], usize),
    sums: &mut [TileSums],
) {
    for (chunk, part) in records.chunks(CHUNK).enumerate() {
        for ((tile, rows), sums) in with_rows(tiles, records.len(), rows).zip(&mut *sums) {
            let tile = &tile[chunk * CHUNK..];
            match rows {
                1 => multiply_tile::<1>(part, tile, sums),
                2 => multiply_tile::<2>(part, tile, sums),
                3 => multiply_tile::<3>(part, tile, sums),
                _ => multiply_tile::<TILE>(part, tile, sums),
            }
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn multiply_tile<const ROWS: usize>(
    records: &[Int8Record],
    tile: &[TileBlock],
    sums: &mut TileSums,
) {
    for (record, block) in records.iter().zip(tile) {
        let mut products = [[_mm256_setzero_si256(); 2]; ROWS];
        for (group, vector) in record.quants.iter().enumerate() {
            for half in 0..2 {
                let weights = bytes(vector, half);
                let magnitudes = _mm256_abs_epi8(weights);
                for row in 0..ROWS {
                    let (sum, word) = (&mut products[row][half], word(&block.quants[row], group));
                    *sum = multiply_add(*sum, weights, magnitudes, word);
                }
            }
        }
        for half in 0..2 {
            let scales = halves(&record.scales, half);
            for row in 0..ROWS {
                let product = _mm256_cvtepi32_ps(products[row][half]);
                let scale = _mm256_set1_ps(block.scales[row]);
                let total = floats(&sums[row], half);
                let total = _mm256_fmadd_ps(_mm256_mul_ps(product, scale), scales, total);
                store_floats(&mut sums[row], half, total);
            }
        }
    }
}

/// Moves the weights' signs to the activations, as the instruction wants one factor unsigned.
#[target_feature(enable = "avx2")]
#[inline]
fn multiply_add(sum: __m256i, weights: __m256i, magnitudes: __m256i, word: i32) -> __m256i {
    let activations = _mm256_sign_epi8(_mm256_set1_epi32(word), weights);
    let pairs = _mm256_maddubs_epi16(magnitudes, activations);
    in_order(_mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))))
}
