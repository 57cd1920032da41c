//! Weight matrices as they lie in GGUF and safetensors files.

mod blocks;
mod format;
mod int4;
mod int8;
mod super_blocks;

pub use format::StoredFormat;
pub use int4::Int4Block;
pub use int8::Int8Block;

use crate::float16::{bf16_to_f32, f16_to_f32};

/// Values that share a scale wherever weights are packed for multiplication.
pub const BLOCK: usize = 32;

/// A matrix `[rows, columns]`, row-major, in the bytes of a file; a row makes one output.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    format: StoredFormat,
    rows: usize,
    columns: usize,
    bytes: &'a [u8],
}

/// Why bytes are no matrix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// Rows must consist of whole blocks.
    #[error("rows of {columns} values cannot be {format}, which comes in blocks of {block}")]
    BrokenBlock {
        /// What the matrix was said to be.
        format: StoredFormat,
        /// Values in a row.
        columns: usize,
        /// Values in a block.
        block: usize,
    },
    /// The bytes are too few or too many.
    #[error(
        "a matrix of {rows} x {columns} in {format} takes {expected} bytes, but there are {found}"
    )]
    ByteLength {
        /// What the matrix was said to be.
        format: StoredFormat,
        /// Rows asked for.
        rows: usize,
        /// Values in a row.
        columns: usize,
        /// Bytes of such a matrix.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// No memory holds such a matrix.
    #[error("a matrix of {rows} x {columns} has more bytes than can be addressed")]
    TooLarge {
        /// Rows asked for.
        rows: usize,
        /// Values in a row.
        columns: usize,
    },
}

impl<'a> Stored<'a> {
    /// Takes `bytes` for a matrix `[rows, columns]`.
    ///
    /// # Errors
    ///
    /// If `columns` is no multiple of the format's block, or `bytes` has another length than such
    /// a matrix.
    pub fn new(
        format: StoredFormat,
        rows: usize,
        columns: usize,
        bytes: &'a [u8],
    ) -> Result<Self, StoredError> {
        let block = format.block_values();
        if !columns.is_multiple_of(block) {
            return Err(StoredError::BrokenBlock { format, columns, block });
        }
        let expected = (columns / block)
            .checked_mul(format.block_bytes())
            .and_then(|row_bytes| row_bytes.checked_mul(rows))
            .ok_or(StoredError::TooLarge { rows, columns })?;
        let found = bytes.len();
        if found != expected {
            return Err(StoredError::ByteLength { format, rows, columns, expected, found });
        }
        Ok(Self { format, rows, columns, bytes })
    }

    /// How the values are written.
    #[must_use]
    pub fn format(&self) -> StoredFormat {
        self.format
    }

    /// Rows, which are outputs of a multiplication.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values in a row, which are inputs of a multiplication.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// All rows, one after the other, without gaps.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes of row `row`.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[must_use]
    pub fn row_bytes(&self, row: usize) -> &'a [u8] {
        assert!(row < self.rows, "row {row} of a matrix of {}", self.rows);
        let length = self.columns / self.format.block_values() * self.format.block_bytes();
        &self.bytes[row * length..][..length]
    }

    /// Rows `first` and following, `rows` of them, as a matrix of their own.
    ///
    /// # Panics
    ///
    /// If there are not so many rows.
    #[must_use]
    pub fn rows_from(&self, first: usize, rows: usize) -> Self {
        let end = first.checked_add(rows).filter(|end| *end <= self.rows);
        assert!(end.is_some(), "{rows} rows from {first} of a matrix of {}", self.rows);
        let length = self.columns / self.format.block_values() * self.format.block_bytes();
        Self { rows, bytes: &self.bytes[first * length..][..rows * length], ..*self }
    }

    /// Writes row `row` as floats: exactly what the file says, in the order of ggml's definition.
    ///
    /// # Panics
    ///
    /// If there is no such row, or `out` is not as long as a row.
    pub fn decode_row(&self, row: usize, out: &mut [f32]) {
        assert_eq!(out.len(), self.columns, "a row has as many values as the matrix has columns");
        let bytes = self.row_bytes(row);
        match self.format {
            StoredFormat::F32 => each(bytes, out, |value| f32::from_le_bytes(*value)),
            StoredFormat::F16 => each(bytes, out, |value| f16_to_f32(u16::from_le_bytes(*value))),
            StoredFormat::Bf16 => each(bytes, out, |value| bf16_to_f32(u16::from_le_bytes(*value))),
            StoredFormat::Q4_0 => each_block(bytes, out, blocks::q4_0),
            StoredFormat::Q4_1 => each_block(bytes, out, blocks::q4_1),
            StoredFormat::Q5_0 => each_block(bytes, out, blocks::q5_0),
            StoredFormat::Q5_1 => each_block(bytes, out, blocks::q5_1),
            StoredFormat::Q8_0 => each_block(bytes, out, blocks::q8_0),
            StoredFormat::Q4K => each_block(bytes, out, super_blocks::q4_k),
            StoredFormat::Q5K => each_block(bytes, out, super_blocks::q5_k),
            StoredFormat::Q6K => each_block(bytes, out, super_blocks::q6_k),
        }
    }
}

fn each<const BYTES: usize>(bytes: &[u8], out: &mut [f32], decode: impl Fn(&[u8; BYTES]) -> f32) {
    let (values, _) = bytes.as_chunks::<BYTES>();
    for (value, out) in values.iter().zip(out) {
        *out = decode(value);
    }
}

fn each_block<const BYTES: usize, const VALUES: usize>(
    bytes: &[u8],
    out: &mut [f32],
    decode: impl Fn(&[u8; BYTES], &mut [f32; VALUES]),
) {
    let (blocks, _) = bytes.as_chunks::<BYTES>();
    let (outs, _) = out.as_chunks_mut::<VALUES>();
    for (block, out) in blocks.iter().zip(outs) {
        decode(block, out);
    }
}

#[cfg(test)]
mod tests;
