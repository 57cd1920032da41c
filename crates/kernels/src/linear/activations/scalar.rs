//! The definition of how activations become bytes.

use super::{BlockScale, TileBlock};
use crate::BLOCK;

pub(super) fn quantise(values: &[[f32; BLOCK]], blocks: &mut [TileBlock], row: usize) {
    for (values, block) in values.iter().zip(blocks) {
        let scale = quantise_block(values, &mut block.quants[row]);
        block.set(row, scale);
        #[cfg(target_arch = "x86_64")]
        widen(block, row);
    }
}

/// Even columns, then odd ones.
#[cfg(target_arch = "x86_64")]
fn widen(block: &mut TileBlock, row: usize) {
    let quants = &block.quants[row];
    let wide = |index: usize| i16::from(quants[index % (BLOCK / 2) * 2 + index / (BLOCK / 2)]);
    block.wide[row] = std::array::from_fn(wide);
}

/// To the nearest of -127 to 127 times the scale, of two the even one. A block that holds what is
/// no number has results that are none.
fn quantise_block(values: &[f32; BLOCK], quants: &mut [i8; BLOCK]) -> BlockScale {
    let greatest = values.iter().fold(0_f32, |greatest, value| greatest.max(value.abs()));
    let poison = if values.iter().any(|value| value.is_nan()) { f32::NAN } else { 0.0 };
    let scale = greatest * (1.0 / 127.0) + poison;
    let inverse = if greatest > 0.0 { (127.0 / greatest).min(f32::MAX) } else { 0.0 };
    for (quant, value) in quants.iter_mut().zip(values) {
        #[expect(clippy::cast_possible_truncation, reason = "127 at most; no number becomes 0")]
        let rounded = (value * inverse).round_ties_even() as i8;
        *quant = rounded.max(-127);
    }
    let sum: i32 = quants.iter().map(|quant| i32::from(*quant)).sum();
    BlockScale { scale, offset: scale * (-8 * sum) as f32, sum }
}
