//! Four rows of activations by 16 outputs, whose sums over a block are half of all registers.

use std::arch::aarch64::{int8x16_t, int32x4_t, vdupq_n_f32, vdupq_n_s8, vdupq_n_s32};

use super::{
    UNPACK_FROM,
    vector::{QUARTERS, dot, floats, signed, stay_in_memory, store_bytes, store_floats},
    weights::{Record, Weights, add, unpack_factors},
};
use crate::linear::{
    activations::{TILE, TileBlock, TileRows},
    kernel::{
        Scratch, TileSums,
        unpacked::{CHUNK, Unpacked},
    },
    panels::{Blocks, GROUPS, Panel},
};

#[target_feature(enable = "neon,dotprod")]
pub(super) fn accumulate_panel(
    panel: Panel<'_>,
    rows: TileRows<'_>,
    scratch: &mut Scratch,
    sums: &mut [TileSums],
) {
    match panel {
        Panel::Int4(records) => nibbles(records, rows, scratch, sums),
        Panel::Int4Min(records) => nibbles(records, rows, scratch, sums),
        // There is nothing to unpack.
        Panel::Int8(records) => packed(records.own, rows, sums),
    }
}

#[target_feature(enable = "neon,dotprod")]
fn nibbles<R: Record + Weights>(
    records: Blocks<'_, R>,
    rows: TileRows<'_>,
    scratch: &mut Scratch,
    sums: &mut [TileSums],
) {
    if rows.rows < UNPACK_FROM {
        return packed(records.own, rows, sums);
    }
    let blocks = records.own.len();
    for (chunk, part) in records.chunks(CHUNK).enumerate() {
        let room = &mut scratch.unpacked()[..part.own.len()];
        for (record, unpacked) in part.own.iter().zip(&mut *room) {
            unpack(record, unpacked);
        }
        for (tile, sums) in rows.each_tile(blocks).zip(&mut *sums) {
            by_rows::<R, Unpacked>(room, tile.skip(chunk * CHUNK), sums);
        }
    }
}

#[target_feature(enable = "neon,dotprod")]
fn packed<R: Record + Weights>(records: &[R], rows: TileRows<'_>, sums: &mut [TileSums]) {
    for (tile, sums) in rows.each_tile(records.len()).zip(sums) {
        by_rows::<R, R>(records, tile, sums);
    }
}

#[target_feature(enable = "neon")]
fn unpack<R: Weights>(record: &R, unpacked: &mut Unpacked) {
    for group in 0..GROUPS / 2 {
        for quarter in 0..QUARTERS {
            let [low, high] = record.quants().pair(group, quarter);
            store_bytes(&mut unpacked.quants[group], quarter, low);
            store_bytes(&mut unpacked.quants[group + GROUPS / 2], quarter, high);
        }
    }
    unpack_factors(record, unpacked);
}

#[target_feature(enable = "neon,dotprod")]
#[inline]
fn by_rows<R: Record, W: Weights>(weights: &[W], tile: TileRows<'_>, sums: &mut TileSums) {
    match tile.rows {
        1 => multiply::<R, W, 1>(weights, tile.tiles, sums),
        2 => multiply::<R, W, 2>(weights, tile.tiles, sums),
        3 => multiply::<R, W, 3>(weights, tile.tiles, sums),
        _ => multiply::<R, W, TILE>(weights, tile.tiles, sums),
    }
}

#[target_feature(enable = "neon,dotprod")]
fn multiply<R: Record, W: Weights, const ROWS: usize>(
    weights: &[W],
    tile: &[TileBlock],
    sums: &mut TileSums,
) {
    for (weights, block) in weights.iter().zip(tile) {
        let mut activations = [[vdupq_n_s8(0); 2]; ROWS];
        for row in 0..ROWS {
            activations[row] = [signed(&block.quants[row], 0), signed(&block.quants[row], 1)];
        }
        let mut products = [[vdupq_n_s32(0); QUARTERS]; ROWS];
        add_groups::<W, ROWS, 0>(&mut products, weights, &activations);
        add_groups::<W, ROWS, 1>(&mut products, weights, &activations);
        add_groups::<W, ROWS, 2>(&mut products, weights, &activations);
        add_groups::<W, ROWS, 3>(&mut products, weights, &activations);
        finish::<R, W, ROWS>(sums, &products, weights, block);
    }
}

/// Adds the products of groups `GROUP` and `GROUP + 4`.
#[target_feature(enable = "neon,dotprod")]
#[inline]
fn add_groups<W: Weights, const ROWS: usize, const GROUP: usize>(
    products: &mut [[int32x4_t; QUARTERS]; ROWS],
    weights: &W,
    activations: &[[int8x16_t; 2]; ROWS],
) {
    for quarter in 0..QUARTERS {
        let [first, second] = weights.quants().pair(GROUP, quarter);
        for row in 0..ROWS {
            let product = &mut products[row][quarter];
            *product = dot::<GROUP>(*product, first, activations[row][0]);
        }
        for row in 0..ROWS {
            let product = &mut products[row][quarter];
            *product = dot::<GROUP>(*product, second, activations[row][1]);
        }
    }
}

#[target_feature(enable = "neon")]
#[inline]
fn finish<R: Record, W: Weights, const ROWS: usize>(
    sums: &mut TileSums,
    products: &[[int32x4_t; QUARTERS]; ROWS],
    weights: &W,
    block: &TileBlock,
) {
    for row in 0..ROWS {
        let factors = [vdupq_n_f32(block.scales[row]), vdupq_n_f32(block.offsets[row])];
        for quarter in 0..QUARTERS {
            let sum = floats(&sums.0[row], quarter);
            let sum = add::<R, W>(sum, products[row][quarter], (weights, quarter), factors);
            store_floats(&mut sums.0[row], quarter, sum);
        }
    }
    stay_in_memory(sums);
}
