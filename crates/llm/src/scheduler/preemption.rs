use super::{Scheduler, SequenceId};

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

    /// Preempts a sequence of a lower priority than that of `id`, if room for `blocks` more blocks
    /// can be made in this way at all.
    pub(super) fn preempt_lower(&mut self, id: SequenceId, blocks: usize) -> Option<SequenceId> {
        let priority = self.slots.at(id).priority;
        let lower = self.running.iter().map(|id| self.slots.at(*id));
        let lower = lower.filter(|other| other.priority > priority);
        // Shared blocks do not come free with one of their users: a bound, not the exact number.
        let gain: usize = lower.map(|other| other.block_table.len()).sum();
        if gain == 0 || self.pool.free_blocks() + gain < blocks {
            return None;
        }
        let victim = self.victim()?;
        self.preempt(victim);
        Some(victim)
    }

    /// Blocks that decoding sequences lack for their next token.
    fn growth_blocks(&self) -> usize {
        let running = self.running.iter().map(|id| self.slots.at(*id));
        let decoding = running.filter(|sequence| sequence.is_decoding());
        decoding
            .map(|sequence| {
                let needed = self.pool.blocks_for(sequence.tokens.len());
                needed.saturating_sub(sequence.block_table.len())
            })
            .sum()
    }

    /// Of the lowest priority that runs, the sequence that loses the least; of equal ones the
    /// youngest.
    fn victim(&self) -> Option<SequenceId> {
        let lowest = self.slots.at(*self.running.last()?).priority;
        let youngest_first = self.running.iter().rev().map(|id| self.slots.at(*id));
        let candidates = youngest_first.take_while(|sequence| sequence.priority == lowest);
        candidates.min_by_key(|sequence| sequence.computed).map(|sequence| sequence.id)
    }

    /// Takes all blocks of a running sequence and sends it to the front of the queue.
    fn preempt(&mut self, id: SequenceId) {
        self.stop_running(id);
        let sequence = self.slots.at_mut(id);
        sequence.restart();
        self.waiting_tokens += sequence.tokens.len();
        self.queue.push_returned(sequence.queue_entry());
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
