//! What weights are multiplied with: rows of one step, quantised once for all their consumers.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
mod row;
mod scalar;
mod tile;

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{
    BLOCK, Threads,
    threads::{RowPortions, worth_sharing},
};

pub use row::{ActivationRow, Int8RowMut};
pub(crate) use tile::{BlockScale, TILE, TileBlock, TileRows, WideBlock};

/// What a row of activations is kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActivationKind {
    /// Signed bytes with a scale for each 32, for integer weights.
    Int8,
    /// The same, and once more in 16 bits, where products of bytes with bytes want it.
    WideInt8,
    /// 32-bit floats, for weights that are floats.
    Float,
}

/// The inputs of a multiplication, `[rows, columns]`. Memory is kept from one step to the next.
#[derive(Debug)]
pub struct Activations {
    kind: ActivationKind,
    rows: usize,
    columns: usize,
    /// For each four rows, their blocks; what the last four lack is unspecified.
    tiles: Vec<TileBlock>,
    /// What the scales of the blocks of each row are multiples of: bits of floats. Atomic since
    /// threads write neighbours.
    row_scales: Vec<AtomicU32>,
    /// For each of `tiles`, its bytes in 16 bits, if they are wanted.
    wide: Vec<WideBlock>,
    floats: Vec<f32>,
}

impl Default for Activations {
    fn default() -> Self {
        Self::new()
    }
}

impl Activations {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self {
            kind: ActivationKind::Int8,
            rows: 0,
            columns: 0,
            tiles: Vec::new(),
            row_scales: Vec::new(),
            wide: Vec::new(),
            floats: Vec::new(),
        }
    }

    /// Makes room for `rows` rows of `columns` values, whose content is unspecified until written.
    ///
    /// # Panics
    ///
    /// If `kind` is bytes and `columns` is no multiple of 32.
    pub fn reset(&mut self, kind: ActivationKind, rows: usize, columns: usize) {
        (self.kind, self.rows, self.columns) = (kind, rows, columns);
        match kind {
            ActivationKind::Int8 | ActivationKind::WideInt8 => {
                assert!(columns.is_multiple_of(BLOCK), "{columns} columns in blocks of {BLOCK}");
                let blocks = rows.div_ceil(TILE) * columns / BLOCK;
                self.tiles.resize(blocks, TileBlock::default());
                self.row_scales.resize_with(rows, AtomicU32::default);
                let wide = if kind == ActivationKind::WideInt8 { blocks } else { 0 };
                self.wide.resize(wide, WideBlock::default());
            }
            ActivationKind::Float => self.floats.resize(rows * columns, 0.0),
        }
    }

    /// Writes all rows.
    ///
    /// # Panics
    ///
    /// If `values` is not `[rows, columns]`.
    pub fn quantise(&mut self, values: &[f32], threads: &Threads) {
        assert_eq!(values.len(), self.rows * self.columns, "rows x columns values");
        let columns = self.columns;
        self.fill(threads, &|row, mut out| out.write(&values[row * columns..][..columns]));
    }

    /// Has `write` write each row, told the row's number, on whichever thread.
    pub fn fill(&mut self, threads: &Threads, write: &(dyn Fn(usize, ActivationRow<'_>) + Sync)) {
        let (rows, columns) = (self.rows, self.columns);
        if rows * columns == 0 {
            return;
        }
        let size = (rows / (8 * threads.count())).max(1);
        match self.kind {
            ActivationKind::Int8 | ActivationKind::WideInt8 => {
                let scales = &self.row_scales;
                let tiles = RowPortions::new(&mut self.tiles, columns / BLOCK, size.div_ceil(TILE));
                let work = |_| {
                    while let Some((first, tiles)) = tiles.next() {
                        let first = first * TILE;
                        fill_tiles(tiles, columns / BLOCK, (first, &scales[first..]), write);
                    }
                };
                if worth_sharing(rows * columns) {
                    threads.run(&work)
                } else {
                    work(0)
                }
                self.widen(threads);
            }
            ActivationKind::Float => {
                let portions = RowPortions::new(&mut self.floats, columns, size);
                let work = |_| {
                    while let Some((first, values)) = portions.next() {
                        for (row, values) in (first..).zip(values.chunks_exact_mut(columns)) {
                            write(row, ActivationRow::Float(values));
                        }
                    }
                };
                if worth_sharing(rows * columns) { threads.run(&work) } else { work(0) }
            }
        }
    }

    /// Writes the bytes in 16 bits, if they are wanted.
    fn widen(&mut self, threads: &Threads) {
        if self.wide.is_empty() {
            return;
        }
        let (tiles, size) = (&self.tiles, (self.wide.len() / (8 * threads.count())).max(1));
        let wide = RowPortions::new(&mut self.wide, 1, size);
        let work = |_| {
            while let Some((first, wide)) = wide.next() {
                wide.iter_mut().zip(&tiles[first..]).for_each(|(wide, tile)| wide.set(tile));
            }
        };
        if worth_sharing(self.rows * self.columns) { threads.run(&work) } else { work(0) }
    }

    /// Becomes a copy of some rows of `source`, in the given order.
    ///
    /// # Panics
    ///
    /// If `source` has no such row.
    pub fn gather(&mut self, source: &Self, rows: &[usize]) {
        self.reset(source.kind, rows.len(), source.columns);
        for (to, from) in rows.iter().enumerate() {
            assert!(*from < source.rows, "row {from} of {}", source.rows);
            match source.kind {
                ActivationKind::Int8 | ActivationKind::WideInt8 => {
                    self.copy_int8_row(to, source, *from);
                }
                ActivationKind::Float => {
                    let columns = source.columns;
                    self.floats[to * columns..][..columns].copy_from_slice(source.float_row(*from));
                }
            }
        }
    }

    fn copy_int8_row(&mut self, to: usize, source: &Self, from: usize) {
        let blocks = self.columns / BLOCK;
        self.row_scales[to] = source.row_scale(from).to_bits().into();
        let targets = to / TILE * blocks..;
        let sources = from / TILE * blocks..;
        let (to, from) = (to % TILE, from % TILE);
        let tiles = self.tiles[targets.clone()].iter_mut().zip(&source.tiles[sources.clone()]);
        for (target, block) in tiles.take(blocks) {
            target.quants[to] = block.quants[from];
            target.set(to, block.scale(from));
        }
        if source.wide.is_empty() {
            return;
        }
        let wide = self.wide[targets].iter_mut().zip(&source.wide[sources]);
        wide.take(blocks).for_each(|(target, block)| target.0[to] = block.0[from]);
    }

    /// What a row is kept as.
    #[must_use]
    pub fn kind(&self) -> ActivationKind {
        self.kind
    }

    /// Rows of this step.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values in a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// `rows` rows of bytes from row `first` on, which is the first of a tile.
    pub(crate) fn tile_rows(&self, first: usize, rows: usize) -> TileRows<'_> {
        debug_assert_ne!(self.kind, ActivationKind::Float, "rows of floats have no bytes");
        debug_assert!(first.is_multiple_of(TILE), "row {first} is within a tile");
        let blocks = self.columns / BLOCK;
        let range = first / TILE * blocks..(first + rows).div_ceil(TILE) * blocks;
        let wide = if self.wide.is_empty() { &[] } else { &self.wide[range.clone()] };
        TileRows { tiles: &self.tiles[range], wide, rows }
    }

    /// What the scales of the blocks of a row of bytes are multiples of.
    pub(crate) fn row_scale(&self, row: usize) -> f32 {
        f32::from_bits(self.row_scales[row].load(Ordering::Relaxed))
    }

    /// All rows, of floats.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn float_rows(&self) -> &[f32] {
        debug_assert_eq!(self.kind, ActivationKind::Float, "rows of bytes have no floats");
        &self.floats[..self.rows * self.columns]
    }

    /// Row `row`, of floats.
    pub(crate) fn float_row(&self, row: usize) -> &[f32] {
        debug_assert_eq!(self.kind, ActivationKind::Float, "rows of bytes have no floats");
        &self.floats[row * self.columns..][..self.columns]
    }
}

/// Writes the rows of some tiles of `blocks` blocks each; `first` is their first row, and `scales`
/// are of their rows and those behind.
fn fill_tiles(
    tiles: &mut [TileBlock],
    blocks: usize,
    (first, scales): (usize, &[AtomicU32]),
    write: &(dyn Fn(usize, ActivationRow<'_>) + Sync),
) {
    let tiles = tiles.chunks_exact_mut(blocks).zip(scales.chunks(TILE));
    for (first, (tile, scales)) in (first..).step_by(TILE).zip(tiles) {
        for (row, scale) in scales.iter().enumerate() {
            write(first + row, ActivationRow::Int8(Int8RowMut { tile, row, scale }));
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
