//! Some rows against some blocks.
#![expect(unsafe_code, reason = "UNSAFETY: loads of registers within slices")]

use std::ops::Range;

use super::{
    AttentionSpan, Call,
    plan::Item,
    product::Product,
    softmax::{Scales, Scoring, weigh},
    state::{LANES_MAX, State},
};
use crate::{
    attention::SEGMENT_TOKENS,
    kv::{BLOCK_TOKENS, Element, F32, HeadBlock},
    vectors::{Vectors, Work, store_at},
};

const SEGMENT_BLOCKS: usize = SEGMENT_TOKENS / BLOCK_TOKENS;

/// Rows from which it is quicker to convert a block once than with every few rows.
const CONVERTED_ROWS_MIN: usize = 9;

/// Memory of one thread.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// `[rows, head_dim]`, multiplied by what makes their products scores.
    queries: Vec<f32>,
    /// `[rows, tokens of a block]`: products, scores, weights.
    scores: Vec<f32>,
    /// `[rows, LANES_MAX]`: sums of weights in the segment.
    lanes: Vec<f32>,
    /// One block's keys or values.
    block: Vec<f32>,
    /// State after the segment.
    segment: Vec<f32>,
    /// State after all segments.
    pub(super) total: Vec<f32>,
}

/// The first `len` of as many floats as were ever needed.
pub(super) fn first(floats: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if floats.len() < len {
        floats.resize(len, 0.0);
    }
    &mut floats[..len]
}

/// The rows of an item on their way through the blocks.
pub(super) struct Tile<'a> {
    call: &'a Call<'a>,
    item: &'a Item,
    scoring: Scoring,
    queries: &'a [f32],
    scores: &'a mut [f32],
    lanes: &'a mut [f32],
    block: &'a mut [f32],
    state: State<'a>,
}

impl<'a> Tile<'a> {
    pub(super) fn new(call: &'a Call<'a>, item: &'a Item, buffers: &'a mut Buffers) -> Self {
        let (head_dim, stride) = (call.cache.shape().head_dim, call.cache.value_stride());
        let rows = item.rows.len() * call.group;
        let scoring = Scoring::new(call.batch.scale, call.batch.softcap);
        let queries = first(&mut buffers.queries, rows * head_dim);
        copy_queries(call, item, scoring.query_factor, queries);
        Self {
            call,
            item,
            scoring,
            queries,
            scores: first(&mut buffers.scores, rows * BLOCK_TOKENS),
            lanes: first(&mut buffers.lanes, rows * LANES_MAX),
            block: first(&mut buffers.block, stride * BLOCK_TOKENS),
            state: State::new(first(&mut buffers.segment, rows * (2 + stride)), stride),
        }
    }

    /// What the rows make of the tokens of segment `segment`.
    #[inline(always)]
    pub(super) fn segment<S: Vectors, E: Element>(
        &mut self,
        simd: S,
        segment: usize,
    ) -> &State<'a> {
        self.state.clear();
        self.lanes.fill(0.0);
        let tokens = self.call.batch.spans[self.item.span].tokens(&self.item.rows);
        let first = (segment * SEGMENT_BLOCKS).max(tokens.start / BLOCK_TOKENS);
        let end = ((segment + 1) * SEGMENT_BLOCKS).min(tokens.end.div_ceil(BLOCK_TOKENS));
        for index in first..end {
            self.block::<S, E>(simd, index, (index + 1).min(end - 1));
        }
        self.state.close(simd, self.lanes);
        &self.state
    }

    /// Block `index` of the sequence; block `next` comes after it.
    #[inline(always)]
    fn block<S: Vectors, E: Element>(&mut self, simd: S, index: usize, next: usize) {
        let start = index * BLOCK_TOKENS;
        let rows = self.rows_that_see(start);
        if rows.is_empty() {
            return;
        }
        let (block, next) = (self.head_block::<E>(index), self.head_block::<E>(next));
        let converted = std::mem::take(&mut self.block);
        let converts = !E::PLAIN && rows.len() * self.call.group >= CONVERTED_ROWS_MIN;
        if converts {
            let keys = Right::<F32>::converted::<S, E>(simd, block.keys, converted);
            self.multiply_keys(simd, keys, &rows, start);
        } else {
            self.multiply_keys(simd, Right::<E>::kept(block.keys, next.keys), &rows, start);
        }
        self.weigh(simd, block, &rows, start);
        if converts {
            let values = Right::<F32>::converted::<S, E>(simd, block.values, converted);
            self.multiply_values(simd, values, &rows, start);
        } else {
            self.multiply_values(simd, Right::<E>::kept(block.values, next.values), &rows, start);
        }
        self.block = converted;
    }

    #[inline(always)]
    fn head_block<E: Element>(&self, index: usize) -> HeadBlock<'a, E::Bits> {
        let block = self.span().blocks[index];
        self.call.cache.head_block::<E>(self.call.layer, block, self.item.head)
    }

    #[inline(always)]
    fn span(&self) -> &'a AttentionSpan<'a> {
        &self.call.batch.spans[self.item.span]
    }

    /// Products of queries with keys. Of a block that ends the context, only those that are seen.
    #[inline(always)]
    fn multiply_keys<S: Vectors, E: Element>(
        &mut self,
        simd: S,
        keys: Right<'_, E>,
        rows: &Range<usize>,
        start: usize,
    ) {
        let head_dim = self.call.cache.shape().head_dim;
        self.for_chunks::<S>(rows, start, |tile, rows, seen| {
            simd.run(Product::<E> {
                rows: rows.len(),
                depth: head_dim,
                columns: seen.next_multiple_of(S::LANES),
                left: &tile.queries[rows.start * head_dim..],
                left_stride: head_dim,
                right: keys.numbers,
                right_stride: BLOCK_TOKENS,
                next: keys.next,
                sums: &mut tile.scores[rows.start * BLOCK_TOKENS..],
                sums_stride: BLOCK_TOKENS,
                adds: false,
            });
        });
    }

    /// Adds the values by their weights.
    #[inline(always)]
    fn multiply_values<S: Vectors, E: Element>(
        &mut self,
        simd: S,
        values: Right<'_, E>,
        rows: &Range<usize>,
        start: usize,
    ) {
        let stride = self.state.stride;
        self.for_chunks::<S>(rows, start, |tile, rows, seen| {
            simd.run(Product::<E> {
                rows: rows.len(),
                depth: seen,
                columns: stride,
                left: &tile.scores[rows.start * BLOCK_TOKENS..],
                left_stride: BLOCK_TOKENS,
                right: values.numbers,
                right_stride: stride,
                next: values.next,
                sums: &mut tile.state.values[rows.start * stride..],
                sums_stride: stride,
                adds: true,
            });
        });
    }

    #[inline(always)]
    fn weigh<S: Vectors, B: Copy>(
        &mut self,
        simd: S,
        block: HeadBlock<'_, B>,
        rows: &Range<usize>,
        start: usize,
    ) {
        let scales = (!block.key_scales.is_empty())
            .then_some(Scales { keys: block.key_scales, values: block.value_scales });
        for row in rows.clone() {
            let seen = self.seen_of_block(row, start);
            let first = (row - self.item.rows.start) * self.call.group;
            for row in first..first + self.call.group {
                let scores = &mut self.scores[row * BLOCK_TOKENS..(row + 1) * BLOCK_TOKENS];
                let mut running = self.state.running(row, self.lanes);
                let seen = seen.clone();
                let factor = weigh(simd, scores, seen, self.scoring, scales, &mut running);
                if let Some(factor) = factor {
                    self.state.scale(simd, row, factor);
                }
            }
        }
    }

    /// Rows of the span that see a token of the block that begins with token `start`.
    fn rows_that_see(&self, start: usize) -> Range<usize> {
        let (span, rows) = (self.span(), &self.item.rows);
        // Row 0 sees the tokens before this one.
        let end = span.context - span.rows + 1;
        let first = (start + 1).saturating_sub(end);
        let last = span.window.map_or(rows.end, |window| {
            (start + BLOCK_TOKENS).saturating_add(window).saturating_sub(end)
        });
        first.max(rows.start)..last.min(rows.end)
    }

    /// Tokens of the block that begins with token `start` that row `row` of the span sees.
    fn seen_of_block(&self, row: usize, start: usize) -> Range<usize> {
        let seen = self.span().seen(row);
        seen.start.saturating_sub(start)..(seen.end - start).min(BLOCK_TOKENS)
    }

    /// Calls `each` with rows of the tile and how many of the block's tokens the last of them sees:
    /// all rows at once if the first one sees the block's end, else as many as one product of
    /// registers takes.
    #[inline(always)]
    fn for_chunks<S: Vectors>(
        &mut self,
        rows: &Range<usize>,
        start: usize,
        mut each: impl FnMut(&mut Self, Range<usize>, usize),
    ) {
        let all = self.seen_of_block(rows.start, start).end == BLOCK_TOKENS;
        let step = if all { rows.len() } else { (S::ROWS / self.call.group).max(1) };
        let (first, group) = (self.item.rows.start, self.call.group);
        for row in rows.clone().step_by(step) {
            let end = rows.end.min(row + step);
            let seen = self.seen_of_block(end - 1, start).end;
            each(self, (row - first) * group..(end - first) * group, seen);
        }
    }
}

/// Right side of a product and what comes after it.
#[derive(Clone, Copy)]
struct Right<'a, E: Element> {
    numbers: &'a [E::Bits],
    next: *const E::Bits,
}

impl<'a, E: Element> Right<'a, E> {
    /// As the cache has it.
    #[inline(always)]
    fn kept(numbers: &'a [E::Bits], next: &[E::Bits]) -> Self {
        Self { numbers, next: next.as_ptr() }
    }
}

impl<'a> Right<'a, F32> {
    #[inline(always)]
    fn converted<S: Vectors, E: Element>(
        simd: S,
        numbers: &[E::Bits],
        into: &'a mut [f32],
    ) -> Self {
        let into = &mut into[..numbers.len()];
        simd.run(Convert::<E> { numbers, into });
        Self { numbers: into, next: into.as_ptr() }
    }
}

/// Numbers of the cache as floats.
struct Convert<'a, E: Element> {
    numbers: &'a [E::Bits],
    into: &'a mut [f32],
}

impl<E: Element> Work for Convert<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Vectors>(self, simd: S) {
        for at in (0..self.into.len()).step_by(S::LANES) {
            let lanes = &self.numbers[at..at + S::LANES];
            // SAFETY: `lanes` has as many elements as a register has lanes.
            let floats = unsafe { E::load(simd, lanes.as_ptr()) };
            store_at(simd, self.into, at, floats);
        }
    }
}

/// `[rows of the item, heads that share its head, head_dim]`, multiplied by `factor`.
fn copy_queries(call: &Call<'_>, item: &Item, factor: f32, to: &mut [f32]) {
    let columns = call.group * call.cache.shape().head_dim;
    let first_row = call.batch.spans[item.span].first_row;
    for (row, to) in item.rows.clone().zip(to.chunks_exact_mut(columns)) {
        let heads = item.head * columns..(item.head + 1) * columns;
        let queries = call.batch.queries.row(first_row + row, heads);
        for (to, query) in to.iter_mut().zip(queries) {
            *to = query * factor;
        }
    }
}
