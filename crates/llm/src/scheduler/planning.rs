use smallvec::SmallVec;

use super::{
    Chunk, Scheduler, SequenceId, Step,
    shares::{Demand, divide},
};
use crate::sequence::InFlight;

/// Rows from which on a row gets no cheaper: if several prompts wait, a longer step only keeps the
/// first ones from their first token, and makes all of them go on in step for ever.
const SATURATED_ROWS: usize = 256;

/// If several prompts wait beside decoding sequences, a step may take so many of their tokens for
/// each sequence, decoding or not: else prompts come in slower than answers end, and the more users
/// there are, the longer the queue.
const PREFILL_TOKENS_PER_SEQUENCE: usize = 4;

/// But no more than so many times the limit for a single prompt.
const STRETCH_MAX: usize = 4;

impl Scheduler {
    /// Plans the next step. Empty if there is nothing to compute.
    pub fn schedule(&mut self) -> Step {
        self.settle();
        let mut preempted = self.make_room_for_decoding();
        // Whoever lost its blocks a moment ago would only come back to lose them again.
        if preempted.is_empty() {
            self.admit(&mut preempted);
        }
        let chunks = Vec::with_capacity(self.running.len());
        let mut step = Step { chunks, preempted, ..Step::default() };
        self.plan_decoding(&mut step);
        self.plan_prompts(&mut step);
        self.plan_drafts(&mut step);
        self.depart(&step);
        step
    }

    /// Rows that prompts may have in a step that also computes one token for each of `decoding`
    /// sequences.
    pub(super) fn prefill_budget(&self, decoding: usize) -> usize {
        let limit = self.options.prefill_tokens_while_decoding_max;
        let prompts = self.running.len() - decoding + self.waiting();
        let wanted = match (decoding > 0, prompts > 1) {
            (false, false) => usize::MAX,
            (false, true) => SATURATED_ROWS,
            (true, false) => limit,
            (true, true) => {
                let fair = (decoding + prompts) * PREFILL_TOKENS_PER_SEQUENCE;
                fair.clamp(limit, limit.saturating_mul(STRETCH_MAX))
            }
        };
        wanted.min(self.options.tokens_per_step_max - decoding)
    }

    fn plan_decoding(&mut self, step: &mut Step) {
        for id in &self.running {
            let sequence = self.slots.at_mut(*id);
            if sequence.is_decoding() {
                if sequence.block_table.len() < self.pool.blocks_for(sequence.tokens.len()) {
                    let block = self.pool.allocate().expect("room was made for the decoding ones");
                    sequence.block_table.push(block);
                }
                step.chunks.push(Chunk::of(sequence, 1));
            }
        }
        step.decoding = step.chunks.len();
        step.tokens = step.chunks.len();
    }

    fn plan_prompts(&mut self, step: &mut Step) {
        let mut prompts: SmallVec<[SequenceId; 8]> = SmallVec::new();
        let mut demands: SmallVec<[Demand; 8]> = SmallVec::new();
        for id in &self.running {
            let sequence = self.slots.at(*id);
            if !sequence.is_decoding() {
                prompts.push(*id);
                let tokens = sequence.uncomputed();
                demands.push(Demand { priority: sequence.priority, tokens });
            }
        }
        let shares = divide(self.prefill_budget(step.decoding), &demands);
        for (id, share) in prompts.into_iter().zip(shares) {
            let known = self.whole_blocks(id, share);
            if known > 0 {
                step.chunks.push(Chunk::of(self.slots.at(id), known));
                step.tokens += known;
            }
        }
    }

    /// Cuts a part of a prompt at the end of a block if it reaches one: others can use it then.
    fn whole_blocks(&self, id: SequenceId, tokens: usize) -> usize {
        let sequence = self.slots.at(id);
        let end = sequence.computed + tokens;
        let cut = end - end % self.pool.block_tokens();
        if tokens == sequence.uncomputed() || cut <= sequence.computed {
            tokens
        } else {
            cut - sequence.computed
        }
    }

    /// Adds drafts where a step has room left; they never take a block from another sequence.
    fn plan_drafts(&mut self, step: &mut Step) {
        for chunk in &mut step.chunks[..step.decoding] {
            let sequence = self.slots.at_mut(chunk.sequence);
            let room = self.options.tokens_per_step_max - step.tokens;
            let useful = sequence.output_left().saturating_sub(1);
            let mut drafts = sequence.drafts.len().min(room).min(useful);
            let known = sequence.tokens.len();
            while sequence.block_table.len() < self.pool.blocks_for(known + drafts) {
                let Some(block) = self.pool.allocate() else {
                    let room = sequence.block_table.len() * self.pool.block_tokens();
                    drafts = room - known;
                    break;
                };
                sequence.block_table.push(block);
            }
            chunk.drafts = drafts;
            chunk.tokens += drafts;
            step.tokens += drafts;
        }
    }

    /// Notes what the step computes.
    fn depart(&mut self, step: &Step) {
        self.in_flight = step.chunks.len();
        for chunk in &step.chunks {
            let in_flight = InFlight { known: chunk.known(), drafts: chunk.drafts };
            self.slots.at_mut(chunk.sequence).in_flight = Some(in_flight);
        }
    }

    /// Takes chunks of the last step that nobody reported as not computed.
    fn settle(&mut self) {
        if self.in_flight == 0 {
            return;
        }
        self.in_flight = 0;
        for id in &self.running {
            self.slots.at_mut(*id).in_flight = None;
        }
        while let Some(id) = self.cancelled.pop() {
            self.retire(id);
        }
    }
}
