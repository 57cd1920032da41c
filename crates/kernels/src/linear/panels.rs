//! How integer weights lie in memory: panels of 16 rows, each a sequence of records of 32 columns.
//!
//! Within a record, columns go in groups of four: vector `g` holds columns `4g` to `4g + 3` of row
//! 0, then of row 1, and so on: what an instruction multiplies with four activations that it sees
//! in every lane. One layout for all instruction sets: 64 bytes are one vector of AVX-512, two of
//! AVX2, four of NEON.
#![expect(unsafe_code, reason = "UNSAFETY: says that zeros are values of the records")]

use half::f16;

use super::{
    scale_search,
    storage::{Storage, Zeroed},
};
use crate::{BLOCK, Int4Block, Int8Block, Stored};

/// Rows of a panel.
pub(crate) const PANEL: usize = 16;
/// Columns that one lane multiplies at once.
pub(crate) const GROUP: usize = 4;
/// Bytes of a group of all rows.
pub(crate) const VECTOR: usize = PANEL * GROUP;
/// Groups of a record.
pub(crate) const GROUPS: usize = BLOCK / GROUP;

/// Rows packed alike; the last panel is filled up with rows of zeros.
#[derive(Debug)]
pub(crate) struct Panels {
    rows: usize,
    /// Records of a panel.
    blocks: usize,
    records: Records,
}

#[derive(Debug)]
enum Records {
    Int4(Storage<Int4Record>),
    Int4Min(Storage<Int4MinRecord>),
    Int8(Storage<Int8Record>),
}

/// The records of 16 rows, from the first block of columns to the last.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Panel<'a> {
    Int4(Blocks<'a, Int4Record>),
    Int4Min(Blocks<'a, Int4MinRecord>),
    Int8(Blocks<'a, Int8Record>),
}

/// The records of a panel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks<'a, R> {
    pub(crate) own: &'a [R],
    /// Those of the panel behind it, which will be wanted next; empty behind the last.
    pub(crate) next: &'a [R],
}

impl<'a, R> Blocks<'a, R> {
    fn of(records: &'a [R], panel: usize, blocks: usize) -> Self {
        let (own, rest) = records[panel * blocks..].split_at(blocks);
        Self { own, next: &rest[..blocks.min(rest.len())] }
    }

    /// Pieces of `size` records, each with the same piece of the next panel.
    pub(crate) fn chunks(self, size: usize) -> impl Iterator<Item = Self> {
        let nexts = self.next.chunks(size).chain(std::iter::repeat(&[][..]));
        self.own.chunks(size).zip(nexts).map(|(own, next)| Self { own, next })
    }
}

/// Value: `scale * (quant - 8)`. The low nibbles of vector `g` are group `g`, the high ones `g + 4`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Int4Record {
    pub(crate) quants: [[u8; VECTOR]; GROUPS / 2],
    /// Bits of 16-bit floats.
    pub(crate) scales: [u16; PANEL],
}

/// Value: `scale * quant + minimum`; nibbles as in [`Int4Record`].
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Int4MinRecord {
    pub(crate) quants: [[u8; VECTOR]; GROUPS / 2],
    pub(crate) scales: [u16; PANEL],
    pub(crate) minimums: [u16; PANEL],
}

/// Value: `scale * quant`.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Int8Record {
    pub(crate) quants: [[i8; VECTOR]; GROUPS],
    pub(crate) scales: [u16; PANEL],
}

// SAFETY: integers only.
unsafe impl Zeroed for Int4Record {}
// SAFETY: integers only.
unsafe impl Zeroed for Int4MinRecord {}
// SAFETY: integers only.
unsafe impl Zeroed for Int8Record {}

/// What a record is made of, row by row.
pub(super) trait Record: Zeroed {
    type Block: Copy;
    const ZERO: Self::Block;

    /// Reads the blocks of a row; `floats` is room for the row.
    fn read(part: &Stored<'_>, row: usize, floats: &mut [f32], out: &mut [Self::Block]);

    /// Writes a block as row `row` of the panel; `false` if it is not finite.
    fn put(&mut self, row: usize, block: &Self::Block) -> bool;
}

impl Panels {
    pub(super) fn of_int4(rows: usize, blocks: usize, records: Storage<Int4Record>) -> Self {
        Self { rows, blocks, records: Records::Int4(records) }
    }

    pub(super) fn of_int4_min(rows: usize, blocks: usize, records: Storage<Int4MinRecord>) -> Self {
        Self { rows, blocks, records: Records::Int4Min(records) }
    }

    pub(super) fn of_int8(rows: usize, blocks: usize, records: Storage<Int8Record>) -> Self {
        Self { rows, blocks, records: Records::Int8(records) }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn byte_len(&self) -> usize {
        match &self.records {
            Records::Int4(records) => size_of_val::<[_]>(records),
            Records::Int4Min(records) => size_of_val::<[_]>(records),
            Records::Int8(records) => size_of_val::<[_]>(records),
        }
    }

    /// Rows `16 * panel` and following.
    pub(crate) fn panel(&self, panel: usize) -> Panel<'_> {
        match &self.records {
            Records::Int4(all) => Panel::Int4(Blocks::of(all, panel, self.blocks)),
            Records::Int4Min(all) => Panel::Int4Min(Blocks::of(all, panel, self.blocks)),
            Records::Int8(all) => Panel::Int8(Blocks::of(all, panel, self.blocks)),
        }
    }
}

impl Panel<'_> {
    /// Records, each of 32 columns.
    pub(crate) fn blocks(&self) -> usize {
        match self {
            Self::Int4(records) => records.own.len(),
            Self::Int4Min(records) => records.own.len(),
            Self::Int8(records) => records.own.len(),
        }
    }
}

impl Record for Int4Record {
    type Block = Int4Block;
    const ZERO: Int4Block = Int4Block::ZERO;

    fn read(part: &Stored<'_>, row: usize, floats: &mut [f32], out: &mut [Int4Block]) {
        if part.format().is_int4() {
            return part.int4_blocks(row, out);
        }
        part.decode_row(row, floats);
        for (values, out) in floats.as_chunks().0.iter().zip(out) {
            *out = scale_search::int4(values);
        }
    }

    fn put(&mut self, row: usize, block: &Int4Block) -> bool {
        put_nibbles(&mut self.quants, row, &block.quants);
        put_half(&mut self.scales[row], block.scale)
    }
}

impl Record for Int4MinRecord {
    type Block = Int4Block;
    const ZERO: Int4Block = Int4Block::ZERO;

    fn read(part: &Stored<'_>, row: usize, _: &mut [f32], out: &mut [Int4Block]) {
        part.int4_blocks(row, out);
    }

    fn put(&mut self, row: usize, block: &Int4Block) -> bool {
        put_nibbles(&mut self.quants, row, &block.quants);
        put_half(&mut self.scales[row], block.scale) && put_half(&mut self.minimums[row], block.min)
    }
}

impl Record for Int8Record {
    type Block = Int8Block;
    const ZERO: Int8Block = Int8Block::ZERO;

    fn read(part: &Stored<'_>, row: usize, floats: &mut [f32], out: &mut [Int8Block]) {
        if part.format().is_int8() {
            return part.int8_blocks(row, out);
        }
        part.decode_row(row, floats);
        for (values, out) in floats.as_chunks().0.iter().zip(out) {
            *out = scale_search::int8(values);
        }
    }

    fn put(&mut self, row: usize, block: &Int8Block) -> bool {
        for (vector, quants) in self.quants.iter_mut().zip(block.quants.as_chunks::<GROUP>().0) {
            vector.as_chunks_mut::<GROUP>().0[row] = *quants;
        }
        put_half(&mut self.scales[row], block.scale)
    }
}

fn put_nibbles(vectors: &mut [[u8; VECTOR]; GROUPS / 2], row: usize, quants: &[u8; BLOCK]) {
    let (low, high) = quants.split_at(BLOCK / 2);
    let (low, high) = (low.as_chunks::<GROUP>().0, high.as_chunks::<GROUP>().0);
    for ((vector, low), high) in vectors.iter_mut().zip(low).zip(high) {
        vector.as_chunks_mut::<GROUP>().0[row] =
            std::array::from_fn(|column| low[column] | high[column] << 4);
    }
}

fn put_half(bits: &mut u16, value: f32) -> bool {
    let half = f16::from_f32(value);
    *bits = half.to_bits();
    half.is_finite()
}
