//! Where the result of a multiplication goes.

use std::ops::Range;

use super::panels::PANEL;
use crate::{
    Threads,
    threads::{ColumnTiles, Portions},
};

/// A row-major matrix that a multiplication writes.
#[derive(Debug)]
pub struct Output<'a> {
    values: &'a mut [f32],
    stride: usize,
    mode: Mode,
}

/// Whether a result replaces what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Set,
    Add,
}

impl<'a> Output<'a> {
    /// The result replaces what is in `values`; its rows begin `stride` values apart.
    #[must_use]
    pub fn set(values: &'a mut [f32], stride: usize) -> Self {
        Self { values, stride, mode: Mode::Set }
    }

    /// The result is added to what is in `values` (a residual); rows begin `stride` values apart.
    #[must_use]
    pub fn add(values: &'a mut [f32], stride: usize) -> Self {
        Self { values, stride, mode: Mode::Add }
    }

    /// Some columns of the first `rows` rows.
    pub(super) fn columns(&mut self, rows: usize, columns: Range<usize>) -> OutputPart<'_> {
        assert!(columns.end <= self.stride, "{} outputs, {} apart", columns.end, self.stride);
        // Without rows, nothing has to be there.
        let start = columns.start.min(self.values.len());
        let values = &mut self.values[start..];
        OutputPart { values, shape: [rows, columns.len()], stride: self.stride, mode: self.mode }
    }
}

/// Neighbouring columns of all rows.
#[derive(Debug)]
pub(crate) struct OutputPart<'a> {
    values: &'a mut [f32],
    /// Rows and columns.
    pub(crate) shape: [usize; 2],
    stride: usize,
    pub(crate) mode: Mode,
}

impl<'a> OutputPart<'a> {
    /// Cut into tiles of whole panels for so many threads.
    pub(crate) fn tiles(self, threads: &Threads) -> ColumnTiles<'a, f32> {
        let ([rows, columns], threads) = (self.shape, threads.count());
        ColumnTiles::new(self.values, rows, self.stride, Portions::among(columns, PANEL, threads))
    }
}

impl Mode {
    /// Brings results to their place.
    #[inline]
    pub(crate) fn store(self, results: &[f32], out: &mut [f32]) {
        match self {
            Self::Set => out.copy_from_slice(results),
            Self::Add => out.iter_mut().zip(results).for_each(|(out, result)| *out += result),
        }
    }
}
