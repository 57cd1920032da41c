//! Some rows against some blocks.

use std::ops::Range;

use super::{
    AttentionSpan, Call,
    plan::Item,
    product::{Right, Scores, Sums},
    softmax::{Scoring, weigh},
    state::State,
};
use crate::{
    attention::SEGMENT_TOKENS,
    kv::{BLOCK_TOKENS, Element, F32, HeadBlock},
    simd::{GROUP, Kernel, Simd},
};

const SEGMENT_BLOCKS: usize = SEGMENT_TOKENS / BLOCK_TOKENS;

/// Blocks that are multiplied with the keys before any is with the values: few enough for their
/// scores to stay near, many enough to make up for what is done once.
const STEP_BLOCKS: usize = 4;
const STEP_TOKENS: usize = STEP_BLOCKS * BLOCK_TOKENS;

/// Rows from which it is quicker to convert a block once than with every few rows.
const CONVERTED_ROWS_MIN: usize = 9;

/// Memory of one thread.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// `[rows, head_dim]`, multiplied by what makes their products scores.
    queries: Vec<f32>,
    /// `[rows, STEP_TOKENS]`: products, scores, weights.
    scores: Vec<f32>,
    /// `[rows, GROUP]`: sums of weights in the segment.
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
    /// What is computed after it.
    next: &'a Item,
    scoring: Scoring,
    queries: &'a [f32],
    scores: &'a mut [f32],
    lanes: &'a mut [f32],
    block: &'a mut [f32],
    state: State<'a>,
}

impl<'a> Tile<'a> {
    #[inline(always)]
    pub(super) fn new(
        call: &'a Call<'a>,
        [item, next]: [&'a Item; 2],
        buffers: &'a mut Buffers,
    ) -> Self {
        let (head_dim, stride) = (call.cache.shape().head_dim, call.cache.value_stride());
        let rows = item.rows.len() * call.group;
        let scoring = Scoring::new(call.batch.scale, call.batch.softcap);
        let queries = first(&mut buffers.queries, rows * head_dim);
        copy_queries(call, item, scoring.query_factor, queries);
        Self {
            call,
            item,
            next,
            scoring,
            queries,
            scores: first(&mut buffers.scores, rows * STEP_TOKENS),
            lanes: first(&mut buffers.lanes, rows * GROUP),
            block: first(&mut buffers.block, stride * BLOCK_TOKENS),
            state: State::new(first(&mut buffers.segment, rows * (2 + stride)), stride),
        }
    }

    /// What the rows make of the tokens of segment `segment`.
    #[inline(always)]
    pub(super) fn segment<S: Simd, E: Element>(&mut self, simd: S, segment: usize) -> &State<'a> {
        self.state.clear();
        self.lanes.fill(0.0);
        let tokens = self.span().tokens(&self.item.rows);
        let first = (segment * SEGMENT_BLOCKS).max(tokens.start / BLOCK_TOKENS);
        let end = ((segment + 1) * SEGMENT_BLOCKS).min(tokens.end.div_ceil(BLOCK_TOKENS));
        let mut index = first;
        while index < end {
            // Where a step begins depends on the place of the block alone.
            let next = ((index / STEP_BLOCKS + 1) * STEP_BLOCKS).min(end);
            self.step::<S, E>(simd, index..next);
            index = next;
        }
        self.state.close(simd, self.lanes);
        &self.state
    }

    /// Blocks of one step.
    #[inline(always)]
    fn step<S: Simd, E: Element>(&mut self, simd: S, indices: Range<usize>) {
        let mut blocks = [self.block_at::<E>(indices.end); STEP_BLOCKS + 1];
        let count = indices.len();
        for (block, index) in blocks.iter_mut().zip(indices.clone()) {
            *block = self.head_block::<E>(self.item, index);
        }
        let start = indices.start * BLOCK_TOKENS;
        if self.item.rows.len() * self.call.group < CONVERTED_ROWS_MIN {
            self.few_rows::<S, E>(simd, &blocks[..=count], start);
        } else {
            self.many_rows::<S, E>(simd, &blocks[..count], start);
        }
    }

    /// All rows with all blocks but the last, which comes next; what a row does not see weighs
    /// nothing. While one block is read, the one that is read after it is asked for.
    #[inline(always)]
    fn few_rows<S: Simd, E: Element>(
        &mut self,
        simd: S,
        blocks: &[HeadBlock<'a, E::Bits>],
        start: usize,
    ) {
        let (head_dim, width) = (self.call.cache.shape().head_dim, self.state.stride);
        let count = blocks.len() - 1;
        let rows = self.rows_that_see(start..start + count * BLOCK_TOKENS);
        if rows.is_empty() {
            return;
        }
        let seen = self.seen_from(rows.end - 1, start).end.min(count * BLOCK_TOKENS);
        let last_tokens = seen - (count - 1) * BLOCK_TOKENS;
        let first = (rows.start - self.item.rows.start) * self.call.group;
        let mut sides = [Right::<E>::kept(blocks[count - 1].keys, blocks[0].values); STEP_BLOCKS];
        for index in 0..count - 1 {
            sides[index] = Right::kept(blocks[index].keys, blocks[index + 1].keys);
        }
        simd.enter(Scores {
            rows: rows.len() * self.call.group,
            queries: &self.queries[first * head_dim..],
            head_dim,
            keys: &sides[..count],
            last_tokens,
            scores: &mut self.scores[first * STEP_TOKENS..],
            stride: STEP_TOKENS,
        });
        self.weigh::<S, E>(simd, &blocks[..count], rows.clone(), start, 0);
        for index in 0..count - 1 {
            sides[index] = Right::kept(blocks[index].values, blocks[index + 1].values);
        }
        sides[count - 1] = Right::kept(blocks[count - 1].values, blocks[count].keys);
        simd.enter(Sums {
            rows: rows.len() * self.call.group,
            weights: &self.scores[first * STEP_TOKENS..],
            stride: STEP_TOKENS,
            values: &sides[..count],
            last_tokens,
            width,
            sums: &mut self.state.values[first * width..],
        });
    }

    /// One block after the other, converted, with the rows that see it.
    #[inline(always)]
    fn many_rows<S: Simd, E: Element>(
        &mut self,
        simd: S,
        blocks: &[HeadBlock<'a, E::Bits>],
        start: usize,
    ) {
        let converted = std::mem::take(&mut self.block);
        for (index, block) in blocks.iter().enumerate() {
            if E::PLAIN {
                let keys = Right::<E>::kept(block.keys, block.values);
                self.multiply_keys(simd, keys, start, index);
            } else {
                let keys = Right::<F32>::converted::<S, E>(simd, block.keys, converted);
                self.multiply_keys(simd, keys, start, index);
            }
        }
        for row in self.item.rows.clone() {
            let seen = self.seen_from(row, start);
            let first = seen.start / BLOCK_TOKENS;
            let end = seen.end.div_ceil(BLOCK_TOKENS).min(blocks.len());
            if first < end {
                let column = first * BLOCK_TOKENS;
                let (blocks, start) = (&blocks[first..end], start + column);
                self.weigh::<S, E>(simd, blocks, row..row + 1, start, column);
            }
        }
        for (index, block) in blocks.iter().enumerate() {
            if E::PLAIN {
                let values = Right::<E>::kept(block.values, block.values);
                self.multiply_values(simd, values, start, index);
            } else {
                let values = Right::<F32>::converted::<S, E>(simd, block.values, converted);
                self.multiply_values(simd, values, start, index);
            }
        }
        self.block = converted;
    }

    /// Block `index` of the item, or what is read first after its last one.
    #[inline(always)]
    fn block_at<E: Element>(&self, index: usize) -> HeadBlock<'a, E::Bits> {
        if self.blocks(self.item).contains(&index) {
            return self.head_block::<E>(self.item, index);
        }
        self.head_block::<E>(self.next, self.blocks(self.next).start)
    }

    /// Blocks that an item reads.
    #[inline(always)]
    fn blocks(&self, item: &Item) -> Range<usize> {
        let tokens = self.call.batch.spans[item.span].tokens(&item.rows);
        let first = (item.segments.start * SEGMENT_BLOCKS).max(tokens.start / BLOCK_TOKENS);
        let end = (item.segments.end * SEGMENT_BLOCKS).min(tokens.end.div_ceil(BLOCK_TOKENS));
        first..end
    }

    #[inline(always)]
    fn head_block<E: Element>(&self, item: &Item, index: usize) -> HeadBlock<'a, E::Bits> {
        let block = self.call.batch.spans[item.span].blocks[index];
        self.call.cache.head_block::<E>(self.call.layer, block, item.head)
    }

    #[inline(always)]
    fn span(&self) -> &'a AttentionSpan<'a> {
        &self.call.batch.spans[self.item.span]
    }

    /// Products of queries with the keys of block `index` of the step that begins with token `start`.
    #[inline(always)]
    fn multiply_keys<S: Simd, E: Element>(
        &mut self,
        simd: S,
        keys: Right<'_, E>,
        start: usize,
        index: usize,
    ) {
        let head_dim = self.call.cache.shape().head_dim;
        self.for_chunks::<S>(start + index * BLOCK_TOKENS, |tile, rows, seen| {
            simd.enter(Scores {
                rows: rows.len(),
                queries: &tile.queries[rows.start * head_dim..],
                head_dim,
                keys: &[keys],
                last_tokens: seen,
                scores: &mut tile.scores[rows.start * STEP_TOKENS + index * BLOCK_TOKENS..],
                stride: STEP_TOKENS,
            });
        });
    }

    /// Adds the values of block `index` of the step that begins with token `start`.
    #[inline(always)]
    fn multiply_values<S: Simd, E: Element>(
        &mut self,
        simd: S,
        values: Right<'_, E>,
        start: usize,
        index: usize,
    ) {
        let width = self.state.stride;
        self.for_chunks::<S>(start + index * BLOCK_TOKENS, |tile, rows, seen| {
            simd.enter(Sums {
                rows: rows.len(),
                weights: &tile.scores[rows.start * STEP_TOKENS + index * BLOCK_TOKENS..],
                stride: STEP_TOKENS,
                values: &[values],
                last_tokens: seen,
                width,
                sums: &mut tile.state.values[rows.start * width..],
            });
        });
    }

    /// Turns the scores of `rows` of the span in `blocks`, which begin with token `start` and whose
    /// scores begin with column `column`, into weights.
    #[inline(always)]
    fn weigh<S: Simd, E: Element>(
        &mut self,
        simd: S,
        blocks: &[HeadBlock<'_, E::Bits>],
        rows: Range<usize>,
        start: usize,
        column: usize,
    ) {
        let tokens = blocks.len() * BLOCK_TOKENS;
        for row in rows {
            let seen = self.seen_from(row, start);
            let first = (row - self.item.rows.start) * self.call.group;
            for row in first..first + self.call.group {
                let at = row * STEP_TOKENS + column;
                let scores = &mut self.scores[at..at + tokens];
                let mut running = self.state.running(row, self.lanes);
                let seen = seen.clone();
                let factor = weigh::<S, E>(simd, scores, seen, self.scoring, blocks, &mut running);
                if let Some(factor) = factor {
                    self.state.scale(simd, row, factor);
                }
            }
        }
    }

    /// Tokens from `start` on that row `row` of the span sees, counted from there.
    fn seen_from(&self, row: usize, start: usize) -> Range<usize> {
        let seen = self.span().seen(row);
        seen.start.saturating_sub(start)..seen.end.saturating_sub(start)
    }

    /// Rows of the item, numbered as in the span, that see any of `tokens`.
    fn rows_that_see(&self, tokens: Range<usize>) -> Range<usize> {
        let (span, rows) = (self.span(), &self.item.rows);
        // Row 0 sees the tokens before this one.
        let end = span.context - span.rows + 1;
        let first = (tokens.start + 1).saturating_sub(end);
        let last = span
            .window
            .map_or(rows.end, |window| tokens.end.saturating_add(window).saturating_sub(end));
        first.max(rows.start)..last.min(rows.end)
    }

    /// Calls `each` with rows of the tile that see the block that begins with token `start`, and how
    /// many of its tokens the last of them sees: all rows at once if the first one sees the block's
    /// end, else as many as one product of registers takes.
    #[inline(always)]
    fn for_chunks<S: Simd>(
        &mut self,
        start: usize,
        mut each: impl FnMut(&mut Self, Range<usize>, usize),
    ) {
        let rows = self.rows_that_see(start..start + BLOCK_TOKENS);
        if rows.is_empty() {
            return;
        }
        let all = self.seen_from(rows.start, start).end >= BLOCK_TOKENS;
        let step = if all { rows.len() } else { (S::SUMS.0 / self.call.group).max(1) };
        let (first, group) = (self.item.rows.start, self.call.group);
        for row in rows.clone().step_by(step) {
            let end = rows.end.min(row + step);
            let seen = self.seen_from(end - 1, start).end.min(BLOCK_TOKENS);
            each(self, (row - first) * group..(end - first) * group, seen);
        }
    }
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
    fn converted<S: Simd, E: Element>(simd: S, numbers: &[E::Bits], into: &'a mut [f32]) -> Self {
        let into = &mut into[..numbers.len()];
        simd.enter(Convert::<E> { numbers, into });
        Self { numbers: into, next: into.as_ptr() }
    }
}

/// Numbers of the cache as floats.
struct Convert<'a, E: Element> {
    numbers: &'a [E::Bits],
    into: &'a mut [f32],
}

impl<E: Element> Kernel for Convert<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        assert!(self.into.len() <= self.numbers.len() && self.into.len().is_multiple_of(GROUP));
        let numbers = self.numbers.as_chunks().0;
        for (into, numbers) in self.into.as_chunks_mut().0.iter_mut().zip(numbers) {
            let floats = simd.group(|index| E::load_vector(simd, numbers, index));
            simd.store(floats, into);
        }
    }
}

/// `[rows of the item, heads that share its head, head_dim]`, multiplied by `factor`.
#[inline(always)]
fn copy_queries(call: &Call<'_>, item: &Item, factor: f32, to: &mut [f32]) {
    let columns = call.group * call.cache.shape().head_dim;
    let first_row = call.batch.spans[item.span].first_row;
    let heads = item.head * columns..(item.head + 1) * columns;
    for (row, to) in item.rows.clone().zip(to.chunks_exact_mut(columns)) {
        let queries = call.batch.queries.row(first_row + row, heads.clone());
        for (to, query) in to.iter_mut().zip(queries) {
            *to = query * factor;
        }
    }
}
