//! Signed bytes as they were written, to be packed without loss.

use super::{
    BLOCK, Stored, StoredFormat,
    blocks::{five_bits, half},
};

/// 32 values: `scale * quants[i]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Int8Block {
    /// Distance of neighbouring values.
    pub scale: f32,
    /// Integers from -128 to 127.
    pub quants: [i8; BLOCK],
}

impl Int8Block {
    /// A block of zeros.
    pub const ZERO: Self = Self { scale: 0.0, quants: [0; BLOCK] };
}

impl Stored<'_> {
    /// Writes the blocks of row `row` as they are in the file.
    ///
    /// # Panics
    ///
    /// If the format is not [`StoredFormat::is_int8`], there is no such row, or `out` has not one
    /// block for each 32 columns.
    pub fn int8_blocks(&self, row: usize, out: &mut [Int8Block]) {
        assert_eq!(out.len(), self.columns / BLOCK, "a block for each 32 columns");
        let bytes = self.row_bytes(row);
        match self.format {
            StoredFormat::Q8_0 => q8_0(bytes, out),
            StoredFormat::Q5_0 => q5_0(bytes, out),
            StoredFormat::F32
            | StoredFormat::F16
            | StoredFormat::Bf16
            | StoredFormat::Q4_0
            | StoredFormat::Q4_1
            | StoredFormat::Q5_1
            | StoredFormat::Q4K
            | StoredFormat::Q5K
            | StoredFormat::Q6K => panic!("{} has no blocks of signed bytes", self.format),
        }
    }
}

fn q8_0(bytes: &[u8], out: &mut [Int8Block]) {
    for (block, out) in bytes.as_chunks::<34>().0.iter().zip(out) {
        let quants = std::array::from_fn(|index| block[2 + index].cast_signed());
        *out = Int8Block { scale: half(block, 0), quants };
    }
}

fn q5_0(bytes: &[u8], out: &mut [Int8Block]) {
    for (block, out) in bytes.as_chunks::<22>().0.iter().zip(out) {
        let quants = five_bits(block, 2).map(|quant| quant.cast_signed() - 16);
        *out = Int8Block { scale: half(block, 0), quants };
    }
}
