//! Weights that are floats.

#[cfg(target_arch = "x86_64")]
mod bf16_dot;
mod element;
mod pack;
mod tile;

use std::ops::Range;

use super::{
    output::{Mode, OutputPart},
    storage::Storage,
};
#[cfg(target_arch = "x86_64")]
use crate::isa::Avx512Bf16;
use crate::{
    Activations, Stored, StoredFormat, Threads,
    simd::{self, GROUP, Kernel, Simd},
    threads::ColumnTile,
};
use element::{Bf16, Element, F16, F32};
use tile::Tile;

/// Outputs whose weights lie side by side.
const PANEL: usize = GROUP;
/// Rows of activations that one part of a panel is multiplied with while it is in the cache.
const ROWS: usize = 48;
/// Columns of that part: 16 KiB of 32-bit floats.
const DEPTH: usize = 256;

/// Rows of floats, sixteen side by side: `[rows / 16, columns, 16]`.
#[derive(Debug)]
pub(super) struct FloatWeights {
    rows: usize,
    columns: usize,
    panels: Panels,
}

#[derive(Debug)]
enum Panels {
    F32(Storage<f32>),
    F16(Storage<u16>),
    /// Neighbouring columns are neighbours: `[rows / 16, columns / 2, 16, 2]`.
    Bf16(Storage<u16>),
}

impl FloatWeights {
    /// Keeps `parts`, one below the other, in `format`, which is one of floats; of a value that is
    /// not finite, the row.
    pub(super) fn pack(
        parts: &[Stored<'_>],
        format: StoredFormat,
        threads: &Threads,
    ) -> Result<Self, usize> {
        let (rows, columns) = (parts.iter().map(Stored::rows).sum(), parts[0].columns());
        let panels = match format {
            StoredFormat::F16 => Panels::F16(pack::pack::<F16>(parts, threads)?),
            // Pairs of columns need pairs; floats hold the same values.
            StoredFormat::Bf16 if columns.is_multiple_of(2) => {
                Panels::Bf16(pack::pack::<Bf16>(parts, threads)?)
            }
            _ => Panels::F32(pack::pack::<F32>(parts, threads)?),
        };
        Ok(Self { rows, columns, panels })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn byte_len(&self) -> usize {
        match &self.panels {
            Panels::F32(values) => size_of_val::<[f32]>(values),
            Panels::F16(bits) | Panels::Bf16(bits) => size_of_val::<[u16]>(bits),
        }
    }

    /// Sums each output's products from the first column to the last, each rounded once: a row of
    /// the result depends neither on other rows nor on threads.
    pub(super) fn multiply(
        &self,
        activations: &Activations,
        out: OutputPart<'_>,
        threads: &Threads,
    ) {
        match &self.panels {
            Panels::F32(values) => self.multiply_by::<F32>(values, activations, out, threads),
            Panels::F16(bits) => self.multiply_by::<F16>(bits, activations, out, threads),
            Panels::Bf16(bits) => {
                #[cfg(target_arch = "x86_64")]
                if let Some(isa) = Avx512Bf16::detect() {
                    let weights = bf16_dot::Weights { bits, columns: self.columns };
                    return bf16_dot::multiply(isa, weights, activations, out, threads);
                }
                self.multiply_by::<Bf16>(bits, activations, out, threads);
            }
        }
    }

    fn multiply_by<E: Element>(
        &self,
        weights: &[E::Value],
        activations: &Activations,
        out: OutputPart<'_>,
        threads: &Threads,
    ) {
        let steps = E::steps(weights);
        let job = Job::<E> { steps, columns: self.columns, activations, mode: out.mode };
        let tiles = out.tiles(threads);
        threads.run(&|_| {
            while let Some(out) = tiles.next() {
                simd::run(Portion { job: &job, out });
            }
        });
    }
}

/// What all threads share.
struct Job<'a, E: Element> {
    steps: &'a [E::Step],
    columns: usize,
    activations: &'a Activations,
    mode: Mode,
}

/// Some panels with all rows.
struct Portion<'a, E: Element> {
    job: &'a Job<'a, E>,
    out: ColumnTile<'a, f32>,
}

impl<E: Element> Kernel for Portion<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let rows = self.job.activations.rows();
        for first in (0..rows).step_by(ROWS) {
            let end = rows.min(first + ROWS);
            // Tiles of four rows or, where there are registers, eight; smaller ones for the rest.
            let rest = match (end - first) % 4 {
                rest @ 0..3 => end - rest,
                _ => end,
            };
            if first < rest {
                if S::MANY_REGISTERS {
                    self.rows::<S, 8, 1, ROWS>(simd, first..rest);
                } else {
                    self.rows::<S, 4, 1, ROWS>(simd, first..rest);
                }
            }
            match end - rest {
                0 => {}
                1 => self.rows::<S, 1, 4, 1>(simd, rest..end),
                _ => self.rows::<S, 2, 2, 2>(simd, rest..end),
            }
        }
    }
}

impl<E: Element> Portion<'_, E> {
    /// All panels with `rows`, at most `BLOCK`, by tiles of `HEIGHT` rows and `WIDTH` panels.
    #[inline(always)]
    fn rows<S: Simd, const HEIGHT: usize, const WIDTH: usize, const BLOCK: usize>(
        &mut self,
        simd: S,
        rows: Range<usize>,
    ) {
        let columns = self.out.columns();
        for first in (columns.start / PANEL..columns.end.div_ceil(PANEL)).step_by(WIDTH) {
            self.panels::<S, HEIGHT, WIDTH, BLOCK>(simd, rows.clone(), first);
        }
    }

    /// Panel `first` and those after it, part by part, with all `rows`.
    #[inline(always)]
    fn panels<S: Simd, const HEIGHT: usize, const WIDTH: usize, const BLOCK: usize>(
        &mut self,
        simd: S,
        rows: Range<usize>,
        first: usize,
    ) {
        let Job { steps, columns, activations, mode } = *self.job;
        let panel_steps = columns / E::COLUMNS;
        let mut sums = [[[0.0; PANEL]; WIDTH]; BLOCK];
        // Only few rows and panels share all that is left of their columns.
        let depth = if rows.len() <= HEIGHT { panel_steps } else { DEPTH / E::COLUMNS };
        for start in (0..panel_steps).step_by(depth.max(1)) {
            let end = panel_steps.min(start + depth);
            let mut weights: [&[E::Step]; WIDTH] = [&[]; WIDTH];
            for (offset, weights) in weights.iter_mut().enumerate() {
                // Behind the last panel it once more: its sums there are not used.
                let panel = (first + offset).min(steps.len() / panel_steps - 1);
                *weights = &steps[panel * panel_steps..][start..end];
            }
            for row in rows.clone().step_by(HEIGHT) {
                let mut x: [&[E::Inputs]; HEIGHT] = [&[]; HEIGHT];
                for (offset, x) in x.iter_mut().enumerate() {
                    // As behind the last panel.
                    let row = (row + offset).min(rows.end - 1);
                    *x = &E::inputs(activations.float_row(row))[start..end];
                }
                let place = row - rows.start;
                let tile = Tile::<E, HEIGHT, WIDTH> { weights, x };
                tile.accumulate(simd, &mut sums[place..BLOCK.min(place + HEIGHT)]);
            }
        }
        self.store(mode, rows, first, &sums);
    }

    /// Brings sums to their place in the output.
    fn store<const WIDTH: usize>(
        &mut self,
        mode: Mode,
        rows: Range<usize>,
        panel: usize,
        sums: &[[[f32; PANEL]; WIDTH]],
    ) {
        let left = panel * PANEL - self.out.columns().start;
        let width = (WIDTH * PANEL).min(self.out.columns().len() - left);
        for (row, sums) in rows.zip(sums) {
            mode.store(&sums.as_flattened()[..width], &mut self.out.row(row)[left..][..width]);
        }
    }
}

#[cfg(test)]
mod tests;
