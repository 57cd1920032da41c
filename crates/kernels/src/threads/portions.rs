//! Work cut into portions that threads take one after the other, with the part of the result that
//! each may write.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: several threads write disjoint parts of one slice, each part handed out once"
)]

use std::{
    marker::PhantomData,
    num::NonZeroUsize,
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Ranges of `0..count`, each handed out once to whichever thread asks next.
#[derive(Debug)]
pub struct Portions {
    /// Where the next one begins.
    next: AtomicUsize,
    count: usize,
    /// What portions are multiples of, but for the last.
    unit: usize,
    /// Who shares; `None` if every portion is a unit.
    threads: Option<NonZeroUsize>,
}

impl Portions {
    /// Portions of `size` each; the last may be smaller.
    ///
    /// # Panics
    ///
    /// If `size` is zero.
    #[must_use]
    pub fn new(count: usize, size: usize) -> Self {
        assert!(size > 0, "a portion of nothing never ends");
        Self { next: AtomicUsize::new(0), count, unit: size, threads: None }
    }

    /// Portions for `threads` threads, of multiples of `unit`: of what is left, each takes three
    /// quarters of its share, so that there are few of them, whoever is disturbed does less, and all
    /// end together.
    ///
    /// # Panics
    ///
    /// If `unit` is zero.
    #[must_use]
    pub fn among(count: usize, unit: usize, threads: usize) -> Self {
        Self { threads: NonZeroUsize::new(threads), ..Self::new(count, unit) }
    }

    /// What is divided into portions.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The next range, or `None` if all were handed out.
    pub fn next(&self) -> Option<Range<usize>> {
        let mut start = self.next.load(Ordering::Relaxed);
        while start < self.count {
            let left = self.count - start;
            let units = self.threads.map_or(1, |threads| {
                let units = left.div_ceil(self.unit);
                (units - units / 4).div_euclid(threads.get()).max(1)
            });
            let end = start + left.min(units.saturating_mul(self.unit));
            let taken =
                self.next.compare_exchange_weak(start, end, Ordering::Relaxed, Ordering::Relaxed);
            match taken {
                Ok(_) => return Some(start..end),
                Err(other) => start = other,
            }
        }
        None
    }
}

/// Rows of one slice, some at a time to whichever thread asks next.
#[derive(Debug)]
pub struct RowPortions<'a, T> {
    portions: Portions,
    row: usize,
    values: *mut T,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: it hands out each `&mut` once only, to whichever thread: as if the slice had been split
// before and its parts been sent there.
unsafe impl<T: Send> Sync for RowPortions<'_, T> {}
// SAFETY: as a `&mut [T]`, which it holds.
unsafe impl<T: Send> Send for RowPortions<'_, T> {}

impl<'a, T> RowPortions<'a, T> {
    /// Cuts `values`, rows of `row` values each, into portions of `size` rows.
    ///
    /// # Panics
    ///
    /// If `row` or `size` is zero, or the last row is not whole.
    #[must_use]
    pub fn new(values: &'a mut [T], row: usize, size: usize) -> Self {
        assert!(values.len().is_multiple_of(row), "{} values in rows of {row}", values.len());
        let portions = Portions::new(values.len() / row, size);
        Self { portions, row, values: values.as_mut_ptr(), borrowed: PhantomData }
    }

    /// The number of the first row and the values of all rows of the next portion.
    pub fn next(&self) -> Option<(usize, &'a mut [T])> {
        let rows = self.portions.next()?;
        let (first, len) = (rows.start * self.row, rows.len() * self.row);
        // SAFETY: `rows` lies within the slice, whose rows are whole.
        let start = unsafe { self.values.add(first) };
        // SAFETY: `len` values from there belong to these rows; no other portion has them, and the
        // slice is borrowed for `'a`.
        Some((rows.start, unsafe { std::slice::from_raw_parts_mut(start, len) }))
    }
}

/// A matrix of which threads write ranges of columns, each handed out once.
#[derive(Debug)]
pub struct ColumnTiles<'a, T> {
    portions: Portions,
    rows: usize,
    stride: usize,
    values: *mut T,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: it hands out each column once only, to whichever thread.
unsafe impl<T: Send> Sync for ColumnTiles<'_, T> {}
// SAFETY: as a `&mut [T]`, which it holds.
unsafe impl<T: Send> Send for ColumnTiles<'_, T> {}

impl<'a, T> ColumnTiles<'a, T> {
    /// Cuts a matrix of `rows` rows that begin `stride` values apart, with the `columns` that are
    /// divided, into tiles of all rows.
    ///
    /// # Panics
    ///
    /// If `values` is shorter than that, or there are more columns than `stride`.
    #[must_use]
    pub fn new(values: &'a mut [T], rows: usize, stride: usize, columns: Portions) -> Self {
        let portions = columns;
        let columns = portions.count();
        assert!(columns <= stride, "{columns} columns in rows {stride} apart");
        let needed = rows.checked_sub(1).map_or(0, |last| last * stride + columns);
        assert!(needed <= values.len(), "{rows} rows need {needed} values, not {}", values.len());
        Self { portions, rows, stride, values: values.as_mut_ptr(), borrowed: PhantomData }
    }

    /// The next tile.
    pub fn next(&self) -> Option<ColumnTile<'a, T>> {
        let columns = self.portions.next()?;
        let (rows, stride, values) = (self.rows, self.stride, self.values);
        Some(ColumnTile { columns, rows, stride, values, borrowed: PhantomData })
    }
}

/// Some columns of all rows of a matrix, for one thread to write.
#[derive(Debug)]
pub struct ColumnTile<'a, T> {
    columns: Range<usize>,
    rows: usize,
    stride: usize,
    values: *mut T,
    borrowed: PhantomData<&'a mut [T]>,
}

// SAFETY: as the `&mut` of its columns, which it is.
unsafe impl<T: Send> Send for ColumnTile<'_, T> {}

impl<T> ColumnTile<'_, T> {
    /// The columns that are in this tile.
    #[must_use]
    pub fn columns(&self) -> Range<usize> {
        self.columns.clone()
    }

    /// These columns of row `row`.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn row(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: `ColumnTiles::new` has checked that the last row lies within the slice.
        let start = unsafe { self.values.add(row * self.stride + self.columns.start) };
        // SAFETY: these columns are in no other tile, and `self` is borrowed as long as the row.
        unsafe { std::slice::from_raw_parts_mut(start, self.columns.len()) }
    }
}

#[cfg(test)]
mod tests;
