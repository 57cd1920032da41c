//! Whether a kernel gives the bits of the definition on the CPU that it is to run on.

use super::{Kernel, Scratch, TileSums};
use crate::{
    ActivationKind, Activations, BLOCK, Int4Block, Int8Block, Threads,
    linear::{
        activations::TILE,
        panels::{Int4MinRecord, Int4Record, Int8Record, PANEL, Panels, Record},
        storage::Storage,
    },
};

const BLOCKS: usize = 2;
/// Whole tiles for every branch that a kernel has, and one that is not whole.
const ROWS: usize = 4 * TILE + 3;

/// Compares `kernel` with the definition on a few rows of every kind of weights.
pub(super) fn agrees(kernel: Kernel) -> bool {
    let quant = |index: usize| (index * index * 31 + index * 7) % 256;
    let nibbles = |row: usize| std::array::from_fn(|i| low_byte(quant(i + row)) & 15);
    let int4 = |row| Int4Block { scale: 0.01, min: -0.07, quants: nibbles(row) };
    let signed = |row: usize| std::array::from_fn(|i| low_byte(quant(i + 3 * row)).cast_signed());
    let int8 = |row| Int8Block { scale: 0.02, quants: signed(row) };
    [
        Panels::of_int4(PANEL, BLOCKS, records::<Int4Record>(int4)),
        Panels::of_int4_min(PANEL, BLOCKS, records::<Int4MinRecord>(int4)),
        Panels::of_int8(PANEL, BLOCKS, records::<Int8Record>(int8)),
    ]
    .iter()
    .all(|panels| [1, 2, 3, TILE, TILE + 1, ROWS].iter().all(|rows| same(kernel, panels, *rows)))
}

fn same(kernel: Kernel, panels: &Panels, rows: usize) -> bool {
    let columns = BLOCKS * BLOCK;
    let value = |index: usize| ((index * 37 + index / 11) % 101) as f32 * 0.02 - 1.0;
    let values: Vec<f32> = (0..rows * columns).map(value).collect();
    let mut activations = Activations::new();
    activations.reset(ActivationKind::WideInt8, rows, columns);
    activations.quantise(&values, &Threads::single());
    let tile_rows = activations.tile_rows(0, rows);
    let sums = |kernel: Kernel| {
        let mut sums = vec![TileSums::ZERO; rows.div_ceil(TILE)];
        kernel.accumulate(panels.panel(0), tile_rows, &mut Scratch::default(), &mut sums);
        let rows = sums.iter().flat_map(|tile| tile.0).take(rows);
        rows.flatten().map(f32::to_bits).collect::<Vec<_>>()
    };
    sums(kernel) == sums(Kernel::Scalar)
}

fn records<R: Record>(block: impl Fn(usize) -> R::Block) -> Storage<R> {
    let mut records = Storage::<R>::zeroed(BLOCKS);
    for (index, record) in records.iter_mut().enumerate() {
        for row in 0..PANEL {
            record.put(row, &block(row + PANEL * index));
        }
    }
    records
}

fn low_byte(value: usize) -> u8 {
    value.to_le_bytes()[0]
}
