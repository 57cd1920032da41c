//! Heads of queries or keys, where they lie within rows that hold other things too.

use crate::{
    Threads,
    threads::{RowPortions, worth_sharing},
};

/// Vectors of `head_dim` values, `heads` of them in each row, from value `first` of the row on: in a
/// buffer `[tokens, row]` such as the joint projection of queries, keys and values.
#[derive(Debug)]
pub struct HeadRows<'a> {
    /// All rows, without gaps.
    pub values: &'a mut [f32],
    /// Values in a row.
    pub row: usize,
    /// The first value of the first head in its row.
    pub first: usize,
    /// Heads in a row, one after the other.
    pub heads: usize,
    /// Values in a head.
    pub head_dim: usize,
}

impl HeadRows<'_> {
    /// Rows, one for each token.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.values.len() / self.row
    }

    /// Calls `each` with each row's number and all its heads, on whichever thread.
    ///
    /// # Panics
    ///
    /// If rows are not whole, or the heads are not within them.
    pub(crate) fn for_each_row(self, threads: &Threads, each: &(dyn Fn(usize, &mut [f32]) + Sync)) {
        let Self { values, row, first, heads, head_dim } = self;
        let width = heads * head_dim;
        assert!(first + width <= row, "{heads} heads of {head_dim} from {first} in a row of {row}");
        let shared = worth_sharing(values.len() / row * width);
        let rows = values.len() / row;
        let portions = RowPortions::new(values, row, (rows / (8 * threads.count())).max(1));
        let work = |_| {
            while let Some((start, rows)) = portions.next() {
                for (index, values) in rows.chunks_mut(row).enumerate() {
                    each(start + index, &mut values[first..first + width]);
                }
            }
        };
        if shared { threads.run(&work) } else { work(0) }
    }
}
