//! 512 bits with VNNI: four products of bytes and their sum in one instruction, for all 16 outputs of
//! a panel, with activations that it broadcasts itself.
//!
//! Written on a machine without the instruction set, and run in an emulator only (`cargo xtask avx512`):
//! its speed is unknown. [`super::Kernel::best`] holds it against the definition before it chooses it.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and the call of a function compiled for AVX-512"
)]

use std::arch::x86_64::{
    __m512, __m512i, _mm256_loadu_si256, _mm512_and_si512, _mm512_cvtepi32_ps, _mm512_cvtph_ps,
    _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mul_ps,
    _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512, _mm512_srli_epi32,
    _mm512_storeu_ps, _mm512_xor_si512,
};

use super::{Sums, TileSums};
use crate::{
    BLOCK,
    isa::Avx512Vnni,
    linear::{
        activations::{TILE, TileBlock},
        panels::{GROUP, GROUPS, Int4MinRecord, Int4Record, Int8Record, PANEL, Panel, VECTOR},
    },
};

/// Tiles whose sums over a block stay in registers together: half of all registers.
const TILES: usize = 4;

/// As [`super::scalar::accumulate`], to the bit. Computes whole tiles, also of rows that are not.
pub(super) fn accumulate(
    _proof: Avx512Vnni,
    panel: Panel<'_>,
    tiles: &[TileBlock],
    sums: &mut [TileSums],
) {
    // SAFETY: the proof exists, so the CPU has the features that the function is compiled for.
    unsafe { dispatch(panel, tiles, sums) };
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn dispatch(panel: Panel<'_>, tiles: &[TileBlock], sums: &mut [TileSums]) {
    let blocks = panel.blocks();
    for (tiles, sums) in tiles.chunks(TILES * blocks).zip(sums.chunks_mut(TILES)) {
        match sums.len() {
            1 => by_record::<1>(panel, tiles, sums),
            2 => by_record::<2>(panel, tiles, sums),
            3 => by_record::<3>(panel, tiles, sums),
            _ => by_record::<TILES>(panel, tiles, sums),
        }
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn by_record<const COUNT: usize>(panel: Panel<'_>, tiles: &[TileBlock], sums: &mut [TileSums]) {
    let blocks = panel.blocks();
    for index in 0..blocks {
        let block = |tile: usize| &tiles[tile * blocks + index];
        let blocks: [&TileBlock; COUNT] = std::array::from_fn(block);
        match panel {
            Panel::Int4(records) => int4(&records.own[index], &blocks, sums),
            Panel::Int4Min(records) => int4_min(&records.own[index], &blocks, sums),
            Panel::Int8(records) => int8(&records.own[index], &blocks, sums),
        }
    }
}

type Products<const COUNT: usize> = [[__m512i; TILE]; COUNT];

#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn int4<const COUNT: usize>(
    record: &Int4Record,
    blocks: &[&TileBlock; COUNT],
    sums: &mut [TileSums],
) {
    let products = nibble_products(&record.quants, blocks);
    let scales = halves(&record.scales);
    for tile in 0..COUNT {
        for row in 0..TILE {
            let sum = &mut sums[tile].0[row];
            let scale = _mm512_set1_ps(blocks[tile].scales[row]);
            let offset = _mm512_set1_ps(blocks[tile].offsets[row]);
            let product = _mm512_cvtepi32_ps(products[tile][row]);
            let product = _mm512_fmadd_ps(product, scale, offset);
            store(sum, _mm512_fmadd_ps(product, scales, load(sum)));
        }
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn int4_min<const COUNT: usize>(
    record: &Int4MinRecord,
    blocks: &[&TileBlock; COUNT],
    sums: &mut [TileSums],
) {
    let products = nibble_products(&record.quants, blocks);
    let scales = halves(&record.scales);
    let minimums = _mm512_mul_ps(halves(&record.minimums), _mm512_set1_ps(-0.125));
    for tile in 0..COUNT {
        for row in 0..TILE {
            let sum = &mut sums[tile].0[row];
            let offset = _mm512_set1_ps(blocks[tile].offsets[row]);
            let total = scaled(products[tile][row], blocks[tile].scales[row], scales, load(sum));
            store(sum, _mm512_fmadd_ps(minimums, offset, total));
        }
    }
}

/// Weights get 128 more, as the instruction wants one factor unsigned; the sums begin with as much
/// less.
#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn int8<const COUNT: usize>(
    record: &Int8Record,
    blocks: &[&TileBlock; COUNT],
    sums: &mut [TileSums],
) {
    let mut products = [[_mm512_setzero_si512(); TILE]; COUNT];
    for (products, block) in products.iter_mut().zip(blocks) {
        for (product, sum) in products.iter_mut().zip(block.sums) {
            *product = _mm512_set1_epi32(-128 * sum);
        }
    }
    for (group, vector) in record.quants.iter().enumerate() {
        let weights = _mm512_xor_si512(bytes(vector), _mm512_set1_epi8(-128));
        add_group(&mut products, weights, blocks, group);
    }
    let scales = halves(&record.scales);
    for tile in 0..COUNT {
        for row in 0..TILE {
            let sum = &mut sums[tile].0[row];
            let scale = blocks[tile].scales[row];
            store(sum, scaled(products[tile][row], scale, scales, load(sum)));
        }
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn nibble_products<const COUNT: usize>(
    quants: &[[u8; VECTOR]; GROUPS / 2],
    blocks: &[&TileBlock; COUNT],
) -> Products<COUNT> {
    let mask = _mm512_set1_epi8(15);
    let mut products = [[_mm512_setzero_si512(); TILE]; COUNT];
    for (pair, vector) in quants.iter().enumerate() {
        let packed = bytes(vector);
        add_group(&mut products, _mm512_and_si512(packed, mask), blocks, pair);
        let high = _mm512_and_si512(_mm512_srli_epi32::<4>(packed), mask);
        add_group(&mut products, high, blocks, pair + GROUPS / 2);
    }
    products
}

#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn add_group<const COUNT: usize>(
    products: &mut Products<COUNT>,
    weights: __m512i,
    blocks: &[&TileBlock; COUNT],
    group: usize,
) {
    for tile in 0..COUNT {
        for row in 0..TILE {
            let activations = _mm512_set1_epi32(word(&blocks[tile].quants[row], group));
            let product = &mut products[tile][row];
            *product = _mm512_dpbusd_epi32(*product, weights, activations);
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn scaled(products: __m512i, scale: f32, scales: __m512, sum: __m512) -> __m512 {
    let products = _mm512_mul_ps(_mm512_cvtepi32_ps(products), _mm512_set1_ps(scale));
    _mm512_fmadd_ps(products, scales, sum)
}

#[inline]
fn word(block: &[i8; BLOCK], group: usize) -> i32 {
    let (words, _) = block.as_chunks::<GROUP>();
    i32::from_ne_bytes(words[group].map(i8::cast_unsigned))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn bytes<T>(vector: &[T; VECTOR]) -> __m512i {
    const { assert!(size_of::<T>() == 1, "bytes") };
    // SAFETY: 64 readable bytes; `loadu` needs no alignment.
    unsafe { _mm512_loadu_si512(vector.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn halves(bits: &[u16; PANEL]) -> __m512 {
    // SAFETY: 32 readable bytes; `loadu` needs no alignment.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(bits.as_ptr().cast()) })
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(sums: &Sums) -> __m512 {
    // SAFETY: 16 readable floats; `loadu` needs no alignment.
    unsafe { _mm512_loadu_ps(sums.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(sums: &mut Sums, values: __m512) {
    // SAFETY: 16 writable floats; `storeu` needs no alignment.
    unsafe { _mm512_storeu_ps(sums.as_mut_ptr(), values) };
}
