//! 4-bit integers as they were written, to be packed without loss.

use super::{
    BLOCK, Stored, StoredFormat,
    blocks::{half, nibbles, tail},
    super_blocks::{SUB_BLOCKS, q4_k_quants, scales_and_mins},
};

/// 32 values: `scale * quants[i] + min`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Int4Block {
    /// Distance of neighbouring values.
    pub scale: f32,
    /// The value of the integer 0.
    pub min: f32,
    /// Integers from 0 to 15.
    pub quants: [u8; BLOCK],
}

impl Int4Block {
    /// A block of zeros.
    pub const ZERO: Self = Self { scale: 0.0, min: 0.0, quants: [0; BLOCK] };
}

impl Stored<'_> {
    /// Writes the blocks of row `row` as they are in the file.
    ///
    /// # Panics
    ///
    /// If the format is not [`StoredFormat::is_int4`], there is no such row, or `out` has not one
    /// block for each 32 columns.
    pub fn int4_blocks(&self, row: usize, out: &mut [Int4Block]) {
        assert_eq!(out.len(), self.columns / BLOCK, "a block for each 32 columns");
        let bytes = self.row_bytes(row);
        match self.format {
            StoredFormat::Q4_0 => q4_0(bytes, out),
            StoredFormat::Q4_1 => q4_1(bytes, out),
            StoredFormat::Q4K => q4_k(bytes, out),
            StoredFormat::F32
            | StoredFormat::F16
            | StoredFormat::Bf16
            | StoredFormat::Q5_0
            | StoredFormat::Q5_1
            | StoredFormat::Q8_0
            | StoredFormat::Q5K
            | StoredFormat::Q6K => panic!("{} has no blocks of 4-bit integers", self.format),
        }
    }
}

fn q4_0(bytes: &[u8], out: &mut [Int4Block]) {
    for (block, out) in bytes.as_chunks::<18>().0.iter().zip(out) {
        let scale = half(block, 0);
        *out = Int4Block { scale, min: -8.0 * scale, quants: nibbles(tail(block)) };
    }
}

fn q4_1(bytes: &[u8], out: &mut [Int4Block]) {
    for (block, out) in bytes.as_chunks::<20>().0.iter().zip(out) {
        *out =
            Int4Block { scale: half(block, 0), min: half(block, 2), quants: nibbles(tail(block)) };
    }
}

fn q4_k(bytes: &[u8], out: &mut [Int4Block]) {
    for (block, out) in bytes.as_chunks::<144>().0.iter().zip(out.as_chunks_mut::<SUB_BLOCKS>().0) {
        let scales = scales_and_mins(block);
        for (sub, (out, (scale, min))) in out.iter_mut().zip(scales).enumerate() {
            *out = Int4Block { scale, min: -min, quants: q4_k_quants(block, sub) };
        }
    }
}
