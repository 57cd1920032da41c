//! The work of one call, cut into items that threads take.

use std::{cmp::Reverse, ops::Range, sync::atomic::AtomicUsize};

use super::{AttentionSpan, Call, SEGMENT_TOKENS};

/// Numbers of query rows that an item takes at most, of all heads: few enough to stay in the
/// second-level cache with their sums.
const QUERIES_MAX: usize = 6144;
/// Rows of queries that are enough to make reading a block cheap.
const ROWS_MAX: usize = 96;
/// Items per thread below which the longest are cut into segments.
const ITEMS_PER_THREAD: usize = 8;

/// Some rows of a span with the heads that share one head of the cache.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Index of the span.
    pub(super) span: usize,
    /// Head of the cache.
    pub(super) head: usize,
    /// Rows of the span.
    pub(super) rows: Range<usize>,
    /// Segments to go through.
    pub(super) segments: Range<usize>,
    /// Index of the split that the item is a part of, if it is one.
    pub(super) split: Option<usize>,
    /// About in proportion to the time that it takes.
    cost: usize,
}

/// Items that have one segment each of the same rows and head.
#[derive(Debug)]
pub(super) struct Split {
    /// Segments of all of them.
    pub(super) segments: Range<usize>,
    /// Where among the partial results the first one's is.
    pub(super) partials_start: usize,
    /// Floats of one partial result.
    pub(super) partial_len: usize,
    /// Items that are not finished yet: whoever finishes the last one merges.
    pub(super) left: AtomicUsize,
}

/// All items of a call, the longest first.
#[derive(Debug, Default)]
pub(super) struct Plan {
    items: Vec<Item>,
    splits: Vec<Split>,
    partials_len: usize,
}

impl Plan {
    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(super) fn split(&self, index: usize) -> &Split {
        &self.splits[index]
    }

    /// Floats that all partial results take.
    pub(super) fn partials_len(&self) -> usize {
        self.partials_len
    }

    pub(super) fn make(&mut self, call: &Call<'_>, threads: usize) {
        self.items.clear();
        self.splits.clear();
        self.partials_len = 0;
        for (index, span) in call.batch.spans.iter().enumerate() {
            self.add_span(call, index, span);
        }
        if threads > 1 {
            self.split_longest(call, threads);
        }
        self.items.sort_by_key(|item| Reverse(item.cost));
    }

    fn add_span(&mut self, call: &Call<'_>, index: usize, span: &AttentionSpan<'_>) {
        let step = rows_of_an_item(call);
        for first in (0..span.rows).step_by(step) {
            let rows = first..span.rows.min(first + step);
            let tokens = span.tokens(&rows);
            let segments = tokens.start / SEGMENT_TOKENS..tokens.end.div_ceil(SEGMENT_TOKENS);
            let cost = rows.len() * call.group * tokens.len();
            for head in 0..call.cache.shape().kv_heads {
                let (rows, segments) = (rows.clone(), segments.clone());
                self.items.push(Item { span: index, head, rows, segments, split: None, cost });
            }
        }
    }

    fn split_longest(&mut self, call: &Call<'_>, threads: usize) {
        let all: usize = self.items.iter().map(|item| item.cost).sum();
        let cost_max = all / (threads * ITEMS_PER_THREAD);
        for index in 0..self.items.len() {
            let item = &self.items[index];
            if item.cost > cost_max && item.segments.len() > 1 {
                self.split_item(call, index);
            }
        }
    }

    /// Leaves the first segment in place and appends the others.
    fn split_item(&mut self, call: &Call<'_>, index: usize) {
        let mut item = self.items[index].clone();
        let segments = item.segments.clone();
        let partial_len = super::state::State::len(call, item.rows.len());
        let split = Split {
            segments: segments.clone(),
            partials_start: self.partials_len,
            partial_len,
            left: AtomicUsize::new(segments.len()),
        };
        self.partials_len += partial_len * segments.len();
        item.split = Some(self.splits.len());
        item.cost = item.cost.div_ceil(segments.len());
        self.splits.push(split);
        for segment in segments.clone().skip(1) {
            self.items.push(Item { segments: segment..segment + 1, ..item.clone() });
        }
        item.segments = segments.start..segments.start + 1;
        self.items[index] = item;
    }
}

/// Rows of a span that one item takes at most.
pub(super) fn rows_of_an_item(call: &Call<'_>) -> usize {
    let rows = (QUERIES_MAX / call.cache.shape().head_dim).clamp(1, ROWS_MAX);
    (rows / call.group).max(1)
}

impl AttentionSpan<'_> {
    /// Tokens that row `row` of the span sees.
    pub(super) fn seen(&self, row: usize) -> Range<usize> {
        let end = self.context - self.rows + row + 1;
        let start = self.window.map_or(0, |window| end.saturating_sub(window));
        start..end
    }

    /// Tokens that any of `rows` sees; `rows` are not none.
    pub(super) fn tokens(&self, rows: &Range<usize>) -> Range<usize> {
        self.seen(rows.start).start..self.seen(rows.end - 1).end
    }
}
