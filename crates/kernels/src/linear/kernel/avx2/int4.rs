//! Weights of 4 bits.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_add_epi16, _mm256_and_si256, _mm256_cvtepi32_ps, _mm256_fmadd_ps,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_srli_epi16,
};

use super::{
    ahead::{self, Ahead},
    pair,
    vector::{
        bytes, floats, halves, in_order, stay_in_memory, store_bytes, store_floats, unforeseen,
    },
    word,
};
use crate::{
    BLOCK,
    linear::{
        activations::{TILE, TileBlock, TileRows},
        kernel::{
            Scratch, Sums, TileSums,
            unpacked::{CHUNK, Unpacked},
        },
        panels::{Blocks, GROUPS, Int4MinRecord, Int4Record, PANEL, VECTOR},
    },
};

/// From so many rows on, nibbles are taken apart once for all of them.
const UNPACK_FROM: usize = 8;

/// So many rows' sums and products fit the registers.
const IN_REGISTERS: usize = 2;

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
    records: Blocks<'_, R>,
    rows: TileRows<'_>,
    scratch: &mut Scratch,
    sums: &mut [TileSums],
) {
    let blocks = records.own.len();
    if rows.rows < UNPACK_FROM {
        for (tile, sums) in rows.each_tile(blocks).zip(sums) {
            match tile.rows {
                1 => packed_tile::<R, 1>(records.own, tile.tiles, sums),
                2 => packed_tile::<R, 2>(records.own, tile.tiles, sums),
                3 => packed_tile::<R, 3>(records.own, tile.tiles, sums),
                _ => packed_tile::<R, TILE>(records.own, tile.tiles, sums),
            }
        }
        return;
    }
    for (chunk, part) in records.chunks(CHUNK).enumerate() {
        let room = &mut scratch.unpacked()[..part.own.len()];
        for (record, unpacked) in part.own.iter().zip(&mut *room) {
            unpack(record, unpacked);
        }
        for (index, (tile, sums)) in rows.each_tile(blocks).zip(&mut *sums).enumerate() {
            let ahead = Ahead::of(part.next, index);
            let blocks = &tile.tiles[chunk * CHUNK..];
            match tile.rows {
                1 => unpacked_tile::<R, 1>(room, ahead, blocks, sums),
                2 => unpacked_tile::<R, 2>(room, ahead, blocks, sums),
                3 => unpacked_tile::<R, 3>(room, ahead, blocks, sums),
                _ => unpacked_tile::<R, TILE>(room, ahead, blocks, sums),
            }
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

// Apart from their caller, whose constants would take their registers.
#[inline(never)]
#[target_feature(enable = "avx2,fma,f16c")]
fn packed_tile<R: Nibbles, const ROWS: usize>(
    records: &[R],
    tile: &[TileBlock],
    sums: &mut TileSums,
) {
    // In registers, if there are few.
    let mut totals: [Sums; ROWS] = std::array::from_fn(|row| sums.0[row]);
    for (record, block) in records.iter().zip(tile) {
        ahead::fetch_stream(record);
        let mut products = [[_mm256_setzero_si256(); 2]; ROWS];
        for (pair, vector) in record.quants().iter().enumerate() {
            let (low_0, high_0) = apart(bytes(vector, 0));
            let (low_1, high_1) = apart(bytes(vector, 1));
            add_group(&mut products, [low_0, low_1], block, pair);
            add_group(&mut products, [high_0, high_1], block, pair + GROUPS / 2);
        }
        let weights = Scales {
            scales: [halves(record.scales(), 0), halves(record.scales(), 1)],
            minimums: [minimums(record.minimums(), 0), minimums(record.minimums(), 1)],
        };
        for row in 0..ROWS {
            finish::<R>(&mut totals[row], products[row], (block, row), weights);
        }
        if ROWS > IN_REGISTERS {
            stay_in_memory(&mut totals);
        }
    }
    sums.0[..ROWS].copy_from_slice(&totals);
}

#[inline(never)]
#[target_feature(enable = "avx2,fma,f16c")]
fn unpacked_tile<R: Nibbles, const ROWS: usize>(
    weights: &[Unpacked],
    mut ahead: Ahead<'_, R>,
    tile: &[TileBlock],
    sums: &mut TileSums,
) {
    for (weights, block) in weights.iter().zip(tile) {
        ahead.fetch();
        let q = &weights.quants;
        let mut products: [_; ROWS] = first_group(both_halves(&q[0]), block);
        // Written out, since the compiler would leave it a loop.
        add_group(&mut products, both_halves(&q[1]), block, 1);
        add_group(&mut products, both_halves(&q[2]), block, 2);
        add_group(&mut products, both_halves(&q[3]), block, 3);
        add_group(&mut products, both_halves(&q[4]), block, 4);
        add_group(&mut products, both_halves(&q[5]), block, 5);
        add_group(&mut products, both_halves(&q[6]), block, 6);
        add_group(&mut products, both_halves(&q[7]), block, 7);
        let weights = Scales {
            scales: [floats(&weights.scales, 0), floats(&weights.scales, 1)],
            minimums: [floats(&weights.minimums, 0), floats(&weights.minimums, 1)],
        };
        for row in 0..ROWS {
            finish::<R>(&mut sums.0[row], products[row], (block, row), weights);
            stay_in_memory(sums);
        }
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn both_halves(vector: &[u8; VECTOR]) -> [__m256i; 2] {
    [bytes(vector, 0), bytes(vector, 1)]
}

/// Low and high nibbles.
#[target_feature(enable = "avx2")]
#[inline]
fn apart(packed: __m256i) -> (__m256i, __m256i) {
    let mask = _mm256_set1_epi8(15);
    let high = _mm256_srli_epi16::<4>(packed);
    (_mm256_and_si256(packed, mask), _mm256_and_si256(high, mask))
}

/// The products of group 0, by pairs, in 16 bits.
#[target_feature(enable = "avx2")]
#[inline]
fn first_group<const ROWS: usize>(
    weights: [__m256i; 2],
    block: &TileBlock,
) -> [[__m256i; 2]; ROWS] {
    let mut products = [[_mm256_setzero_si256(); 2]; ROWS];
    for row in 0..ROWS {
        products[row] = multiply(weights, &block.quants[row], 0);
    }
    products
}

/// Adds the products of another group. A row's are added after the next row's multiplications were
/// begun: in this order the units of Zen 3 share the work best.
#[target_feature(enable = "avx2")]
#[inline]
fn add_group<const ROWS: usize>(
    products: &mut [[__m256i; 2]; ROWS],
    weights: [__m256i; 2],
    block: &TileBlock,
    group: usize,
) {
    let mut late = multiply(weights, &block.quants[0], group);
    for row in 1..ROWS {
        let next = multiply(weights, &block.quants[row], group);
        products[row - 1] = add(products[row - 1], late);
        late = next;
    }
    products[ROWS - 1] = add(products[ROWS - 1], late);
}

#[target_feature(enable = "avx2")]
#[inline]
fn multiply(weights: [__m256i; 2], quants: &[i8; BLOCK], group: usize) -> [__m256i; 2] {
    let activations = _mm256_set1_epi32(word(quants, group));
    let first = in_order(_mm256_maddubs_epi16(weights[0], activations));
    [first, in_order(_mm256_maddubs_epi16(weights[1], activations))]
}

#[target_feature(enable = "avx2")]
#[inline]
fn add(a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
    let first = in_order(_mm256_add_epi16(a[0], b[0]));
    [first, in_order(_mm256_add_epi16(a[1], b[1]))]
}

/// What the products of a block are multiplied with to become a part of the sums.
#[derive(Clone, Copy)]
struct Scales {
    scales: [__m256; 2],
    /// Times -1/8; of no meaning for weights without.
    minimums: [__m256; 2],
}

/// Adds the products of a block with one row to its sums, as [`crate::linear::kernel::scalar`]
/// defines it.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn finish<R: Nibbles>(
    sums: &mut Sums,
    products: [__m256i; 2],
    (block, row): (&TileBlock, usize),
    weights: Scales,
) {
    let block = unforeseen(block);
    let offset = _mm256_set1_ps(block.offsets[row]);
    let multiplier = _mm256_set1_epi32(pair(block.multipliers[row]));
    for half in 0..2 {
        let total = floats(sums, half);
        let total = if R::HAS_MINIMUM {
            // Scaled as integers, since the units for floats are the busiest.
            let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(products[half], multiplier));
            let total = _mm256_fmadd_ps(products, weights.scales[half], total);
            _mm256_fmadd_ps(weights.minimums[half], offset, total)
        } else {
            let products = _mm256_madd_epi16(products[half], _mm256_set1_epi16(1));
            let scale = _mm256_set1_ps(block.scales[row]);
            let products = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), scale, offset);
            _mm256_fmadd_ps(products, weights.scales[half], total)
        };
        store_floats(sums, half, total);
    }
}

/// Minimums times -1/8.
#[target_feature(enable = "avx2,f16c")]
#[inline]
fn minimums(bits: &[u16; PANEL], half: usize) -> __m256 {
    _mm256_mul_ps(halves(bits, half), _mm256_set1_ps(-0.125))
}
