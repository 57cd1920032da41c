//! Weights of 4 bits.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_add_epi16, _mm256_and_si256, _mm256_cvtepi32_ps, _mm256_fmadd_ps,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_srli_epi16,
};

use super::{
    TILE,
    vector::{bytes, floats, halves, load_sums, store_bytes, store_floats, store_sums},
    word,
};
use crate::{
    BLOCK,
    linear::{
        activations::{BlockScale, Int8Row},
        kernel::{
            Scratch, Sums,
            unpacked::{CHUNK, Unpacked},
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
    rows: &[Int8Row<'_>],
    scratch: &mut Scratch,
    sums: &mut [Sums],
) {
    if rows.len() < UNPACK_FROM {
        return packed(records, rows, sums);
    }
    for (chunk, records) in records.chunks(CHUNK).enumerate() {
        let room = &mut scratch.chunk()[..records.len()];
        for (record, unpacked) in records.iter().zip(&mut *room) {
            unpack(record, unpacked);
        }
        if R::HAS_MINIMUM {
            unpacked::<true>(room, chunk * CHUNK, rows, sums);
        } else {
            unpacked::<false>(room, chunk * CHUNK, rows, sums);
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

/// All rows by tiles, from nibbles.
#[target_feature(enable = "avx2,fma,f16c")]
fn packed<R: Nibbles>(records: &[R], rows: &[Int8Row<'_>], sums: &mut [Sums]) {
    let (tiles, rest) = rows.as_chunks::<TILE>();
    let (tile_sums, rest_sums) = sums.as_chunks_mut::<TILE>();
    for (rows, sums) in tiles.iter().zip(tile_sums) {
        packed_tile(records, rows, sums);
    }
    if let (Ok(rows), Ok(sums)) = (rest.try_into(), (&mut *rest_sums).try_into()) {
        packed_tile::<R, 1>(records, rows, sums);
    } else if let (Ok(rows), Ok(sums)) = (rest.try_into(), (&mut *rest_sums).try_into()) {
        packed_tile::<R, 2>(records, rows, sums);
    } else if let (Ok(rows), Ok(sums)) = (rest.try_into(), rest_sums.try_into()) {
        packed_tile::<R, 3>(records, rows, sums);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn packed_tile<R: Nibbles, const ROWS: usize>(
    records: &[R],
    rows: &[Int8Row<'_>; ROWS],
    sums: &mut [Sums; ROWS],
) {
    let rows = rows.map(|row| row.part(0, records.len()));
    let mut totals = load_sums(sums);
    for (block, record) in records.iter().enumerate() {
        let quants: [&[i8; BLOCK]; ROWS] = std::array::from_fn(|row| &rows[row].quants[block]);
        let mut products = [[_mm256_setzero_si256(); 2]; ROWS];
        for (pair, vector) in record.quants().iter().enumerate() {
            for half in 0..2 {
                let (low, high) = apart(bytes(vector, half));
                for row in 0..ROWS {
                    let sum = &mut products[row][half];
                    *sum = multiply_add(*sum, low, quants[row], pair);
                    *sum = multiply_add(*sum, high, quants[row], pair + GROUPS / 2);
                }
            }
        }
        for half in 0..2 {
            let scales = halves(record.scales(), half);
            let minimum = R::HAS_MINIMUM.then(|| minimums(record.minimums(), half));
            for row in 0..ROWS {
                let sum = &mut totals[row][half];
                *sum = scaled(*sum, products[row][half], &rows[row].scales[block], scales, minimum);
            }
        }
    }
    store_sums(sums, &totals);
}

/// All rows by tiles, from a chunk of records that begins with block `first`.
#[target_feature(enable = "avx2,fma,f16c")]
fn unpacked<const MINIMUM: bool>(
    weights: &[Unpacked],
    first: usize,
    rows: &[Int8Row<'_>],
    sums: &mut [Sums],
) {
    let (tiles, rest) = rows.as_chunks::<TILE>();
    let (tile_sums, rest_sums) = sums.as_chunks_mut::<TILE>();
    for (rows, sums) in tiles.iter().zip(tile_sums) {
        unpacked_tile::<MINIMUM, TILE>(weights, first, rows, sums);
    }
    if let (Ok(rows), Ok(sums)) = (rest.try_into(), (&mut *rest_sums).try_into()) {
        unpacked_tile::<MINIMUM, 1>(weights, first, rows, sums);
    } else if let (Ok(rows), Ok(sums)) = (rest.try_into(), (&mut *rest_sums).try_into()) {
        unpacked_tile::<MINIMUM, 2>(weights, first, rows, sums);
    } else if let (Ok(rows), Ok(sums)) = (rest.try_into(), rest_sums.try_into()) {
        unpacked_tile::<MINIMUM, 3>(weights, first, rows, sums);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn unpacked_tile<const MINIMUM: bool, const ROWS: usize>(
    weights: &[Unpacked],
    first: usize,
    rows: &[Int8Row<'_>; ROWS],
    sums: &mut [Sums; ROWS],
) {
    let rows = rows.map(|row| row.part(first, weights.len()));
    for (block, weights) in weights.iter().enumerate() {
        let quants: [&[i8; BLOCK]; ROWS] = std::array::from_fn(|row| &rows[row].quants[block]);
        let mut products = [[_mm256_setzero_si256(); 2]; ROWS];
        for (group, vector) in weights.quants.iter().enumerate() {
            let halves = [bytes(vector, 0), bytes(vector, 1)];
            for row in 0..ROWS {
                for half in 0..2 {
                    let sum = &mut products[row][half];
                    *sum = multiply_add(*sum, halves[half], quants[row], group);
                }
            }
        }
        for half in 0..2 {
            let scales = floats(&weights.scales, half);
            let minimum = MINIMUM.then(|| floats(&weights.minimums, half));
            for row in 0..ROWS {
                let total = floats(&sums[row], half);
                let block = &rows[row].scales[block];
                let total = scaled(total, products[row][half], block, scales, minimum);
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
    _mm256_add_epi16(sum, _mm256_maddubs_epi16(weights, activations))
}

/// `total` with the products of a block, as [`crate::linear::kernel::scalar`] defines it.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn scaled(
    total: __m256,
    products: __m256i,
    block: &BlockScale,
    scales: __m256,
    minimums: Option<__m256>,
) -> __m256 {
    let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(products, _mm256_set1_epi16(1)));
    let (scale, offset) = (_mm256_set1_ps(block.scale), _mm256_set1_ps(block.offset));
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
