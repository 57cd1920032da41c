use super::{Scheduler, Sequence, SequenceId, SequenceState};

impl Scheduler {
    /// Reports that a sequence's chunk was computed. `sampled` holds the drafts that were accepted
    /// and the token that follows them; nothing if the chunk samples none. With `finished`, or at
    /// its limit of tokens, the sequence is handed back and its blocks are free.
    ///
    /// Without effect if the sequence was cancelled or has no chunk in the step.
    ///
    /// # Panics
    ///
    /// If `sampled` is more than the chunk allows or does not start with its drafts.
    pub fn complete(
        &mut self,
        id: SequenceId,
        sampled: &[u32],
        finished: bool,
    ) -> Option<Sequence> {
        let sequence = self.slots.get_mut(id)?;
        let done = sequence.in_flight.take()?;
        self.in_flight -= 1;
        if sequence.cancelled {
            self.cancelled.retain(|other| *other != id);
            self.retire(id);
            return None;
        }
        let reaches_end = done.known == sequence.uncomputed();
        sequence.advance(done, sampled);
        let ended = finished || (reaches_end && sequence.output_left() == 0);
        self.queue.charge(sequence.priority, sequence.tenant, sampled.len());
        self.register_full_blocks(id);
        ended.then(|| self.retire(id)).flatten()
    }

    /// Ends a sequence that nobody wants any more; false if there is none of this name. Its blocks
    /// are free at once, or, if the step under way writes them, with its end.
    pub fn cancel(&mut self, id: SequenceId) -> bool {
        let Some(sequence) = self.slots.get_mut(id) else { return false };
        if sequence.in_flight.is_some() {
            if !sequence.cancelled {
                sequence.cancelled = true;
                self.cancelled.push(id);
            }
        } else {
            self.retire(id);
        }
        true
    }

    /// Takes a sequence out of everything.
    pub(super) fn retire(&mut self, id: SequenceId) -> Option<Sequence> {
        match self.slots.get(id)?.state {
            SequenceState::Running => self.stop_running(id),
            SequenceState::Waiting => self.stop_waiting(id),
            SequenceState::Finished => {}
        }
        let mut sequence = self.slots.remove(id)?;
        sequence.state = SequenceState::Finished;
        Some(*sequence)
    }

    fn stop_waiting(&mut self, id: SequenceId) {
        let sequence = self.slots.at(id);
        self.waiting_tokens -= sequence.tokens.len();
        let (priority, tenant) = (sequence.priority, sequence.tenant);
        if let Ok(position) = self.position(&self.set_aside, id) {
            self.set_aside.remove(position);
        } else {
            self.queue.remove(id, priority, tenant);
        }
    }

    /// Tells the pool the content of blocks that are full now, and uses equal ones that it has.
    fn register_full_blocks(&mut self, id: SequenceId) {
        if !self.options.prefix_sharing {
            return;
        }
        let block_tokens = self.pool.block_tokens();
        let sequence = self.slots.at_mut(id);
        let (first, full) = (sequence.registered, sequence.computed / block_tokens);
        if first >= full {
            return;
        }
        sequence.registered = full;
        sequence.block_hashes(full, block_tokens);
        let new = &sequence.hashes[first..full];
        for (block, hash) in sequence.block_table[first..full].iter_mut().zip(new) {
            *block = self.pool.register(*block, *hash);
        }
        self.claims.release(new, id);
    }
}
