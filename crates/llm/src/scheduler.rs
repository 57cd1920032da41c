use claims::Claims;
use slots::Slots;

use crate::{BlockHash, BlockPool, BlockPoolStats, FairQueue, QueueEntry, TenantId};
use crate::{Purpose, Sequence, SequenceId, SequenceLimits, SequenceState};

pub use arrival::{AddError, QueueFull, SequenceRequest};
pub use step::{Chunk, Step};

mod admission;
mod arrival;
mod claims;
mod completion;
mod planning;
mod preemption;
mod shares;
mod slots;
mod step;
#[cfg(test)]
mod tests;

/// Decides which tokens of which sequences the next step computes, and in which blocks of the
/// key-value cache. Reads no clock, starts no thread, knows no tensor.
///
/// There are no phases: every sequence has known tokens and computed ones, and a step lets the
/// latter catch up. Sequences that decode come first, one token each; what room is left goes to
/// prompts, in parts if need be, and to drafts. If the blocks run out, the sequence of the lowest
/// priority with the least computed tokens gives its blocks up and computes them again later; a
/// tenant that holds much more than another one gives way to it, too.
///
/// A step is planned by [`Scheduler::schedule`], run by the caller, and reported sequence by
/// sequence to [`Scheduler::complete`]. What is not reported before the next plan counts as not
/// computed.
#[derive(Debug)]
pub struct Scheduler {
    options: SchedulerOptions,
    pool: BlockPool,
    slots: Slots,
    /// Sequences without blocks that were never looked at, and preempted ones.
    queue: FairQueue,
    /// Taken from the queue, but waiting for blocks that others compute, or for room;
    /// ascending in priority, then arrival.
    set_aside: Vec<SequenceId>,
    /// Sequences with blocks; ascending in priority, then arrival.
    running: Vec<SequenceId>,
    /// Full blocks that running sequences are going to compute.
    claims: Claims,
    /// Tokens of all that wait.
    waiting_tokens: usize,
    /// Chunks of the last step that were not reported yet.
    in_flight: usize,
    /// Sequences that are to go once they are reported.
    cancelled: Vec<SequenceId>,
    arrivals: u64,
    preemptions: u64,
}

/// Limits of a [`Scheduler`].
#[derive(Clone, Debug)]
pub struct SchedulerOptions {
    /// Blocks of the key-value cache.
    pub blocks: usize,
    /// Tokens of one block.
    pub block_tokens: usize,
    /// A sequence never grows longer than this.
    pub context_tokens_max: usize,
    /// A step never computes more rows than this; more than `running_max`.
    pub tokens_per_step_max: usize,
    /// Rows of a prompt in a step in which others decode; bounds what a long prompt adds to the
    /// time between their tokens. If many prompts wait, up to four times as many. At least 1.
    pub prefill_tokens_while_decoding_max: usize,
    /// No more sequences than this have blocks.
    pub running_max: usize,
    /// Blocks that stay free when a sequence is let in, so that those that run can grow; at least
    /// one for each of them is kept anyway.
    pub watermark_blocks: usize,
    /// Whether equal prefixes are computed once and kept.
    pub prefix_sharing: bool,
    /// More waiting sequences than this are refused.
    pub waiting_requests_max: usize,
    /// More waiting tokens of prompts than this are refused; a lone prompt may be longer.
    pub waiting_tokens_max: usize,
}

/// State and history of a [`Scheduler`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchedulerStats {
    /// Sequences with blocks.
    pub running: usize,
    /// Sequences without, those that were preempted included.
    pub waiting: usize,
    /// Of those, how many wait for a prefix that another one computes.
    pub held_back: usize,
    /// Tokens of all that wait.
    pub waiting_tokens: usize,
    /// How often a sequence lost its blocks.
    pub preemptions: u64,
    /// The key-value cache.
    pub pool: BlockPoolStats,
}

impl Scheduler {
    /// Returns a scheduler without sequences.
    ///
    /// # Panics
    ///
    /// If the limits leave no room for progress: no block, no token for a prompt in a step of
    /// decoding sequences, no running sequence.
    #[must_use]
    pub fn new(options: SchedulerOptions) -> Self {
        let SchedulerOptions { blocks, block_tokens, running_max, tokens_per_step_max, .. } =
            options;
        assert!(blocks > 0 && running_max > 0, "without blocks or running sequences nothing runs");
        assert!(tokens_per_step_max > running_max, "a step must have room for prompts");
        assert!(options.prefill_tokens_while_decoding_max > 0, "prompts must get on");
        Self {
            options,
            pool: BlockPool::new(blocks, block_tokens),
            slots: Slots::default(),
            queue: FairQueue::new(),
            set_aside: Vec::new(),
            running: Vec::with_capacity(running_max),
            claims: Claims::default(),
            waiting_tokens: 0,
            in_flight: 0,
            cancelled: Vec::new(),
            arrivals: 0,
            preemptions: 0,
        }
    }

    /// Sets how many rows of a prompt join a step in which others decode, from measured times;
    /// 0 counts as 1.
    pub fn set_prefill_tokens_while_decoding_max(&mut self, tokens: usize) {
        self.options.prefill_tokens_while_decoding_max = tokens.max(1);
    }

    /// Gives a tenant `weight` times the share of one that weighs 1.
    pub fn set_tenant_weight(&mut self, tenant: TenantId, weight: u32) {
        self.queue.set_weight(tenant, weight);
    }

    /// Proposes tokens to follow a sequence that decodes; the next step checks as many of them as
    /// there is room for. Without effect on any other sequence.
    pub fn set_draft(&mut self, id: SequenceId, drafts: &[u32]) {
        if let Some(sequence) = self.slots.get_mut(id) {
            let runs = sequence.state() == SequenceState::Running && sequence.in_flight.is_none();
            if runs && sequence.is_decoding() {
                sequence.drafts.clear();
                sequence.drafts.extend_from_slice(drafts);
            }
        }
    }

    /// A sequence that is not finished yet.
    #[must_use]
    pub fn sequence(&self, id: SequenceId) -> Option<&Sequence> {
        self.slots.get(id)
    }

    /// Sequences with blocks, by priority and arrival.
    #[must_use]
    pub fn running(&self) -> &[SequenceId] {
        &self.running
    }

    /// Running sequences whose next step computes their last known token.
    #[must_use]
    pub fn decoding(&self) -> usize {
        self.running.iter().filter(|id| self.slots.at(**id).is_decoding()).count()
    }

    /// Sequences whose prompt is not computed, or not whole.
    #[must_use]
    pub fn prompts(&self) -> usize {
        self.running.len() - self.decoding() + self.waiting()
    }

    /// Whether there is nothing to do, now or later.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting() == 0
    }

    /// The longest sequence that can ever run, in tokens of prompt and output.
    #[must_use]
    pub fn sequence_tokens_max(&self) -> usize {
        let SchedulerOptions { blocks, block_tokens, context_tokens_max, .. } = self.options;
        context_tokens_max.min(blocks * block_tokens)
    }

    /// State and history.
    #[must_use]
    pub fn stats(&self) -> SchedulerStats {
        let held_back = self.set_aside.iter().filter(|id| self.is_held_back(**id)).count();
        SchedulerStats {
            running: self.running.len(),
            waiting: self.waiting(),
            held_back,
            waiting_tokens: self.waiting_tokens,
            preemptions: self.preemptions,
            pool: self.pool.stats(),
        }
    }

    /// Forgets all prefixes; sequences that run keep theirs.
    pub fn reset_prefix_cache(&mut self) {
        self.pool.reset_prefix_cache();
    }

    fn waiting(&self) -> usize {
        self.queue.len() + self.set_aside.len()
    }

    /// Where a sequence stands in a list that ascends in priority, then arrival.
    fn position(&self, list: &[SequenceId], id: SequenceId) -> Result<usize, usize> {
        let rank = |id| {
            let sequence = self.slots.at(id);
            (sequence.priority, sequence.arrival)
        };
        let own = rank(id);
        list.binary_search_by_key(&own, |other| rank(*other))
    }
}
