//! Panels among threads, rows of activations in chunks.

use std::{cell::RefCell, ops::Range, slice};

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

/// Tiles of activations that one unpacked chunk of weights is multiplied with, or panels that a
/// single tile is, before results are stored.
const TILES: usize = 16;

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
    let job = Job { kernel, panels, activations, mode: out.mode };
    let tiles = out.tiles(threads);
    threads.run(&|_| {
        ROOM.with_borrow_mut(|room| {
            while let Some(mut tile) = tiles.next() {
                let columns = tile.columns();
                let panels = columns.start / PANEL..columns.end.div_ceil(PANEL);
                if (1..=TILE).contains(&activations.rows()) {
                    job.few_rows(panels, &mut tile, room);
                } else {
                    panels.for_each(|panel| job.panel(panel, &mut tile, room));
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
    /// The rows of one tile with some panels, which lie in `out`.
    fn few_rows(&self, panels: Range<usize>, out: &mut ColumnTile<'_, f32>, room: &mut Room) {
        let rows = self.activations.rows();
        let activations = self.activations.tile_rows(0, rows);
        for first in panels.clone().step_by(TILES) {
            let all_sums = &mut room.sums[..TILES.min(panels.end - first)];
            for (panel, sums) in (first..).zip(&mut *all_sums) {
                *sums = TileSums::ZERO;
                let (weights, sums) = (self.panels.panel(panel), slice::from_mut(sums));
                self.kernel.accumulate(weights, activations, &mut room.scratch, sums);
            }
            for row in 0..rows {
                let sums = all_sums.iter().map(|sums| &sums.0[row]);
                let scale = self.activations.row_scale(row);
                let out = &mut out.row(row)[(first - panels.start) * PANEL..];
                simd::run(StoreRow { sums, scale, mode: self.mode, out });
            }
        }
    }

    /// All rows with one panel, which lies in `out`.
    fn panel(&self, panel: usize, out: &mut ColumnTile<'_, f32>, room: &mut Room) {
        let weights = self.panels.panel(panel);
        let left = panel * PANEL - out.columns().start;
        let columns = left..out.columns().len().min(left + PANEL);
        let all = self.activations.rows();
        for first in (0..all).step_by(TILES * TILE) {
            let rows = first..all.min(first + TILES * TILE);
            // What is written to lies far apart, row by row, and seldom in the nearest cache.
            rows.clone().for_each(|row| prefetch::values(&out.row(row)[columns.clone()]));
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

/// Brings the sums of a row, panel by panel, to their place.
struct StoreRow<'a, I> {
    sums: I,
    /// What the sums are in units of.
    scale: f32,
    mode: Mode,
    out: &'a mut [f32],
}

impl<'a, I: Iterator<Item = &'a Sums>> simd::Kernel for StoreRow<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let scale = simd.splat(self.scale);
        for (out, sums) in self.out.chunks_mut(PANEL).zip(self.sums) {
            store(simd, simd.mul(simd.load(sums), scale), self.mode, out);
        }
    }
}

#[inline(always)]
fn store<S: Simd>(simd: S, results: S::Floats, mode: Mode, out: &mut [f32]) {
    const { assert!(PANEL == GROUP, "a panel's outputs are a group") };
    let results = match mode {
        Mode::Set => results,
        Mode::Add => simd.add(simd.load_part(out, 0.0), results),
    };
    simd.store_part(results, out);
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
        for (row, sums) in self.rows.zip(self.sums) {
            let scale = simd.splat(self.activations.row_scale(row));
            let out = &mut self.out.row(row)[self.columns.clone()];
            store(simd, simd.mul(simd.load(sums), scale), self.mode, out);
        }
    }
}
