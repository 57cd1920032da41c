use std::{cmp::Reverse, collections::BTreeMap};

use super::{Scheduler, Sequence, SequenceId, TenantId};

/// What each tenant's running sequences of one priority hold.
type Holdings = BTreeMap<TenantId, Holding>;

#[derive(Clone, Copy, Debug, Default)]
struct Holding {
    sequences: usize,
    /// Blocks divided by the tenant's weight, in parts of a block.
    share: u64,
}

const PARTS_PER_BLOCK: u64 = 1 << 16;

impl Scheduler {
    /// Preempts until every decoding sequence can have the block that it needs next. Returns whom.
    pub(super) fn make_room_for_decoding(&mut self) -> Vec<SequenceId> {
        let mut preempted = Vec::new();
        while self.growth_blocks() > self.pool.free_blocks() {
            let victim = self.victim().expect("growth is that of running sequences");
            self.preempt(victim);
            preempted.push(victim);
        }
        preempted
    }

    /// Preempts a sequence for the waiting one `id`, which needs `blocks` free blocks: one of a
    /// lower priority, or of a tenant that holds far more than that of `id` would. `None` if there
    /// is none, or if even all of them would not make enough room.
    pub(super) fn preempt_for(&mut self, id: SequenceId, blocks: usize) -> Option<SequenceId> {
        let victim = self.lower_victim(id, blocks).or_else(|| self.richer_victim(id, blocks))?;
        self.preempt(victim);
        Some(victim)
    }

    /// Blocks that decoding sequences lack for their next token.
    fn growth_blocks(&self) -> usize {
        let decoding = self.running_sequences().filter(|sequence| sequence.is_decoding());
        decoding
            .map(|sequence| {
                let needed = self.pool.blocks_for(sequence.tokens.len());
                needed.saturating_sub(sequence.block_table.len())
            })
            .sum()
    }

    /// Who gives way to those that run already: of the lowest priority, the sequence that loses
    /// least. Tenants that hold less than half of what the largest one holds are spared, so that a
    /// flood displaces itself.
    fn victim(&self) -> Option<SequenceId> {
        let lowest = self.lowest_priority()?;
        let holdings = self.holdings(lowest);
        let largest = holdings.values().map(|holding| holding.share).max()?;
        self.least_computed(lowest, |tenant| holdings[&tenant].share.saturating_mul(2) > largest)
    }

    fn lower_victim(&self, id: SequenceId, blocks: usize) -> Option<SequenceId> {
        let (lowest, priority) = (self.lowest_priority()?, self.slots.at(id).priority);
        let lower = self.running_sequences().filter(|other| other.priority > priority);
        // Shared blocks do not come free with one of their users: a bound, not the exact number.
        let gain: usize = lower.map(|other| other.block_table.len()).sum();
        if lowest <= priority || self.pool.free_blocks() + gain < blocks {
            return None;
        }
        self.least_computed(lowest, |_| true)
    }

    /// Only of tenants that were served more than that of `id`, and hold more than twice of what it
    /// would hold then: else the two could displace each other in turns. The last sequence of a
    /// tenant is spared.
    fn richer_victim(&self, id: SequenceId, blocks: usize) -> Option<SequenceId> {
        let Sequence { priority, tenant, ref tokens, .. } = *self.slots.at(id);
        if self.lowest_priority()? != priority {
            return None;
        }
        let holdings = self.holdings(priority);
        let own = holdings.get(&tenant).copied().unwrap_or_default();
        let then = own.share + self.share(tenant, self.pool.blocks_for(tokens.len()));
        let richer = |other: TenantId| {
            let Holding { sequences, share } = holdings[&other];
            let holds_more = sequences > 1 && share > then.saturating_mul(2);
            holds_more && self.queue.is_behind(priority, tenant, other)
        };
        let class = self.running_sequences().filter(|other| other.priority == priority);
        let theirs = class.filter(|other| richer(other.tenant));
        let gain: usize = theirs.map(|other| other.block_table.len()).sum();
        if gain == 0 || self.pool.free_blocks() + gain < blocks {
            return None;
        }
        self.least_computed(priority, richer)
    }

    /// The sequence of a priority whose tenant may be taken from and that has computed least; of
    /// equal ones the youngest.
    fn least_computed(
        &self,
        priority: i32,
        may_lose: impl Fn(TenantId) -> bool,
    ) -> Option<SequenceId> {
        let candidates = self.running_sequences().filter(|sequence| sequence.priority == priority);
        candidates
            .filter(|sequence| may_lose(sequence.tenant))
            .min_by_key(|sequence| (sequence.computed, Reverse(sequence.arrival)))
            .map(|sequence| sequence.id)
    }

    fn holdings(&self, priority: i32) -> Holdings {
        let mut holdings = Holdings::new();
        for sequence in self.running_sequences().filter(|other| other.priority == priority) {
            let holding = holdings.entry(sequence.tenant).or_default();
            holding.sequences += 1;
            holding.share += self.share(sequence.tenant, sequence.block_table.len());
        }
        holdings
    }

    fn share(&self, tenant: TenantId, blocks: usize) -> u64 {
        blocks as u64 * PARTS_PER_BLOCK / u64::from(self.queue.weight(tenant))
    }

    fn lowest_priority(&self) -> Option<i32> {
        self.running.last().map(|id| self.slots.at(*id).priority)
    }

    fn running_sequences(&self) -> impl Iterator<Item = &Sequence> {
        self.running.iter().map(|id| self.slots.at(*id))
    }

    /// Takes all blocks of a running sequence and sends it back to the queue.
    fn preempt(&mut self, id: SequenceId) {
        self.stop_running(id);
        let sequence = self.slots.at_mut(id);
        sequence.restart();
        self.waiting_tokens += sequence.tokens.len();
        self.queue.push(sequence.queue_entry());
        self.preemptions += 1;
    }

    /// Takes blocks, claims and the place among the running ones from a sequence.
    pub(super) fn stop_running(&mut self, id: SequenceId) {
        if let Ok(position) = self.position(&self.running, id) {
            self.running.remove(position);
        }
        let sequence = self.slots.at_mut(id);
        self.pool.release_table(&mut sequence.block_table);
        let unregistered = sequence.hashes.get(sequence.registered..).unwrap_or_default();
        self.claims.release(unregistered, id);
    }
}
