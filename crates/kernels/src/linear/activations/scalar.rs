//! The definition of how activations become bytes.

use super::{
    row::RowScale,
    tile::{BlockScale, TileBlock},
};
use crate::BLOCK;

/// Writes row `row` and returns its scale. A row that holds what is no number has a scale that is
/// none, and so have its results.
pub(super) fn quantise(values: &[[f32; BLOCK]], blocks: &mut [TileBlock], row: usize) -> f32 {
    let row_scale = RowScale::of(greatest(values.as_flattened()));
    for (values, block) in values.iter().zip(blocks) {
        let scale = row_scale.block(greatest(values));
        let inverse = row_scale.block_inverse(scale);
        let sum = quantise_block(values, inverse, &mut block.quants[row]);
        block.set(row, BlockScale { scale, offset: scale * (-8 * sum) as f32, sum });
    }
    let poison =
        if values.as_flattened().iter().any(|value| value.is_nan()) { f32::NAN } else { 0.0 };
    row_scale.scale + poison
}

fn greatest(values: &[f32]) -> f32 {
    values.iter().fold(0_f32, |greatest, value| greatest.max(value.abs()))
}

/// To the nearest of -127 to 127, of two the even one; returns their sum.
fn quantise_block(values: &[f32; BLOCK], inverse: f32, quants: &mut [i8; BLOCK]) -> i32 {
    for (quant, value) in quants.iter_mut().zip(values) {
        #[expect(clippy::cast_possible_truncation, reason = "127 at most; no number becomes 0")]
        let rounded = (value * inverse).round_ties_even() as i8;
        *quant = rounded.max(-127);
    }
    quants.iter().map(|quant| i32::from(*quant)).sum()
}
