//! Panels among threads, rows of activations in chunks.

use super::{
    Activations,
    activations::Int8Row,
    kernel::{Kernel, Scratch, Sums},
    output::{Mode, OutputPart},
    panels::{PANEL, Panels},
};
use crate::{Threads, threads::ColumnTile};

/// Activations that one unpacked chunk of weights is multiplied with.
const ROWS: usize = 64;
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
    let ([rows, _], mode) = (out.shape, out.mode);
    let rows: Vec<Int8Row<'_>> = (0..rows).map(|row| activations.int8_row(row)).collect();
    let portion = (panels.count() / (8 * threads.count())).clamp(1, PANELS_MAX);
    let tiles = out.tiles(portion * PANEL);
    let job = Job { kernel, panels, rows: &rows, mode };
    threads.run(&|_| {
        let mut scratch = Scratch::default();
        let mut sums = [[0.0; PANEL]; ROWS];
        while let Some(mut tile) = tiles.next() {
            job.tile(&mut tile, &mut scratch, &mut sums);
        }
    });
}

#[derive(Clone, Copy, Debug)]
struct Job<'a> {
    kernel: Kernel,
    panels: &'a Panels,
    rows: &'a [Int8Row<'a>],
    mode: Mode,
}

impl Job<'_> {
    fn tile(&self, tile: &mut ColumnTile<'_, f32>, scratch: &mut Scratch, sums: &mut [Sums; ROWS]) {
        let columns = tile.columns();
        for panel in columns.start / PANEL..columns.end.div_ceil(PANEL) {
            let weights = self.panels.panel(panel);
            let left = panel * PANEL - columns.start;
            let width = PANEL.min(columns.len() - left);
            for (chunk, rows) in self.rows.chunks(ROWS).enumerate() {
                let sums = &mut sums[..rows.len()];
                sums.fill([0.0; PANEL]);
                self.kernel.accumulate(weights, rows, scratch, sums);
                for (row, sums) in sums.iter().enumerate() {
                    let out = &mut tile.row(chunk * ROWS + row)[left..][..width];
                    self.mode.store(&sums[..width], out);
                }
            }
        }
    }
}
