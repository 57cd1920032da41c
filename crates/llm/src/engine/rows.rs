//! The rows of a step, as the decoder takes them.

use kernels::{AttentionSpan, BLOCK_TOKENS, KvSlot};

use crate::{Chunk, Purpose, Scheduler, Step, decoder::Batch};

/// Buffers of one step, kept for the next.
#[derive(Debug, Default)]
pub(super) struct Rows {
    tokens: Vec<u32>,
    positions: Vec<u32>,
    slots: Vec<KvSlot>,
    wanted: Vec<u32>,
    /// Wanted rows of which tokens are made.
    pub(super) logit_rows: Vec<WantedRow>,
    /// Wanted rows of which vectors are made.
    pub(super) embedded_rows: Vec<WantedRow>,
    /// Of the rows whose logits are computed now: which of the wanted ones they are.
    pub(super) picked: Vec<usize>,
}

/// A row whose result is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct WantedRow {
    /// Which of the step's chunks it belongs to.
    pub(super) chunk: usize,
    /// Which row of the chunk it is.
    pub(super) row: usize,
    /// Which of all wanted rows it is.
    pub(super) wanted: usize,
}

impl Rows {
    /// Takes in the rows of a step.
    pub(super) fn gather(&mut self, step: &Step, scheduler: &Scheduler) {
        self.tokens.clear();
        self.positions.clear();
        self.slots.clear();
        self.wanted.clear();
        self.logit_rows.clear();
        self.embedded_rows.clear();
        for (index, chunk) in step.chunks.iter().enumerate() {
            self.add(index, chunk, scheduler);
        }
    }

    fn add(&mut self, index: usize, chunk: &Chunk, scheduler: &Scheduler) {
        let sequence = scheduler.sequence(chunk.sequence).expect("what is scheduled exists");
        let first_row = self.tokens.len();
        self.tokens.extend(chunk.input(sequence));
        let table = sequence.block_table();
        for position in chunk.first_position..chunk.first_position + chunk.tokens {
            self.positions.push(narrow(position));
            let offset = narrow(position % BLOCK_TOKENS);
            self.slots.push(KvSlot { block: table[position / BLOCK_TOKENS], offset });
        }
        let embeds = sequence.purpose() == Purpose::Embed;
        let wanted = if embeds { &mut self.embedded_rows } else { &mut self.logit_rows };
        for row in chunk.output_rows() {
            wanted.push(WantedRow { chunk: index, row, wanted: self.wanted.len() });
            self.wanted.push(narrow(first_row + row));
        }
    }

    /// What the rows of each chunk look back on.
    pub(super) fn spans<'a>(
        &self,
        step: &Step,
        scheduler: &'a Scheduler,
        window: Option<usize>,
    ) -> Vec<AttentionSpan<'a>> {
        let mut first_row = 0;
        let span = |chunk: &Chunk| {
            let sequence = scheduler.sequence(chunk.sequence).expect("what is scheduled exists");
            let span = AttentionSpan {
                first_row,
                rows: chunk.tokens,
                context: chunk.first_position + chunk.tokens,
                blocks: sequence.block_table(),
                window,
            };
            first_row += chunk.tokens;
            span
        };
        step.chunks.iter().map(span).collect()
    }

    /// All of it, with the spans for layers that look back on everything and for those that do not.
    pub(super) fn batch<'a>(&'a self, spans: &'a [Vec<AttentionSpan<'a>>; 2]) -> Batch<'a> {
        Batch {
            tokens: &self.tokens,
            positions: &self.positions,
            slots: &self.slots,
            spans: &spans[0],
            local_spans: &spans[1],
            wanted: &self.wanted,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "contexts and steps have far fewer tokens")]
fn narrow(number: usize) -> u32 {
    number as u32
}
