//! Weights that are floats.

use super::output::OutputPart;
use crate::{Activations, Stored, StoredFormat, Threads};

/// Rows of floats, as the file has them or widened.
#[derive(Debug)]
pub(super) struct FloatWeights {
    rows: usize,
    columns: usize,
    values: Vec<f32>,
}

impl FloatWeights {
    /// Keeps `parts`, one below the other, in `format`, which is one of floats; of a value that is
    /// not finite, the row.
    pub(super) fn pack(
        parts: &[Stored<'_>],
        _format: StoredFormat,
        _threads: &Threads,
    ) -> Result<Self, usize> {
        let (rows, columns) = (parts.iter().map(Stored::rows).sum(), parts[0].columns());
        let mut values = vec![0.0; rows * columns];
        let all_rows = parts.iter().flat_map(|part| (0..part.rows()).map(move |row| (part, row)));
        for (index, (part, row)) in all_rows.enumerate() {
            let out = &mut values[index * columns..][..columns];
            part.decode_row(row, out);
            if out.iter().any(|value| !value.is_finite()) {
                return Err(index);
            }
        }
        Ok(Self { rows, columns, values })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn byte_len(&self) -> usize {
        size_of_val::<[f32]>(&self.values)
    }

    pub(super) fn multiply(
        &self,
        activations: &Activations,
        out: OutputPart<'_>,
        threads: &Threads,
    ) {
        let ([rows, _], mode) = (out.shape, out.mode);
        let tiles = out.tiles(16);
        threads.run(&|_| {
            while let Some(mut tile) = tiles.next() {
                for (place, column) in tile.columns().enumerate() {
                    let weights = &self.values[column * self.columns..][..self.columns];
                    for row in 0..rows {
                        let pairs = activations.float_row(row).iter().zip(weights);
                        let product = pairs.fold(0.0, |sum, (a, b)| a.mul_add(*b, sum));
                        mode.store(&[product], &mut tile.row(row)[place..=place]);
                    }
                }
            }
        });
    }
}
