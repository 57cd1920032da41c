//! Both factors in 16 bits: half as many products per instruction, but nothing else to do for them.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_slli_epi16, _mm256_srai_epi16,
};

use super::finish;
use crate::{
    BLOCK,
    linear::{
        activations::{TILE, TileRows, WideBlock},
        kernel::{
            Scratch, TileSums,
            avx2::{
                ahead::Ahead,
                pair,
                vector::{
                    bytes, floats, halves, in_order, stay_in_memory, store_floats, store_words,
                    words,
                },
            },
            unpacked::{WIDE_CHUNK, Widened},
        },
        panels::{Blocks, GROUPS, Int8Record, VECTOR},
    },
};

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn accumulate(
    records: Blocks<'_, Int8Record>,
    rows: TileRows<'_>,
    scratch: &mut Scratch,
    sums: &mut [TileSums],
) {
    for (chunk, part) in records.chunks(WIDE_CHUNK).enumerate() {
        let room = &mut scratch.widened()[..part.own.len()];
        for (record, widened) in part.own.iter().zip(&mut *room) {
            widen(record, widened);
        }
        let tiles = rows.each_tile(records.own.len());
        for (index, (tile, sums)) in tiles.zip(&mut *sums).enumerate() {
            let ahead = Ahead::of(part.next, index);
            let tile = tile.skip(chunk * WIDE_CHUNK);
            match tile.rows {
                1 => wide_tile::<1>(room, ahead, tile, sums),
                2 => wide_tile::<2>(room, ahead, tile, sums),
                3 => wide_tile::<3>(room, ahead, tile, sums),
                _ => wide_tile::<TILE>(room, ahead, tile, sums),
            }
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn widen(record: &Int8Record, widened: &mut Widened) {
    for (group, vector) in record.quants.iter().enumerate() {
        for half in 0..2 {
            let bytes = bytes(vector, half);
            let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(bytes));
            store_words(&mut widened.quants[group], half, even);
            let odd = _mm256_srai_epi16::<8>(bytes);
            store_words(&mut widened.quants[group + GROUPS], half, odd);
        }
    }
    for half in 0..2 {
        store_floats(&mut widened.scales, half, halves(&record.scales, half));
    }
}

#[inline(never)]
#[target_feature(enable = "avx2,fma,f16c")]
fn wide_tile<const ROWS: usize>(
    weights: &[Widened],
    mut ahead: Ahead<'_, Int8Record>,
    tile: TileRows<'_>,
    sums: &mut TileSums,
) {
    for (weights, (block, wide)) in weights.iter().zip(tile.tiles.iter().zip(tile.wide)) {
        ahead.fetch();
        let q = &weights.quants;
        let mut products = [[_mm256_setzero_si256(); 2]; ROWS];
        for row in 0..ROWS {
            products[row] = multiply(both_halves(&q[0]), &wide.0[row], 0);
        }
        // Written out, since the compiler would leave it a loop.
        add_vector(&mut products, &q[1], wide, 1);
        add_vector(&mut products, &q[2], wide, 2);
        add_vector(&mut products, &q[3], wide, 3);
        add_vector(&mut products, &q[4], wide, 4);
        add_vector(&mut products, &q[5], wide, 5);
        add_vector(&mut products, &q[6], wide, 6);
        add_vector(&mut products, &q[7], wide, 7);
        add_vector(&mut products, &q[8], wide, 8);
        add_vector(&mut products, &q[9], wide, 9);
        add_vector(&mut products, &q[10], wide, 10);
        add_vector(&mut products, &q[11], wide, 11);
        add_vector(&mut products, &q[12], wide, 12);
        add_vector(&mut products, &q[13], wide, 13);
        add_vector(&mut products, &q[14], wide, 14);
        add_vector(&mut products, &q[15], wide, 15);
        let scales = [floats(&weights.scales, 0), floats(&weights.scales, 1)];
        for row in 0..ROWS {
            finish(&mut sums.0[row], products[row], (block, row), scales);
        }
        stay_in_memory(sums);
    }
}

/// As `add_group` of 4-bit weights, in the same order.
#[target_feature(enable = "avx2")]
#[inline]
fn add_vector<const ROWS: usize>(
    products: &mut [[__m256i; 2]; ROWS],
    weights: &[i16; VECTOR / 2],
    block: &WideBlock,
    index: usize,
) {
    let weights = both_halves(weights);
    let mut late = multiply(weights, &block.0[0], index);
    for row in 1..ROWS {
        let next = multiply(weights, &block.0[row], index);
        products[row - 1] = add(products[row - 1], late);
        late = next;
    }
    products[ROWS - 1] = add(products[ROWS - 1], late);
}

#[target_feature(enable = "avx2")]
#[inline]
fn multiply(weights: [__m256i; 2], wide: &[i16; BLOCK], index: usize) -> [__m256i; 2] {
    let activations = _mm256_set1_epi32(pair(wide.as_chunks::<2>().0[index]));
    let first = in_order(_mm256_madd_epi16(weights[0], activations));
    [first, in_order(_mm256_madd_epi16(weights[1], activations))]
}

#[target_feature(enable = "avx2")]
#[inline]
fn add(a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
    let first = in_order(_mm256_add_epi32(a[0], b[0]));
    [first, in_order(_mm256_add_epi32(a[1], b[1]))]
}

#[target_feature(enable = "avx2")]
#[inline]
fn both_halves(vector: &[i16; VECTOR / 2]) -> [__m256i; 2] {
    [words(vector, 0), words(vector, 1)]
}
