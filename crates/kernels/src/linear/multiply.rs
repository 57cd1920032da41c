//! Panels among threads, rows of activations in chunks.

use std::{cell::RefCell, ops::Range};

use super::{
    Activations,
    activations::TILE,
    kernel::{Kernel, Scratch, Sums, TileSums},
    output::{Mode, OutputPart},
    panels::{PANEL, Panels},
};
use crate::{
    Threads, prefetch,
    simd::{self, GROUP, Simd},
    threads::ColumnTile,
};

/// Tiles of activations that one unpacked chunk of weights is multiplied with.
const TILES: usize = 16;
/// Panels that a thread takes at a time, so that it reads memory in long runs.
const PANELS_MAX: usize = 16;

/// What a thread needs for a panel, kept from one multiplication to the next.
#[derive(Debug)]
struct Room {
    scratch: Scratch,
    sums: Box<[TileSums; TILES]>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::new(Room {
        scratch: Scratch::default(),
        sums: Box::new([TileSums::ZERO; TILES]),
    });
}

/// Multiplies all rows of `activations` and `panels`.
pub(super) fn multiply(
    kernel: Kernel,
    panels: &Panels,
    activations: &Activations,
    out: OutputPart<'_>,
    threads: &Threads,
) {
    let portion = (panels.count() / (8 * threads.count())).clamp(1, PANELS_MAX);
    let job = Job { kernel, panels, activations, mode: out.mode };
    let tiles = out.tiles(portion * PANEL);
    threads.run(&|_| {
        ROOM.with_borrow_mut(|room| {
            while let Some(mut tile) = tiles.next() {
                let columns = tile.columns();
                for panel in columns.start / PANEL..columns.end.div_ceil(PANEL) {
                    job.panel(panel, &mut tile, room);
                }
            }
        });
    });
}

#[derive(Clone, Copy, Debug)]
struct Job<'a> {
    kernel: Kernel,
    panels: &'a Panels,
    activations: &'a Activations,
    mode: Mode,
}

impl Job<'_> {
    /// All rows with one panel, which lies in `out`.
    fn panel(&self, panel: usize, out: &mut ColumnTile<'_, f32>, room: &mut Room) {
        let weights = self.panels.panel(panel);
        let left = panel * PANEL - out.columns().start;
        let columns = left..out.columns().len().min(left + PANEL);
        let all = self.activations.rows();
        for first in (0..all).step_by(TILES * TILE) {
            let rows = first..all.min(first + TILES * TILE);
            // What is written to lies far apart, row by row, and seldom in the nearest cache.
            rows.clone().for_each(|row| prefetch::nearest(&out.row(row)[columns.clone()]));
            let sums = &mut room.sums[..rows.len().div_ceil(TILE)];
            sums.iter_mut().for_each(|sums| *sums = TileSums::ZERO);
            let activations = self.activations.tile_rows(first, rows.len());
            self.kernel.accumulate(weights, activations, &mut room.scratch, sums);
            simd::run(Store {
                sums: sums.iter().flat_map(|sums| &sums.0),
                activations: self.activations,
                mode: self.mode,
                out,
                rows,
                columns: columns.clone(),
            });
        }
    }
}

/// Brings the sums of rows, which are in units of the rows' scales, to their place.
struct Store<'a, 'b, I> {
    sums: I,
    activations: &'a Activations,
    mode: Mode,
    out: &'a mut ColumnTile<'b, f32>,
    rows: Range<usize>,
    columns: Range<usize>,
}

impl<'a, I: Iterator<Item = &'a Sums>> simd::Kernel for Store<'a, '_, I> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        const { assert!(PANEL == GROUP, "a panel's outputs are a group") };
        for (row, sums) in self.rows.zip(self.sums) {
            let scale = simd.splat(self.activations.row_scale(row));
            let results = simd.mul(simd.load(sums), scale);
            let out = &mut self.out.row(row)[self.columns.clone()];
            let results = match self.mode {
                Mode::Set => results,
                Mode::Add => simd.add(simd.load_part(out, 0.0), results),
            };
            simd.store_part(results, out);
        }
    }
}
