//! How a row is written, and quantised on the way.

use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(target_arch = "x86_64")]
use super::avx2;
#[cfg(target_arch = "aarch64")]
use super::neon;
use super::{
    scalar,
    tile::{MULTIPLIER_MAX, TileBlock},
};
use crate::BLOCK;
#[cfg(target_arch = "x86_64")]
use crate::isa::Avx2;
#[cfg(target_arch = "aarch64")]
use crate::isa::Neon;

/// A row that is to be written.
#[derive(Debug)]
pub enum ActivationRow<'a> {
    /// Of [`ActivationKind::Int8`](super::ActivationKind::Int8).
    Int8(Int8RowMut<'a>),
    /// Of [`ActivationKind::Float`](super::ActivationKind::Float).
    Float(&'a mut [f32]),
}

/// A row of signed bytes that is to be written.
#[derive(Debug)]
pub struct Int8RowMut<'a> {
    pub(super) tile: &'a mut [TileBlock],
    pub(super) row: usize,
    /// Bits of the row's scale.
    pub(super) scale: &'a AtomicU32,
}

impl ActivationRow<'_> {
    /// Writes `values` as the row, quantised if it consists of bytes.
    ///
    /// # Panics
    ///
    /// If `values` is not as long as the row.
    pub fn write(&mut self, values: &[f32]) {
        match self {
            Self::Int8(row) => row.quantise(values),
            Self::Float(row) => row.copy_from_slice(values),
        }
    }
}

impl Int8RowMut<'_> {
    /// Blocks of 32 columns.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.tile.len()
    }

    /// Writes `values` as the row, each block by its greatest magnitude.
    ///
    /// # Panics
    ///
    /// If `values` is not as long as the row.
    pub fn quantise(&mut self, values: &[f32]) {
        let columns = self.blocks() * BLOCK;
        assert_eq!(values.len(), columns, "a row has as many values as there are columns");
        let scale = quantise(values.as_chunks().0, self.tile, self.row);
        self.scale.store(scale.to_bits(), Ordering::Relaxed);
    }
}

/// Writes row `row` of a tile and returns the row's scale.
pub(super) fn quantise(values: &[[f32; BLOCK]], tile: &mut [TileBlock], row: usize) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if let Some(isa) = Avx2::detect() {
        return avx2::quantise(isa, values, tile, row);
    }
    #[cfg(target_arch = "aarch64")]
    if let Some(isa) = Neon::detect() {
        return neon::quantise(isa, values, tile, row);
    }
    scalar::quantise(values, tile, row)
}

/// How a row's greatest magnitude is shared out between its blocks' scales and its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowScale {
    /// [`MULTIPLIER_MAX`] by the greatest magnitude.
    multiplier: f32,
    /// What a block of multiplier 1 multiplies its values with.
    inverse: f32,
    /// What a byte of a block of multiplier 1 stands for.
    pub(super) scale: f32,
}

impl RowScale {
    #[inline]
    pub(super) fn of(greatest: f32) -> Self {
        let multiplier =
            if greatest > 0.0 { (MULTIPLIER_MAX / greatest).min(f32::MAX) } else { 0.0 };
        let scale = greatest * (1.0 / (127.0 * MULTIPLIER_MAX));
        Self { multiplier, inverse: 127.0 * multiplier, scale }
    }

    /// The scale of a block with this greatest magnitude, an integer.
    #[inline]
    pub(super) fn block(self, greatest: f32) -> f32 {
        (greatest * self.multiplier).ceil().min(MULTIPLIER_MAX)
    }

    /// What values of a block of that scale are multiplied with to become bytes.
    #[inline]
    pub(super) fn block_inverse(self, scale: f32) -> f32 {
        if scale > 0.0 { (self.inverse / scale).min(f32::MAX) } else { 0.0 }
    }
}
