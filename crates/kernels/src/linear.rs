//! Multiplication of activations with weights that are packed once, at load.

pub(crate) mod activations;
mod float;
mod kernel;
mod multiply;
mod output;
mod pack;
mod panels;
mod scale_search;
mod storage;

pub use activations::{ActivationKind, ActivationRow, Activations, Int8RowMut};
pub use output::Output;

use float::FloatWeights;
use kernel::Kernel;
use panels::Panels;

use crate::{Stored, Threads};

/// What weights are kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// What keeps the values of the file: integers of 4 bits as such; those of 5, 6 and 8 bits as
    /// bytes; floats as they are.
    Stored,
    /// Integers of 4 bits with a scale for each 32, and a minimum where the file has one.
    Int4,
    /// Bytes with a scale for each 32.
    Int8,
    /// IEEE 754 halves.
    F16,
    /// `bfloat16`.
    Bf16,
    /// 32-bit floats.
    F32,
}

/// Why weights cannot be packed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// There is nothing to pack.
    #[error("a weight matrix needs at least one part")]
    NoParts,
    /// Parts of one matrix have the same inputs.
    #[error("parts of one weight matrix have {first} and {other} columns")]
    UnequalColumns {
        /// Columns of the first part.
        first: usize,
        /// Columns of another.
        other: usize,
    },
    /// Integers share a scale by blocks.
    #[error("{columns} columns cannot be packed as integers, which come in blocks of 32")]
    BrokenBlock {
        /// Columns of the matrix.
        columns: usize,
    },
    /// A scale or a value that is infinite or no number.
    #[error(
        "row {row} of the weights has a value that is no finite number or beyond 16-bit floats"
    )]
    NotFinite {
        /// The first such row.
        row: usize,
    },
}

/// A matrix `[rows, columns]` of which every row makes an output, in the order that the
/// multiplication reads it.
#[derive(Debug)]
pub struct Weights {
    rows: usize,
    columns: usize,
    kind: ActivationKind,
    segments: Vec<Segment>,
}

/// Rows that are packed alike.
#[derive(Debug)]
struct Segment {
    /// The first of its rows.
    row: usize,
    packed: Packed,
}

#[derive(Debug)]
enum Packed {
    Integers(Panels),
    Floats(FloatWeights),
}

impl Weights {
    /// Packs `parts`, one below the other: what is multiplied with the same activations.
    ///
    /// # Errors
    ///
    /// If the parts do not fit each other, or a value is not finite.
    pub fn pack(
        parts: &[Stored<'_>],
        precision: Precision,
        threads: &Threads,
    ) -> Result<Self, PackError> {
        pack::pack(parts, precision, threads)
    }

    /// Outputs of a multiplication.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs of a multiplication.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Bytes of memory, all of which a multiplication reads.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.segments.iter().map(|segment| segment.packed.byte_len()).sum()
    }

    /// What the activations have to be.
    #[must_use]
    pub fn activation_kind(&self) -> ActivationKind {
        self.kind
    }

    /// Multiplies: `out[i][j]` becomes, or grows by, the dot product of row `i` of `activations`
    /// and row `j` of the weights. A row of the result does not depend on the other rows, nor on
    /// the number of threads.
    ///
    /// # Panics
    ///
    /// If `activations` are of another kind or have other columns, or `out` is too small.
    pub fn multiply(&self, activations: &Activations, out: Output<'_>, threads: &Threads) {
        self.multiply_by(Kernel::best(), activations, out, threads);
    }

    fn multiply_by(
        &self,
        kernel: Kernel,
        activations: &Activations,
        mut out: Output<'_>,
        threads: &Threads,
    ) {
        assert_eq!(activations.columns(), self.columns, "columns of activations and weights");
        let is_float = |kind| kind == ActivationKind::Float;
        assert_eq!(
            is_float(activations.kind()),
            is_float(self.kind),
            "activations for these weights"
        );
        for segment in &self.segments {
            let columns = segment.row..segment.row + segment.packed.rows();
            let part = out.columns(activations.rows(), columns);
            match &segment.packed {
                Packed::Integers(panels) => {
                    multiply::multiply(kernel, panels, activations, part, threads);
                }
                Packed::Floats(weights) => weights.multiply(activations, part, threads),
            }
        }
    }
}

impl Packed {
    fn rows(&self) -> usize {
        match self {
            Self::Integers(panels) => panels.rows(),
            Self::Floats(weights) => weights.rows(),
        }
    }

    fn byte_len(&self) -> usize {
        match self {
            Self::Integers(panels) => panels.byte_len(),
            Self::Floats(weights) => weights.byte_len(),
        }
    }
}

#[cfg(test)]
mod tests;
