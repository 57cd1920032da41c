//! From the bytes of a file to panels of floats.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Element, PANEL, Storage};
use crate::{Stored, Threads, linear::pack::place, threads::RowPortions};

/// The panels of `parts`, one below the other; of a value that is not finite, the row.
pub(super) fn pack<E: Element>(
    parts: &[Stored<'_>],
    threads: &Threads,
) -> Result<Storage<E::Value>, usize> {
    let (rows, columns) = (parts.iter().map(Stored::rows).sum::<usize>(), parts[0].columns());
    let mut panels = Storage::zeroed(rows.div_ceil(PANEL) * PANEL * columns);
    if panels.is_empty() {
        return Ok(panels);
    }
    let portions = RowPortions::new(&mut panels, PANEL * columns, 1);
    let faulty = AtomicUsize::new(usize::MAX);
    threads.run(&|_| {
        let mut floats = vec![0.0; columns];
        while let Some((panel, values)) = portions.next() {
            for row in panel * PANEL..rows.min((panel + 1) * PANEL) {
                let (part, part_row) = place(parts, row);
                part.decode_row(part_row, &mut floats);
                if !put::<E>(values, row % PANEL, &floats) {
                    faulty.fetch_min(row, Ordering::Relaxed);
                }
            }
        }
    });
    match faulty.into_inner() {
        usize::MAX => Ok(panels),
        row => Err(row),
    }
}

/// Writes the weights of one output into its panel; says whether all are finite.
fn put<E: Element>(panel: &mut [E::Value], output: usize, weights: &[f32]) -> bool {
    let steps = panel.chunks_exact_mut(PANEL * E::COLUMNS);
    for (step, weights) in steps.zip(weights.chunks_exact(E::COLUMNS)) {
        let places = &mut step[output * E::COLUMNS..][..E::COLUMNS];
        for (place, weight) in places.iter_mut().zip(weights) {
            let Some(value) = E::keep(*weight) else { return false };
            *place = value;
        }
    }
    true
}
