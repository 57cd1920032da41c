//! The definition.

use half::f16;

use super::{Sums, TileSums};
use crate::{
    BLOCK,
    linear::{
        activations::{BlockScale, TileRows},
        panels::{GROUP, GROUPS, Int4MinRecord, Int4Record, Int8Record, PANEL, Panel, VECTOR},
    },
};

pub(super) fn accumulate(panel: Panel<'_>, rows: TileRows<'_>, sums: &mut [TileSums]) {
    for (tile, sums) in rows.each_tile(panel.blocks()).zip(sums) {
        for (row, sums) in sums.0.iter_mut().enumerate().take(tile.rows) {
            for (index, block) in tile.tiles.iter().enumerate() {
                let (quants, scale) = (&block.quants[row], &block.scale(row));
                match panel {
                    Panel::Int4(records) => int4(&records.own[index], quants, scale, sums),
                    Panel::Int4Min(records) => int4_min(&records.own[index], quants, scale, sums),
                    Panel::Int8(records) => int8(&records.own[index], quants, scale, sums),
                }
            }
        }
    }
}

/// `(q - 8)` times activations is the product with `q` and `offset`, which stands for the 8.
fn int4(record: &Int4Record, quants: &[i8; BLOCK], block: &BlockScale, sums: &mut Sums) {
    let products = products(&nibbles(&record.quants), quants);
    for output in 0..PANEL {
        let product = (products[output] as f32).mul_add(block.scale, block.offset);
        sums[output] = product.mul_add(half(record.scales[output]), sums[output]);
    }
}

fn int4_min(record: &Int4MinRecord, quants: &[i8; BLOCK], block: &BlockScale, sums: &mut Sums) {
    let products = products(&nibbles(&record.quants), quants);
    for output in 0..PANEL {
        let product = products[output] as f32 * block.scale;
        let sum = product.mul_add(half(record.scales[output]), sums[output]);
        sums[output] = (half(record.minimums[output]) * -0.125).mul_add(block.offset, sum);
    }
}

fn int8(record: &Int8Record, quants: &[i8; BLOCK], block: &BlockScale, sums: &mut Sums) {
    let products = products(&record.quants, quants);
    for output in 0..PANEL {
        let product = products[output] as f32 * block.scale;
        sums[output] = product.mul_add(half(record.scales[output]), sums[output]);
    }
}

fn half(bits: u16) -> f32 {
    f16::from_bits(bits).to_f32()
}

fn nibbles(packed: &[[u8; VECTOR]; GROUPS / 2]) -> [[u8; VECTOR]; GROUPS] {
    std::array::from_fn(|group| match packed.get(group) {
        Some(low) => low.map(|byte| byte & 15),
        None => packed[group - GROUPS / 2].map(|byte| byte >> 4),
    })
}

/// The integer product of each row of the record with the block.
fn products<T: Copy + Into<i32>>(
    weights: &[[T; VECTOR]; GROUPS],
    quants: &[i8; BLOCK],
) -> [i32; PANEL] {
    let mut products = [0; PANEL];
    for (vector, quants) in weights.iter().zip(quants.as_chunks::<GROUP>().0) {
        for (product, weights) in products.iter_mut().zip(vector.as_chunks::<GROUP>().0) {
            for (weight, quant) in weights.iter().zip(quants) {
                *product += (*weight).into() * i32::from(*quant);
            }
        }
    }
    products
}
