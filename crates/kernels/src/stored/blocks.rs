//! Blocks of 32 values, as ggml defines them: element `j` is the low, `j + 16` the high half of
//! byte `j`.

use super::BLOCK;
use crate::float16::f16_to_f32;

/// Bytes of 32 integers of 4 bits.
pub(super) const NIBBLES: usize = BLOCK / 2;

/// Value: `scale * (quant - 8)`.
pub(super) fn q4_0(block: &[u8; 18], out: &mut [f32; BLOCK]) {
    let scale = half(block, 0);
    let quants = nibbles(tail(block));
    for (out, quant) in out.iter_mut().zip(quants) {
        *out = scale * (f32::from(quant) - 8.0);
    }
}

/// Value: `scale * quant + min`.
pub(super) fn q4_1(block: &[u8; 20], out: &mut [f32; BLOCK]) {
    let (scale, min) = (half(block, 0), half(block, 2));
    affine(scale, min, nibbles(tail(block)), out);
}

/// Value: `scale * (quant - 16)`.
pub(super) fn q5_0(block: &[u8; 22], out: &mut [f32; BLOCK]) {
    let scale = half(block, 0);
    for (out, quant) in out.iter_mut().zip(five_bits(block, 2)) {
        *out = scale * (f32::from(quant) - 16.0);
    }
}

/// Value: `scale * quant + min`.
pub(super) fn q5_1(block: &[u8; 24], out: &mut [f32; BLOCK]) {
    let (scale, min) = (half(block, 0), half(block, 2));
    affine(scale, min, five_bits(block, 4), out);
}

/// Value: `scale * quant`.
pub(super) fn q8_0(block: &[u8; 34], out: &mut [f32; BLOCK]) {
    let scale = half(block, 0);
    for (out, quant) in out.iter_mut().zip(&block[2..]) {
        *out = scale * f32::from(quant.cast_signed());
    }
}

fn affine(scale: f32, min: f32, quants: [u8; BLOCK], out: &mut [f32; BLOCK]) {
    for (out, quant) in out.iter_mut().zip(quants) {
        *out = scale * f32::from(quant) + min;
    }
}

/// The half at byte `at`.
pub(super) fn half(block: &[u8], at: usize) -> f32 {
    f16_to_f32(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// The 16 bytes at the end of a block.
pub(super) fn tail(block: &[u8]) -> &[u8; NIBBLES] {
    block.last_chunk().expect("every block of 4 or 5 bits ends with 16 bytes of nibbles")
}

pub(super) fn nibbles(packed: &[u8; NIBBLES]) -> [u8; BLOCK] {
    let mut quants = [0; BLOCK];
    let (low, high) = quants.split_at_mut(NIBBLES);
    for ((low, high), byte) in low.iter_mut().zip(high).zip(packed) {
        *low = byte & 15;
        *high = byte >> 4;
    }
    quants
}

/// Nibbles with a fifth bit each, which lie in the four bytes at `at`.
pub(super) fn five_bits(block: &[u8], at: usize) -> [u8; BLOCK] {
    let mut quants = nibbles(tail(block));
    for (eight, byte) in quants.as_chunks_mut::<8>().0.iter_mut().zip(&block[at..at + 4]) {
        for (bit, quant) in eight.iter_mut().enumerate() {
            *quant |= (byte >> bit & 1) << 4;
        }
    }
    quants
}
