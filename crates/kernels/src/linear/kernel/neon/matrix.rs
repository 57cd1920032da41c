//! Two rows of activations by two outputs and eight columns per instruction.
//!
//! The columns of an output have to lie together for that, eight by eight: they are brought so when
//! they are unpacked, once for many rows.

use std::arch::aarch64::{
    int8x16_t, int32x4_t, vdupq_n_f32, vdupq_n_s8, vdupq_n_s32, vreinterpretq_s8_s32,
    vreinterpretq_s8_s64, vreinterpretq_s32_s8, vreinterpretq_s32_s64, vreinterpretq_s64_s8,
    vreinterpretq_s64_s32, vzip1q_s32, vzip1q_s64, vzip2q_s32, vzip2q_s64,
};

use super::{
    vector::{
        QUARTERS, floats, multiply_matrices, signed, stay_in_memory, store_bytes, store_floats,
        unsigned,
    },
    weights::{Record, Weights, add, unpack_factors},
};
use crate::linear::{
    activations::{TILE, TileBlock},
    kernel::{
        Scratch, TileSums,
        unpacked::{CHUNK, Unpacked},
    },
    panels::{Blocks, Panel},
};

/// Parts of a block, of eight columns.
const OCTETS: usize = 4;
/// Pairs of rows in a tile.
const ROW_PAIRS: usize = TILE / 2;
/// Pairs of outputs in a panel.
const OUTPUT_PAIRS: usize = 2 * QUARTERS;

#[target_feature(enable = "neon,i8mm")]
pub(super) fn accumulate_panel(
    panel: Panel<'_>,
    tiles: &[TileBlock],
    scratch: &mut Scratch,
    sums: &mut [TileSums],
) {
    match panel {
        Panel::Int4(records) => accumulate(records, tiles, scratch, sums),
        Panel::Int4Min(records) => accumulate(records, tiles, scratch, sums),
        Panel::Int8(records) => accumulate(records, tiles, scratch, sums),
    }
}

#[target_feature(enable = "neon,i8mm")]
fn accumulate<R: Record + Weights>(
    records: Blocks<'_, R>,
    tiles: &[TileBlock],
    scratch: &mut Scratch,
    sums: &mut [TileSums],
) {
    let blocks = records.own.len();
    for (chunk, part) in records.chunks(CHUNK).enumerate() {
        let room = &mut scratch.unpacked()[..part.own.len()];
        for (record, unpacked) in part.own.iter().zip(&mut *room) {
            unpack(record, unpacked);
        }
        for (tile, sums) in tiles.chunks_exact(blocks).zip(&mut *sums) {
            multiply::<R>(room, &tile[chunk * CHUNK..], sums);
        }
    }
}

/// Vector `8 * octet + pair` becomes the octet of outputs `2 * pair` and `2 * pair + 1`.
#[target_feature(enable = "neon")]
fn unpack<R: Weights>(record: &R, unpacked: &mut Unpacked) {
    for octet in 0..OCTETS / 2 {
        for quarter in 0..QUARTERS {
            let first = record.quants().pair(2 * octet, quarter);
            let second = record.quants().pair(2 * octet + 1, quarter);
            put_octet(unpacked, octet, quarter, [first[0], second[0]]);
            put_octet(unpacked, octet + OCTETS / 2, quarter, [first[1], second[1]]);
        }
    }
    unpack_factors(record, unpacked);
}

/// Keeps two neighbouring groups of four outputs.
#[target_feature(enable = "neon")]
#[inline]
fn put_octet(unpacked: &mut Unpacked, octet: usize, quarter: usize, groups: [int8x16_t; 2]) {
    let [first, second] = groups.map(|group| vreinterpretq_s32_s8(group));
    let vector = &mut unpacked.quants[2 * octet + quarter / 2];
    let part = 2 * (quarter % 2);
    store_bytes(vector, part, vreinterpretq_s8_s32(vzip1q_s32(first, second)));
    store_bytes(vector, part + 1, vreinterpretq_s8_s32(vzip2q_s32(first, second)));
}

#[target_feature(enable = "neon,i8mm")]
fn multiply<R: Record>(weights: &[Unpacked], tile: &[TileBlock], sums: &mut TileSums) {
    for (weights, block) in weights.iter().zip(tile) {
        let activations = octets(block);
        let mut products = [[vdupq_n_s32(0); OUTPUT_PAIRS]; ROW_PAIRS];
        for octet in 0..OCTETS {
            for pair in 0..OUTPUT_PAIRS {
                let weights = unsigned(&weights.quants[2 * octet + pair / 4], pair % 4);
                for rows in 0..ROW_PAIRS {
                    let product = &mut products[rows][pair];
                    *product = multiply_matrices(*product, activations[rows][octet], weights);
                }
            }
        }
        finish::<R>(sums, &products, weights, block);
    }
}

/// For each two rows, their octets, side by side.
#[target_feature(enable = "neon")]
#[inline]
fn octets(block: &TileBlock) -> [[int8x16_t; OCTETS]; ROW_PAIRS] {
    let mut octets = [[vdupq_n_s8(0); OCTETS]; ROW_PAIRS];
    for (rows, octets) in octets.iter_mut().enumerate() {
        let [first, second] = [&block.quants[2 * rows], &block.quants[2 * rows + 1]];
        for half in 0..2 {
            let first = vreinterpretq_s64_s8(signed(first, half));
            let second = vreinterpretq_s64_s8(signed(second, half));
            octets[2 * half] = vreinterpretq_s8_s64(vzip1q_s64(first, second));
            octets[2 * half + 1] = vreinterpretq_s8_s64(vzip2q_s64(first, second));
        }
    }
    octets
}

#[target_feature(enable = "neon")]
#[inline]
fn finish<R: Record>(
    sums: &mut TileSums,
    products: &[[int32x4_t; OUTPUT_PAIRS]; ROW_PAIRS],
    weights: &Unpacked,
    block: &TileBlock,
) {
    for row in 0..TILE {
        let factors = [vdupq_n_f32(block.scales[row]), vdupq_n_f32(block.offsets[row])];
        for quarter in 0..QUARTERS {
            let pairs = [products[row / 2][2 * quarter], products[row / 2][2 * quarter + 1]];
            let products = products_of_row(row % 2, pairs);
            let sum = floats(&sums.0[row], quarter);
            let sum = add::<R, Unpacked>(sum, products, (weights, quarter), factors);
            store_floats(&mut sums.0[row], quarter, sum);
        }
    }
    stay_in_memory(sums);
}

/// The products of one of two rows with two pairs of outputs.
#[target_feature(enable = "neon")]
#[inline]
fn products_of_row(row: usize, pairs: [int32x4_t; 2]) -> int32x4_t {
    let [first, second] = pairs.map(|pair| vreinterpretq_s64_s32(pair));
    let products = if row == 0 { vzip1q_s64(first, second) } else { vzip2q_s64(first, second) };
    vreinterpretq_s32_s64(products)
}
