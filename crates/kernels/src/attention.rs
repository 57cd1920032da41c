//! Causal attention of many sequences at once over keys and values in blocks.
//!
//! One pass over the blocks with a running maximum (online softmax: Milakov and Gimelshein, 2018),
//! tokens in segments whose results are merged in order. What a row of the output holds depends on
//! its query, its position, the number of tokens that it sees and the cache alone, bit for bit:
//! neither on the rows beside it nor on the number of threads.

mod check;
mod plan;
mod product;
mod softmax;
mod state;
mod tile;
mod work;

use std::sync::{Mutex, PoisonError};

pub(crate) use check::sound_isa;
use plan::Plan;
use tile::Buffers;
use work::Output;

use crate::{
    kv::{BLOCK_TOKENS, Bf16, F16, F32, Int8, KvCache, KvFormat},
    rows::Rows,
    simd::Isa,
    threads::{Portions, Threads},
};

/// Tokens whose part of the result is computed by one thread before it is merged with the others'.
const SEGMENT_TOKENS: usize = 16 * BLOCK_TOKENS;

/// Queries of one layer and how to attend.
#[derive(Clone, Copy, Debug)]
pub struct AttentionBatch<'a> {
    /// A row `[heads, head_dim]` for each token that is new.
    pub queries: Rows<'a>,
    /// Heads of queries: a multiple of the cache's heads, in groups that share one of those.
    pub heads: usize,
    /// What a product of a query and a key is multiplied by.
    pub scale: f32,
    /// Scores `s` become `cap * tanh(s / cap)`.
    pub softcap: Option<f32>,
    /// In the order of their rows.
    pub spans: &'a [AttentionSpan<'a>],
}

/// New tokens of one sequence.
#[derive(Clone, Copy, Debug)]
pub struct AttentionSpan<'a> {
    /// Row of the first of them in the queries and the output.
    pub first_row: usize,
    /// How many there are.
    pub rows: usize,
    /// Tokens of the sequence in the cache, those of these rows, which come last, among them: the
    /// last row sees all, each row before it one fewer.
    pub context: usize,
    /// Blocks of the sequence, in order. Those that lie wholly before every row's window are not
    /// looked at.
    pub blocks: &'a [u32],
    /// Tokens that a row sees at most, the row's own among them.
    pub window: Option<usize>,
}

/// Memory that is kept from one call of [`attend`] to the next.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    plan: Plan,
    /// Results of segments that different threads compute.
    partials: Vec<f32>,
    /// One for each thread.
    buffers: Vec<Mutex<Buffers>>,
}

/// Attends in layer `layer` and writes a row `[heads, head_dim]` for each row of the spans to `out`.
///
/// # Panics
///
/// If the shapes do not fit each other: rows that are not there or in two spans, spans out of order,
/// fewer blocks than the context needs, a context shorter than the span, a window or group of 0.
pub fn attend(
    cache: &KvCache,
    layer: usize,
    batch: &AttentionBatch<'_>,
    out: &mut [f32],
    scratch: &mut AttentionScratch,
    threads: &Threads,
) {
    let call = Call { cache, layer, batch, group: batch.heads / cache.shape().kv_heads };
    call.check(out.len());
    call.run(sound_isa(), out, scratch, threads);
}

/// What all parts of the work are about.
#[derive(Clone, Copy, Debug)]
struct Call<'a> {
    cache: &'a KvCache,
    layer: usize,
    batch: &'a AttentionBatch<'a>,
    /// Query heads that share a head of the cache.
    group: usize,
}

impl Call<'_> {
    fn check(&self, out_len: usize) {
        let (shape, heads) = (self.cache.shape(), self.batch.heads);
        assert!(
            heads > 0 && heads.is_multiple_of(shape.kv_heads),
            "{heads} heads cannot share {}",
            shape.kv_heads
        );
        let mut next_row = 0;
        for span in self.batch.spans {
            assert!(span.first_row >= next_row, "row {} is in two spans", span.first_row);
            assert!(span.context >= span.rows, "{} rows of {}", span.rows, span.context);
            assert!(span.window != Some(0), "a token sees itself");
            let blocks = span.context.div_ceil(BLOCK_TOKENS);
            assert!(span.blocks.len() >= blocks, "{} blocks of {blocks}", span.blocks.len());
            next_row = span.first_row + span.rows;
        }
        let needed = next_row * heads * shape.head_dim;
        assert!(out_len >= needed, "{next_row} rows of output need {needed} floats, not {out_len}");
    }

    fn run(&self, isa: Isa, out: &mut [f32], scratch: &mut AttentionScratch, threads: &Threads) {
        let AttentionScratch { plan, partials, buffers } = scratch;
        plan.make(self, threads.count());
        partials.resize(plan.partials_len().max(partials.len()), 0.0);
        buffers.resize_with(threads.count().max(buffers.len()), Mutex::default);
        let output = Output::new(plan, out, partials);
        let items = Portions::among(plan.items().len(), 1, threads.count());
        let (plan, buffers) = (&*plan, &*buffers);
        threads.run(&|thread| {
            // What a panic has left in it is overwritten before it is read.
            let buffers = &mut *buffers[thread].lock().unwrap_or_else(PoisonError::into_inner);
            while let Some(portion) = items.next() {
                let portion = &plan.items()[portion];
                for (index, item) in portion.iter().enumerate() {
                    let next = portion.get(index + 1).unwrap_or(item);
                    self.run_item(isa, [item, next], &output, buffers);
                }
            }
        });
    }

    /// Computes the first item; the second comes after it.
    fn run_item(
        &self,
        isa: Isa,
        items: [&plan::Item; 2],
        output: &Output<'_>,
        buffers: &mut Buffers,
    ) {
        match self.cache.format() {
            KvFormat::F32 => isa.run(work::ItemWork::<F32>::new(self, items, output, buffers)),
            KvFormat::F16 => isa.run(work::ItemWork::<F16>::new(self, items, output, buffers)),
            KvFormat::Bf16 => isa.run(work::ItemWork::<Bf16>::new(self, items, output, buffers)),
            KvFormat::Int8 => isa.run(work::ItemWork::<Int8>::new(self, items, output, buffers)),
        }
    }
}

#[cfg(test)]
mod tests;
