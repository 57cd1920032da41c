//! What weights are multiplied with: rows of one step, quantised once for all their consumers.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

use crate::{
    BLOCK, Threads,
    threads::{RowPortions, worth_sharing},
};

#[cfg(target_arch = "x86_64")]
use crate::isa::Avx2;
#[cfg(target_arch = "aarch64")]
use crate::isa::Neon;

/// Rows that are multiplied together: their sums stay in registers.
pub(crate) const TILE: usize = 4;

/// What a row of activations is kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActivationKind {
    /// Signed bytes with a scale for each 32, for integer weights.
    Int8,
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
    floats: Vec<f32>,
}

/// A block of 32 columns of four rows, side by side as a kernel reads them.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct TileBlock {
    pub(crate) quants: [[i8; BLOCK]; TILE],
    /// The same in 16 bits, first those of even columns, then those of odd: as bytes of weights are
    /// taken apart without moving them across lanes.
    #[cfg(target_arch = "x86_64")]
    pub(crate) wide: [[i16; BLOCK]; TILE],
    /// A byte `q` stands for `scale * q`: the greatest magnitude of the block, by 127.
    pub(crate) scales: [f32; TILE],
    /// `-8 * scale * sum`: the block's product with weights that all are -8, which corrects for
    /// those that are stored as 0 to 15; times -1/8, it is what a minimum is multiplied with.
    pub(crate) offsets: [f32; TILE],
    /// The sums of the bytes.
    pub(crate) sums: [i32; TILE],
}

/// What the bytes of a block of one row stand for; as in [`TileBlock`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BlockScale {
    pub(crate) scale: f32,
    pub(crate) offset: f32,
    pub(crate) sum: i32,
}

/// A row that is to be written.
#[derive(Debug)]
pub enum ActivationRow<'a> {
    /// Of [`ActivationKind::Int8`].
    Int8(Int8RowMut<'a>),
    /// Of [`ActivationKind::Float`].
    Float(&'a mut [f32]),
}

/// A row of signed bytes that is to be written.
#[derive(Debug)]
pub struct Int8RowMut<'a> {
    tile: &'a mut [TileBlock],
    row: usize,
}

impl ActivationRow<'_> {
    /// Writes `values` as the row, quantised if it consists of bytes.
    ///
    /// # Panics
    ///
    /// If `values` is not as long as the row.
    pub fn write(&mut self, values: &[f32]) {
        match self {
            Self::Int8(row) => {
                let columns = row.blocks() * BLOCK;
                assert_eq!(values.len(), columns, "a row has as many values as there are columns");
                row.quantise(0, values);
            }
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

    /// Writes `values`, whole blocks, from block `first` on, each block by its greatest magnitude.
    ///
    /// # Panics
    ///
    /// If the row has not so many blocks.
    pub fn quantise(&mut self, first: usize, values: &[f32]) {
        let (values, rest) = values.as_chunks::<BLOCK>();
        assert!(rest.is_empty(), "{} values beyond the last whole block", rest.len());
        let blocks = &mut self.tile[first..][..values.len()];
        #[cfg(target_arch = "x86_64")]
        if let Some(isa) = Avx2::detect() {
            return avx2::quantise(isa, values, blocks, self.row);
        }
        #[cfg(target_arch = "aarch64")]
        if let Some(isa) = Neon::detect() {
            return neon::quantise(isa, values, blocks, self.row);
        }
        scalar::quantise(values, blocks, self.row);
    }
}

impl TileBlock {
    /// Says what the bytes of row `row` stand for.
    #[inline]
    fn set(&mut self, row: usize, block: BlockScale) {
        self.scales[row] = block.scale;
        self.offsets[row] = block.offset;
        self.sums[row] = block.sum;
    }

    /// What the bytes of row `row` stand for.
    pub(crate) fn scale(&self, row: usize) -> BlockScale {
        BlockScale { scale: self.scales[row], offset: self.offsets[row], sum: self.sums[row] }
    }
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
        let (tiles, floats) = (Vec::new(), Vec::new());
        Self { kind: ActivationKind::Int8, rows: 0, columns: 0, tiles, floats }
    }

    /// Makes room for `rows` rows of `columns` values, whose content is unspecified until written.
    ///
    /// # Panics
    ///
    /// If `kind` is bytes and `columns` is no multiple of 32.
    pub fn reset(&mut self, kind: ActivationKind, rows: usize, columns: usize) {
        (self.kind, self.rows, self.columns) = (kind, rows, columns);
        match kind {
            ActivationKind::Int8 => {
                assert!(columns.is_multiple_of(BLOCK), "{columns} columns in blocks of {BLOCK}");
                let blocks = rows.div_ceil(TILE) * columns / BLOCK;
                self.tiles.resize(blocks, TileBlock::default());
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
            ActivationKind::Int8 => {
                let tiles = RowPortions::new(&mut self.tiles, columns / BLOCK, size.div_ceil(TILE));
                let work = |_| {
                    while let Some((first, tiles)) = tiles.next() {
                        fill_tiles(tiles, columns / BLOCK, first * TILE..rows, write);
                    }
                };
                if worth_sharing(rows * columns) { threads.run(&work) } else { work(0) }
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
                ActivationKind::Int8 => self.copy_int8_row(to, source, *from),
                ActivationKind::Float => {
                    let columns = source.columns;
                    self.floats[to * columns..][..columns].copy_from_slice(source.float_row(*from));
                }
            }
        }
    }

    fn copy_int8_row(&mut self, to: usize, source: &Self, from: usize) {
        let blocks = self.columns / BLOCK;
        let targets = &mut self.tiles[to / TILE * blocks..][..blocks];
        for (target, block) in targets.iter_mut().zip(source.tiles(from / TILE, 1)) {
            let (to, from) = (to % TILE, from % TILE);
            target.quants[to] = block.quants[from];
            #[cfg(target_arch = "x86_64")]
            {
                target.wide[to] = block.wide[from];
            }
            target.scales[to] = block.scales[from];
            target.offsets[to] = block.offsets[from];
            target.sums[to] = block.sums[from];
        }
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

    /// The blocks of `count` tiles of four rows of bytes, tile by tile.
    pub(crate) fn tiles(&self, first: usize, count: usize) -> &[TileBlock] {
        debug_assert_eq!(self.kind, ActivationKind::Int8, "rows of floats have no bytes");
        let blocks = self.columns / BLOCK;
        &self.tiles[first * blocks..][..count * blocks]
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

/// Writes the rows of some tiles of `blocks` blocks each; `rows` are theirs and those behind.
fn fill_tiles(
    tiles: &mut [TileBlock],
    blocks: usize,
    rows: std::ops::Range<usize>,
    write: &(dyn Fn(usize, ActivationRow<'_>) + Sync),
) {
    for (first, tile) in rows.clone().step_by(TILE).zip(tiles.chunks_exact_mut(blocks)) {
        for row in first..rows.end.min(first + TILE) {
            write(row, ActivationRow::Int8(Int8RowMut { tile, row: row % TILE }));
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
