//! Weights that will be wanted next, on their way from memory while others are multiplied.

use std::slice;

use crate::prefetch::{self, LINE};

/// Tiles among which the lines of a record are shared out.
const TILES: usize = 2;

/// How far ahead weights are fetched that are multiplied as they come from memory: from 1 to 8 KiB
/// it makes little difference, and what is fetched beyond the end of a thread's panels is another's.
const STREAM_BYTES: usize = 2048;

/// Asks for what a stream of records wants when it is that far ahead.
#[inline]
pub(super) fn fetch_stream<R>(record: &R) {
    let bytes: *const u8 = (&raw const *record).cast();
    for line in (0..size_of::<R>()).step_by(LINE) {
        prefetch::line(bytes.wrapping_add(STREAM_BYTES + line));
    }
}

/// Records to fetch, one with each block that is multiplied.
#[derive(Debug)]
pub(super) struct Ahead<'a, R> {
    records: slice::Iter<'a, R>,
    tile: usize,
}

impl<'a, R> Ahead<'a, R> {
    /// What to fetch while the tile with this number is multiplied.
    pub(super) fn of(records: &'a [R], tile: usize) -> Self {
        let records = if tile < TILES { records } else { &[] };
        Self { records: records.iter(), tile }
    }

    /// Asks for a part of the next record.
    #[inline]
    pub(super) fn fetch(&mut self) {
        if let Some(record) = self.records.next() {
            let bytes: *const u8 = (&raw const *record).cast();
            for line in 0..size_of::<R>().div_ceil(TILES * LINE) {
                prefetch::line_for_later(bytes.wrapping_add((line * TILES + self.tile) * LINE));
            }
        }
    }
}
