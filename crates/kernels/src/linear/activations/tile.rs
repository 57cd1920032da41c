//! How rows of bytes lie in memory: four together, block by block.

use crate::BLOCK;

/// Rows that are multiplied together: their sums stay in registers.
pub(crate) const TILE: usize = 4;

/// A block of 32 columns of four rows, side by side as a kernel reads them.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct TileBlock {
    pub(crate) quants: [[i8; BLOCK]; TILE],
    /// A byte `q` stands for `row scale * scale * q`, such that the greatest magnitude of the block
    /// is 127. An integer of at most [`MULTIPLIER_MAX`]: so that a product of integers can be
    /// scaled before it becomes a float.
    pub(crate) scales: [f32; TILE],
    /// The same in 16 bits, twice.
    pub(crate) multipliers: [[i16; 2]; TILE],
    /// `-8 * scale * sum`: the block's product with weights that all are -8, which corrects for
    /// those that are stored as 0 to 15; times -1/8, it is what a minimum is multiplied with.
    pub(crate) offsets: [f32; TILE],
    /// The sums of the bytes.
    pub(crate) sums: [i32; TILE],
}

/// The greatest scale of a block, which the block with the greatest magnitude of a row has. Products
/// of a block of 4-bit weights, two at a time at most 2 * 30480, times this fit 32 bits.
pub(crate) const MULTIPLIER_MAX: f32 = 32767.0;

/// The bytes of four rows of a block in 16 bits, first those of even columns, then those of odd: as
/// bytes of weights are taken apart without moving them across lanes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct WideBlock(pub(crate) [[i16; BLOCK]; TILE]);

/// The rows of some tiles, as a kernel reads them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TileRows<'a> {
    /// All blocks of the first tile, then those of the next.
    pub(crate) tiles: &'a [TileBlock],
    /// Empty, or one for each block.
    pub(crate) wide: &'a [WideBlock],
    /// How many rows there are.
    pub(crate) rows: usize,
}

/// What the bytes of a block of one row stand for; as in [`TileBlock`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BlockScale {
    pub(crate) scale: f32,
    pub(crate) offset: f32,
    pub(crate) sum: i32,
}

impl TileBlock {
    /// Says what the bytes of row `row` stand for.
    #[inline]
    pub(super) fn set(&mut self, row: usize, block: BlockScale) {
        self.scales[row] = block.scale;
        #[expect(clippy::cast_possible_truncation, reason = "an integer below 32768")]
        let multiplier = block.scale as i16;
        self.multipliers[row] = [multiplier; 2];
        self.offsets[row] = block.offset;
        self.sums[row] = block.sum;
    }

    /// What the bytes of row `row` stand for.
    pub(crate) fn scale(&self, row: usize) -> BlockScale {
        BlockScale { scale: self.scales[row], offset: self.offsets[row], sum: self.sums[row] }
    }
}

impl WideBlock {
    /// Becomes the bytes of `tile`.
    pub(super) fn set(&mut self, tile: &TileBlock) {
        for (wide, quants) in self.0.iter_mut().zip(&tile.quants) {
            let (even, odd) = wide.split_at_mut(BLOCK / 2);
            for (pair, (even, odd)) in
                quants.as_chunks::<2>().0.iter().zip(even.iter_mut().zip(odd))
            {
                [*even, *odd] = pair.map(i16::from);
            }
        }
    }
}

impl<'a> TileRows<'a> {
    /// Tile by tile, each of `blocks` blocks.
    pub(crate) fn each_tile(self, blocks: usize) -> impl Iterator<Item = TileRows<'a>> {
        let tile = move |first: usize| {
            let range = first / TILE * blocks..(first / TILE + 1) * blocks;
            let wide = if self.wide.is_empty() { &[] } else { &self.wide[range.clone()] };
            TileRows { tiles: &self.tiles[range], wide, rows: TILE.min(self.rows - first) }
        };
        (0..self.rows).step_by(TILE).map(tile)
    }

    /// Without the first `blocks` blocks, of a single tile.
    pub(crate) fn skip(self, blocks: usize) -> Self {
        let wide = if self.wide.is_empty() { &[] } else { &self.wide[blocks..] };
        Self { tiles: &self.tiles[blocks..], wide, ..self }
    }
}
