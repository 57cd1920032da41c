//! What weights are multiplied with: rows of one step, quantised once for all their consumers.
#![expect(unsafe_code, reason = "UNSAFETY: threads write rows of their own in several slices")]

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
mod scalar;

use crate::{
    BLOCK, Portions, Threads,
    threads::{SharedRows, worth_sharing},
};

#[cfg(target_arch = "x86_64")]
use crate::isa::Avx2;

/// What a row of activations is kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActivationKind {
    /// Signed bytes with a scale for each 32, for integer weights.
    Int8,
    /// 32-bit floats, for weights that are floats.
    Float,
}

/// The inputs of a multiplication, `[rows, columns]`. Memory is kept from one step to the next.
#[derive(Debug)]
pub struct Activations {
    kind: ActivationKind,
    rows: usize,
    columns: usize,
    quants: Vec<[i8; BLOCK]>,
    scales: Vec<BlockScale>,
    floats: Vec<f32>,
}

/// What the bytes of a block stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BlockScale {
    /// A byte `q` stands for `scale * q`: the greatest magnitude of the block, by 127.
    pub(crate) scale: f32,
    /// `-8 * scale * sum`: the block's product with weights that all are -8, which corrects for
    /// those that are stored as 0 to 15; times -1/8, it is what a minimum is multiplied with.
    pub(crate) offset: f32,
    /// The sum of the bytes.
    pub(crate) sum: i32,
}

/// A row of signed bytes: a scale for each block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Int8Row<'a> {
    pub(crate) quants: &'a [[i8; BLOCK]],
    pub(crate) scales: &'a [BlockScale],
}

impl Int8Row<'_> {
    /// `blocks` blocks from `first` on.
    #[inline]
    pub(crate) fn part(self, first: usize, blocks: usize) -> Self {
        Self { quants: &self.quants[first..][..blocks], scales: &self.scales[first..][..blocks] }
    }
}

/// A row that is to be written.
#[derive(Debug)]
pub enum ActivationRow<'a> {
    /// Of [`ActivationKind::Int8`].
    Int8(Int8RowMut<'a>),
    /// Of [`ActivationKind::Float`].
    Float(&'a mut [f32]),
}

/// A row of signed bytes that is to be written.
#[derive(Debug)]
pub struct Int8RowMut<'a> {
    pub(crate) quants: &'a mut [[i8; BLOCK]],
    pub(crate) scales: &'a mut [BlockScale],
}

impl ActivationRow<'_> {
    /// Writes `values` as the row, quantised if it consists of bytes.
    ///
    /// # Panics
    ///
    /// If `values` is not as long as the row.
    pub fn write(&mut self, values: &[f32]) {
        match self {
            Self::Int8(row) => row.quantise(values),
            Self::Float(row) => row.copy_from_slice(values),
        }
    }
}

impl Int8RowMut<'_> {
    /// Writes `values`, each block by its greatest magnitude.
    pub(crate) fn quantise(&mut self, values: &[f32]) {
        let columns = self.quants.len() * BLOCK;
        assert_eq!(values.len(), columns, "a row has as many values as there are columns");
        #[cfg(target_arch = "x86_64")]
        if let Some(isa) = Avx2::detect() {
            return avx2::quantise(isa, values, self.quants, self.scales);
        }
        scalar::quantise(values, self.quants, self.scales);
    }
}

impl Default for Activations {
    fn default() -> Self {
        Self::new()
    }
}

impl Activations {
    /// No rows.
    #[must_use]
    pub fn new() -> Self {
        Self {
            kind: ActivationKind::Int8,
            rows: 0,
            columns: 0,
            quants: Vec::new(),
            scales: Vec::new(),
            floats: Vec::new(),
        }
    }

    /// Makes room for `rows` rows of `columns` values, whose content is unspecified until written.
    ///
    /// # Panics
    ///
    /// If `kind` is bytes and `columns` is no multiple of 32.
    pub fn reset(&mut self, kind: ActivationKind, rows: usize, columns: usize) {
        (self.kind, self.rows, self.columns) = (kind, rows, columns);
        match kind {
            ActivationKind::Int8 => {
                assert!(columns.is_multiple_of(BLOCK), "{columns} columns in blocks of {BLOCK}");
                self.quants.resize(rows * columns / BLOCK, [0; BLOCK]);
                self.scales.resize(rows * columns / BLOCK, BlockScale::default());
            }
            ActivationKind::Float => self.floats.resize(rows * columns, 0.0),
        }
    }

    /// Writes all rows.
    ///
    /// # Panics
    ///
    /// If `values` is not `[rows, columns]`.
    pub fn quantise(&mut self, values: &[f32], threads: &Threads) {
        assert_eq!(values.len(), self.rows * self.columns, "rows x columns values");
        let columns = self.columns;
        self.fill(threads, &|row, mut out| out.write(&values[row * columns..][..columns]));
    }

    /// Has `write` write each row, told the row's number, on whichever thread.
    pub fn fill(&mut self, threads: &Threads, write: &(dyn Fn(usize, ActivationRow<'_>) + Sync)) {
        let (rows, columns, kind) = (self.rows, self.columns, self.kind);
        let blocks = columns / BLOCK;
        let quants = SharedRows::new(&mut self.quants, blocks);
        let scales = SharedRows::new(&mut self.scales, blocks);
        let floats = SharedRows::new(&mut self.floats, columns);
        let portions = Portions::among(rows, threads.count());
        let work = |_| {
            while let Some(range) = portions.next() {
                for row in range {
                    let out = match kind {
                        ActivationKind::Int8 => ActivationRow::Int8(Int8RowMut {
                            // SAFETY: each row is handed out once.
                            quants: unsafe { quants.row(row) },
                            // SAFETY: as above.
                            scales: unsafe { scales.row(row) },
                        }),
                        // SAFETY: as above.
                        ActivationKind::Float => ActivationRow::Float(unsafe { floats.row(row) }),
                    };
                    write(row, out);
                }
            }
        };
        if worth_sharing(rows * columns) { threads.run(&work) } else { work(0) }
    }

    /// Becomes a copy of some rows of `source`, in the given order.
    ///
    /// # Panics
    ///
    /// If `source` has no such row.
    pub fn gather(&mut self, source: &Self, rows: &[usize]) {
        self.reset(source.kind, rows.len(), source.columns);
        for (to, from) in rows.iter().enumerate() {
            assert!(*from < source.rows, "row {from} of {}", source.rows);
            match source.kind {
                ActivationKind::Int8 => {
                    let blocks = source.columns / BLOCK;
                    let row = source.int8_row(*from);
                    self.quants[to * blocks..][..blocks].copy_from_slice(row.quants);
                    self.scales[to * blocks..][..blocks].copy_from_slice(row.scales);
                }
                ActivationKind::Float => {
                    let columns = source.columns;
                    self.floats[to * columns..][..columns].copy_from_slice(source.float_row(*from));
                }
            }
        }
    }

    /// What a row is kept as.
    #[must_use]
    pub fn kind(&self) -> ActivationKind {
        self.kind
    }

    /// Rows of this step.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values in a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Row `row`, of bytes.
    pub(crate) fn int8_row(&self, row: usize) -> Int8Row<'_> {
        debug_assert_eq!(self.kind, ActivationKind::Int8, "rows of floats have no bytes");
        let blocks = self.columns / BLOCK;
        Int8Row {
            quants: &self.quants[row * blocks..][..blocks],
            scales: &self.scales[row * blocks..][..blocks],
        }
    }

    /// Row `row`, of floats.
    pub(crate) fn float_row(&self, row: usize) -> &[f32] {
        debug_assert_eq!(self.kind, ActivationKind::Float, "rows of bytes have no floats");
        &self.floats[row * self.columns..][..self.columns]
    }
}

#[cfg(test)]
pub(super) mod tests;
