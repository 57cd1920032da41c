//! Rows that lie in a wider matrix.

/// Rows of floats of which each begins `stride` floats after the one before: some columns of a
/// matrix, such as the keys in the output of a projection that makes queries, keys and values at
/// once.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
}

impl<'a> Rows<'a> {
    /// `values` begins with the first of the columns that are meant.
    #[must_use]
    pub fn new(values: &'a [f32], stride: usize) -> Self {
        Self { values, stride }
    }

    /// `columns` floats of row `row`.
    ///
    /// # Panics
    ///
    /// If they are not there.
    #[inline]
    pub(crate) fn row(&self, row: usize, columns: std::ops::Range<usize>) -> &'a [f32] {
        let start = row * self.stride;
        &self.values[start + columns.start..start + columns.end]
    }
}
