//! Weights of signed bytes.

use std::arch::x86_64::{
    __m256i, _mm256_abs_epi8, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_fmadd_ps,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setzero_si256, _mm256_sign_epi8,
};

use super::{
    TILE,
    vector::{bytes, floats, halves, store_floats},
    word,
};
use crate::{
    BLOCK,
    linear::{
        activations::Int8Row,
        kernel::{Sums, unpacked::CHUNK},
        panels::Int8Record,
    },
};

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn accumulate(records: &[Int8Record], rows: &[Int8Row<'_>], sums: &mut [Sums]) {
    for (chunk, records) in records.chunks(CHUNK).enumerate() {
        let first = chunk * CHUNK;
        let (tiles, rest) = rows.as_chunks::<TILE>();
        let (tile_sums, rest_sums) = sums.as_chunks_mut::<TILE>();
        for (rows, sums) in tiles.iter().zip(tile_sums) {
            tile(records, first, rows, sums);
        }
        if let (Ok(rows), Ok(sums)) = (rest.try_into(), (&mut *rest_sums).try_into()) {
            tile::<1>(records, first, rows, sums);
        } else if let (Ok(rows), Ok(sums)) = (rest.try_into(), (&mut *rest_sums).try_into()) {
            tile::<2>(records, first, rows, sums);
        } else if let (Ok(rows), Ok(sums)) = (rest.try_into(), rest_sums.try_into()) {
            tile::<3>(records, first, rows, sums);
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn tile<const ROWS: usize>(
    records: &[Int8Record],
    first: usize,
    rows: &[Int8Row<'_>; ROWS],
    sums: &mut [Sums; ROWS],
) {
    let rows = rows.map(|row| row.part(first, records.len()));
    for (block, record) in records.iter().enumerate() {
        let quants: [&[i8; BLOCK]; ROWS] = std::array::from_fn(|row| &rows[row].quants[block]);
        let mut products = [[_mm256_setzero_si256(); 2]; ROWS];
        for (group, vector) in record.quants.iter().enumerate() {
            for half in 0..2 {
                let weights = bytes(vector, half);
                let magnitudes = _mm256_abs_epi8(weights);
                for row in 0..ROWS {
                    let sum = &mut products[row][half];
                    *sum = multiply_add(*sum, weights, magnitudes, word(quants[row], group));
                }
            }
        }
        for half in 0..2 {
            let scales = halves(&record.scales, half);
            for row in 0..ROWS {
                let product = _mm256_cvtepi32_ps(products[row][half]);
                let scale = _mm256_set1_ps(rows[row].scales[block].scale);
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
    _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
}
