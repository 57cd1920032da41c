//! Floats to integers with a scale for each block.

use half::f16;

use crate::{BLOCK, Int4Block, Int8Block};

/// How many scales are tried besides the obvious one, on each side of it.
const STEPS: i32 = 8;

/// `scale * (quant - 8)` with the scale, of those tried, that leaves the smallest squared error.
pub(super) fn int4(values: &[f32; BLOCK]) -> Int4Block {
    let extreme = values.iter().fold(0_f32, |far, v| if v.abs() > far.abs() { *v } else { far });
    if values.iter().any(|value| value.is_nan()) {
        return Int4Block { scale: f32::NAN, ..Int4Block::ZERO };
    }
    let obvious = extreme / -8.0;
    let mut best = (f32::INFINITY, int4_by(values, obvious));
    for step in -STEPS..=STEPS {
        // From the greatest magnitude at -9.6 (clamped to -8) to at -6.4, and mirrored.
        let scale = extreme / (-8.0 + 0.2 * step as f32);
        for scale in [scale, -scale] {
            let block = int4_by(values, scale);
            let error = squared_error(values, &block);
            if error < best.0 {
                best = (error, block);
            }
        }
    }
    best.1
}

fn int4_by(values: &[f32; BLOCK], scale: f32) -> Int4Block {
    let scale = f16::from_f32(scale).to_f32();
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 15")]
    let quant = |value: f32| (value * inverse + 8.0).round_ties_even().clamp(0.0, 15.0) as u8;
    Int4Block { scale, min: -8.0 * scale, quants: values.map(quant) }
}

fn squared_error(values: &[f32; BLOCK], block: &Int4Block) -> f32 {
    let back = |quant: u8| block.scale * (f32::from(quant) - 8.0);
    values.iter().zip(block.quants).map(|(value, quant)| (value - back(quant)).powi(2)).sum()
}

/// `scale * quant`, the greatest magnitude at 127.
pub(super) fn int8(values: &[f32; BLOCK]) -> Int8Block {
    let greatest = values.iter().fold(0_f32, |greatest, value| greatest.max(value.abs()));
    if values.iter().any(|value| value.is_nan()) {
        return Int8Block { scale: f32::NAN, ..Int8Block::ZERO };
    }
    let scale = f16::from_f32(greatest / 127.0).to_f32();
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
    let quant = |value: f32| (value * inverse).round_ties_even().clamp(-127.0, 127.0) as i8;
    Int8Block { scale, quants: values.map(quant) }
}

#[cfg(test)]
mod tests;
