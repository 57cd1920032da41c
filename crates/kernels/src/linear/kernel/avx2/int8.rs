//! Weights of signed bytes.

mod wide;

use std::arch::x86_64::{
    __m256, __m256i, _mm256_abs_epi8, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_fmadd_ps,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setzero_si256, _mm256_sign_epi8,
};

use super::{
    ahead,
    vector::{bytes, floats, halves, in_order, stay_in_memory, store_floats},
    word,
};
use crate::linear::{
    activations::{TILE, TileBlock, TileRows},
    kernel::{Scratch, Sums, TileSums},
    panels::{Blocks, Int8Record, VECTOR},
};

/// From so many rows on, weights are widened once for all of them.
const WIDEN_FROM: usize = 8;

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn accumulate(
    records: Blocks<'_, Int8Record>,
    rows: TileRows<'_>,
    scratch: &mut Scratch,
    sums: &mut [TileSums],
) {
    if rows.rows >= WIDEN_FROM && !rows.wide.is_empty() {
        return wide::accumulate(records, rows, scratch, sums);
    }
    for (tile, sums) in rows.each_tile(records.own.len()).zip(sums) {
        match tile.rows {
            1 => narrow_tile::<1>(records.own, tile.tiles, sums),
            2 => narrow_tile::<2>(records.own, tile.tiles, sums),
            3 => narrow_tile::<3>(records.own, tile.tiles, sums),
            _ => narrow_tile::<TILE>(records.own, tile.tiles, sums),
        }
    }
}

// Apart from their caller, whose constants would take their registers.
#[inline(never)]
#[target_feature(enable = "avx2,fma,f16c")]
fn narrow_tile<const ROWS: usize>(records: &[Int8Record], tile: &[TileBlock], sums: &mut TileSums) {
    for (record, block) in records.iter().zip(tile) {
        ahead::fetch_stream(record);
        let mut products = [[_mm256_setzero_si256(); 2]; ROWS];
        for (group, vector) in record.quants.iter().enumerate() {
            add_group(&mut products, vector, block, group);
        }
        let scales = [halves(&record.scales, 0), halves(&record.scales, 1)];
        for row in 0..ROWS {
            finish(&mut sums.0[row], products[row], (block, row), scales);
        }
        stay_in_memory(sums);
    }
}

/// Moves the weights' signs to the activations, as the instruction wants one factor unsigned.
#[target_feature(enable = "avx2")]
#[inline]
fn add_group<const ROWS: usize>(
    products: &mut [[__m256i; 2]; ROWS],
    weights: &[i8; VECTOR],
    block: &TileBlock,
    group: usize,
) {
    for half in 0..2 {
        let weights = bytes(weights, half);
        let magnitudes = _mm256_abs_epi8(weights);
        for row in 0..ROWS {
            let activations = _mm256_set1_epi32(word(&block.quants[row], group));
            let activations = _mm256_sign_epi8(activations, weights);
            let pairs = _mm256_maddubs_epi16(magnitudes, activations);
            let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
            products[row][half] = in_order(_mm256_add_epi32(products[row][half], fours));
        }
    }
}

/// Adds the products of a block with one row to its sums, as [`crate::linear::kernel::scalar`] defines it.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn finish(
    sums: &mut Sums,
    products: [__m256i; 2],
    (block, row): (&TileBlock, usize),
    scales: [__m256; 2],
) {
    let scale = _mm256_set1_ps(block.scales[row]);
    for half in 0..2 {
        let product = _mm256_mul_ps(_mm256_cvtepi32_ps(products[half]), scale);
        let total = _mm256_fmadd_ps(product, scales[half], floats(sums, half));
        store_floats(sums, half, total);
    }
}
