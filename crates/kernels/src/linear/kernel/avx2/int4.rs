//! Weights of 4 bits.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_add_epi16, _mm256_and_si256, _mm256_cvtepi32_ps, _mm256_fmadd_ps,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_srli_epi16,
};

use super::{
    vector::{bytes, floats, halves, in_order, load_sums, store_bytes, store_floats, store_sums},
    word,
};
use crate::{
    BLOCK,
    linear::{
        activations::{TILE, TileBlock},
        kernel::{
            Scratch, TileSums,
            unpacked::{CHUNK, Unpacked},
            with_rows,
        },
        panels::{GROUPS, Int4MinRecord, Int4Record, PANEL, VECTOR},
    },
};

/// From so many rows on, nibbles are taken apart once for all of them.
const UNPACK_FROM: usize = 8;

/// Either record.
pub(super) trait Nibbles {
    const HAS_MINIMUM: bool;
    fn quants(&self) -> &[[u8; VECTOR]; GROUPS / 2];
    fn scales(&self) -> &[u16; PANEL];
    /// Of no meaning without minimum.
    fn minimums(&self) -> &[u16; PANEL];
}

impl Nibbles for Int4Record {
    const HAS_MINIMUM: bool = false;

    fn quants(&self) -> &[[u8; VECTOR]; GROUPS / 2] {
        &self.quants
    }

    fn scales(&self) -> &[u16; PANEL] {
        &self.scales
    }

    fn minimums(&self) -> &[u16; PANEL] {
        &self.scales
    }
}

impl Nibbles for Int4MinRecord {
    const HAS_MINIMUM: bool = true;

    fn quants(&self) -> &[[u8; VECTOR]; GROUPS / 2] {
        &self.quants
    }

    fn scales(&self) -> &[u16; PANEL] {
        &self.scales
    }

    fn minimums(&self) -> &[u16; PANEL] {
        &self.minimums
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn accumulate<R: Nibbles>(
    records: &[R],
    (tiles, rows): (&[TileBlock], usize),
    scratch: &mut Scratch,
    sums: &mut [TileSums],
) {
    if rows < UNPACK_FROM {
        for ((tile, rows), sums) in with_rows(tiles, records.len(), rows).zip(sums) {
            match rows {
                1 => packed_tile::<R, 1>(records, tile, sums),
                2 => packed_tile::<R, 2>(records, tile, sums),
                3 => packed_tile::<R, 3>(records, tile, sums),
                _ => packed_tile::<R, TILE>(records, tile, sums),
            }
        }
        return;
    }
    for (chunk, part) in records.chunks(CHUNK).enumerate() {
        let room = &mut scratch.chunk()[..part.len()];
        for (record, unpacked) in part.iter().zip(&mut *room) {
            unpack(record, unpacked);
        }
        for ((tile, rows), sums) in with_rows(tiles, records.len(), rows).zip(&mut *sums) {
            unpacked_rows::<R>(room, &tile[chunk * CHUNK..], rows, sums);
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn unpack<R: Nibbles>(record: &R, unpacked: &mut Unpacked) {
    for (pair, vector) in record.quants().iter().enumerate() {
        for half in 0..2 {
            let (low, high) = apart(bytes(vector, half));
            store_bytes(&mut unpacked.quants[pair], half, low);
            store_bytes(&mut unpacked.quants[pair + GROUPS / 2], half, high);
        }
    }
    for half in 0..2 {
        store_floats(&mut unpacked.scales, half, halves(record.scales(), half));
        if R::HAS_MINIMUM {
            store_floats(&mut unpacked.minimums, half, minimums(record.minimums(), half));
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn packed_tile<R: Nibbles, const ROWS: usize>(
    records: &[R],
    tile: &[TileBlock],
    sums: &mut TileSums,
) {
    let mut totals = load_sums::<ROWS>(sums);
    for (record, block) in records.iter().zip(tile) {
        let mut products = [[_mm256_setzero_si256(); 2]; ROWS];
        for (pair, vector) in record.quants().iter().enumerate() {
            for half in 0..2 {
                let (low, high) = apart(bytes(vector, half));
                for row in 0..ROWS {
                    let sum = &mut products[row][half];
                    *sum = multiply_add(*sum, low, &block.quants[row], pair);
                    *sum = multiply_add(*sum, high, &block.quants[row], pair + GROUPS / 2);
                }
            }
        }
        for half in 0..2 {
            let scales = halves(record.scales(), half);
            let minimum = R::HAS_MINIMUM.then(|| minimums(record.minimums(), half));
            for row in 0..ROWS {
                let sum = &mut totals[row][half];
                *sum = scaled(*sum, products[row][half], (block, row), scales, minimum);
            }
        }
    }
    store_sums(sums, &totals);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn unpacked_rows<R: Nibbles>(
    weights: &[Unpacked],
    tile: &[TileBlock],
    rows: usize,
    sums: &mut TileSums,
) {
    match rows {
        1 => unpacked_tile::<R, 1>(weights, tile, sums),
        2 => unpacked_tile::<R, 2>(weights, tile, sums),
        3 => unpacked_tile::<R, 3>(weights, tile, sums),
        _ => unpacked_tile::<R, TILE>(weights, tile, sums),
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn unpacked_tile<R: Nibbles, const ROWS: usize>(
    weights: &[Unpacked],
    tile: &[TileBlock],
    sums: &mut TileSums,
) {
    for (weights, block) in weights.iter().zip(tile) {
        let mut products = [[_mm256_setzero_si256(); 2]; ROWS];
        for (group, vector) in weights.quants.iter().enumerate() {
            let halves = [bytes(vector, 0), bytes(vector, 1)];
            for row in 0..ROWS {
                for half in 0..2 {
                    let sum = &mut products[row][half];
                    *sum = multiply_add(*sum, halves[half], &block.quants[row], group);
                }
            }
        }
        for half in 0..2 {
            let scales = floats(&weights.scales, half);
            let minimum = R::HAS_MINIMUM.then(|| floats(&weights.minimums, half));
            for row in 0..ROWS {
                let total = floats(&sums[row], half);
                let total = scaled(total, products[row][half], (block, row), scales, minimum);
                store_floats(&mut sums[row], half, total);
            }
        }
    }
}

/// Low and high nibbles.
#[target_feature(enable = "avx2")]
#[inline]
fn apart(packed: __m256i) -> (__m256i, __m256i) {
    let mask = _mm256_set1_epi8(15);
    let high = _mm256_srli_epi16::<4>(packed);
    (_mm256_and_si256(packed, mask), _mm256_and_si256(high, mask))
}

/// Adds the products of a group by pairs, in 16 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn multiply_add(sum: __m256i, weights: __m256i, quants: &[i8; BLOCK], group: usize) -> __m256i {
    let activations = _mm256_set1_epi32(word(quants, group));
    in_order(_mm256_add_epi16(sum, _mm256_maddubs_epi16(weights, activations)))
}

/// `total` with the products of a block, as [`crate::linear::kernel::scalar`] defines it.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn scaled(
    total: __m256,
    products: __m256i,
    (block, row): (&TileBlock, usize),
    scales: __m256,
    minimums: Option<__m256>,
) -> __m256 {
    let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(products, _mm256_set1_epi16(1)));
    let (scale, offset) = (_mm256_set1_ps(block.scales[row]), _mm256_set1_ps(block.offsets[row]));
    match minimums {
        None => _mm256_fmadd_ps(_mm256_fmadd_ps(products, scale, offset), scales, total),
        Some(minimums) => {
            let total = _mm256_fmadd_ps(_mm256_mul_ps(products, scale), scales, total);
            _mm256_fmadd_ps(minimums, offset, total)
        }
    }
}

/// Minimums times -1/8.
#[target_feature(enable = "avx2,f16c")]
#[inline]
fn minimums(bits: &[u16; PANEL], half: usize) -> __m256 {
    _mm256_mul_ps(halves(bits, half), _mm256_set1_ps(-0.125))
}
