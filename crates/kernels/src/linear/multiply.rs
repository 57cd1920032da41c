//! Panels among threads, rows of activations in chunks.

use super::{
    Activations,
    activations::TILE,
    kernel::{Kernel, Scratch, TileSums},
    output::{Mode, OutputPart},
    panels::{PANEL, Panels},
};
use crate::{Threads, threads::ColumnTile};

/// Tiles of activations that one unpacked chunk of weights is multiplied with.
const TILES: usize = 16;
/// Panels that a thread takes at a time, so that it reads memory in long runs.
const PANELS_MAX: usize = 16;

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
        let mut scratch = Scratch::default();
        let mut room = [TileSums::ZERO; TILES];
        while let Some(mut tile) = tiles.next() {
            let columns = tile.columns();
            for panel in columns.start / PANEL..columns.end.div_ceil(PANEL) {
                job.panel(panel, &mut tile, &mut scratch, &mut room);
            }
        }
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
    fn panel(
        &self,
        panel: usize,
        out: &mut ColumnTile<'_, f32>,
        scratch: &mut Scratch,
        room: &mut [TileSums; TILES],
    ) {
        let weights = self.panels.panel(panel);
        let left = panel * PANEL - out.columns().start;
        let width = PANEL.min(out.columns().len() - left);
        let rows = self.activations.rows();
        for first in (0..rows).step_by(TILES * TILE) {
            let rows = (TILES * TILE).min(rows - first);
            let tiles = rows.div_ceil(TILE);
            let activations = self.activations.tiles(first / TILE, tiles);
            let sums = &mut room[..tiles];
            sums.fill(TileSums::ZERO);
            self.kernel.accumulate(weights, (activations, rows), scratch, sums);
            for (row, sums) in (first..first + rows).zip(sums.iter().flat_map(|sums| &sums.0)) {
                let out = &mut out.row(row)[left..][..width];
                match out.as_mut_array::<PANEL>() {
                    Some(out) => self.mode.store(sums, out),
                    None => self.mode.store(&sums[..width], out),
                }
            }
        }
    }
}
