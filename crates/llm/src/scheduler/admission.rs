use std::collections::VecDeque;

use super::{BlockHash, Scheduler, SequenceId, SequenceState};

/// Prompts that are computed in part at the same time; a short one may join below this number even
/// if the others would fill the step.
const PARTIAL_PROMPTS_MAX: usize = 4;

/// What became of a sequence that was looked at.
enum Outcome {
    Admitted,
    /// Another one computes this block now.
    HeldBack(BlockHash),
    /// Too many run, or it needs so many free blocks.
    NoRoom {
        blocks: usize,
    },
}

impl Scheduler {
    /// Lets waiting sequences in while the step has room for their prompts and the pool for all of
    /// their tokens. May preempt others for them.
    pub(super) fn admit(&mut self, preempted: &mut Vec<SequenceId>) {
        let mut released = self.take_released();
        while let Some(id) = self.next_waiting(&released) {
            if !self.step_has_room(id) {
                break;
            }
            match self.try_admit(id) {
                Outcome::NoRoom { blocks } => match self.preempt_for(id, blocks) {
                    Some(victim) => preempted.push(victim),
                    None => break,
                },
                Outcome::Admitted => self.leave_queue(id, &mut released),
                Outcome::HeldBack(block) if self.set_aside.len() < self.options.running_max => {
                    self.leave_queue(id, &mut released);
                    self.set_aside(id, Some(block));
                }
                Outcome::HeldBack(_) => break,
            }
        }
        released.into_iter().for_each(|id| self.set_aside(id, None));
    }

    /// Whether a sequence that was set aside still waits for another one's block.
    pub(super) fn is_held_back(&self, id: SequenceId) -> bool {
        let sequence = self.slots.at(id);
        sequence.awaited.is_some_and(|block| self.waits_for(id, &block))
    }

    /// Takes those that were set aside and wait no longer.
    fn take_released(&mut self) -> VecDeque<SequenceId> {
        if self.set_aside.is_empty() {
            return VecDeque::new();
        }
        let set_aside = std::mem::take(&mut self.set_aside);
        let (held_back, released): (Vec<_>, Vec<_>) =
            set_aside.into_iter().partition(|id| self.is_held_back(*id));
        self.set_aside = held_back;
        released.into()
    }

    fn set_aside(&mut self, id: SequenceId, awaited: Option<BlockHash>) {
        self.slots.at_mut(id).awaited = awaited;
        let (Ok(position) | Err(position)) = self.position(&self.set_aside, id);
        self.set_aside.insert(position, id);
    }

    /// Released ones before those in the queue, except for higher priorities.
    fn next_waiting(&self, released: &VecDeque<SequenceId>) -> Option<SequenceId> {
        let queued = self.queue.peek();
        match (released.front(), queued) {
            (Some(id), Some(entry)) if entry.priority >= self.slots.at(*id).priority => Some(*id),
            (Some(id), None) => Some(*id),
            (_, entry) => entry.map(|entry| entry.sequence),
        }
    }

    fn leave_queue(&mut self, id: SequenceId, released: &mut VecDeque<SequenceId>) {
        if released.front() == Some(&id) {
            released.pop_front();
        } else {
            let popped = self.queue.pop();
            debug_assert_eq!(popped.map(|entry| entry.sequence), Some(id), "it was the next");
        }
    }

    /// Whether running prompts of its priority or a higher one leave rows to this one, or it is
    /// shorter than one of them and so gets its part.
    fn step_has_room(&self, id: SequenceId) -> bool {
        let next = self.slots.at(id);
        let (mut decoding, mut prompts, mut demand, mut longest) = (0, 0, 0, 0);
        for sequence in self.running.iter().map(|id| self.slots.at(*id)) {
            if sequence.is_decoding() {
                decoding += 1;
            } else if sequence.priority <= next.priority {
                prompts += 1;
                demand += sequence.uncomputed();
                longest = longest.max(sequence.uncomputed());
            }
        }
        let shorter = prompts < PARTIAL_PROMPTS_MAX && next.tokens.len() < longest;
        demand < self.prefill_budget(decoding) || shorter
    }

    fn try_admit(&mut self, id: SequenceId) -> Outcome {
        if self.running.len() >= self.options.running_max {
            return Outcome::NoRoom { blocks: 0 };
        }
        let found = self.find_prefix(id);
        if let Some(block) = self.block_to_await(id, found.len()) {
            return Outcome::HeldBack(block);
        }
        let all = self.pool.blocks_for(self.slots.at(id).tokens.len());
        let free_found = found.iter().filter(|block| self.pool.is_free(**block)).count();
        let blocks = all - found.len() + free_found + self.watermark();
        if blocks > self.pool.free_blocks() {
            return Outcome::NoRoom { blocks };
        }
        self.start_running(id, found, all);
        Outcome::Admitted
    }

    /// Blocks that are to stay free for those that run.
    fn watermark(&self) -> usize {
        let running = self.running.len();
        if running == 0 { 0 } else { self.options.watermark_blocks.max(running) }
    }

    /// Blocks that hold the start of the sequence already. The last token is never among them: it
    /// must run for its logits.
    fn find_prefix(&mut self, id: SequenceId) -> Vec<u32> {
        let sequence = self.slots.at_mut(id);
        if !self.options.prefix_sharing || !sequence.reads_prefix_cache() {
            return Vec::new();
        }
        let block_tokens = self.pool.block_tokens();
        let blocks_max = (sequence.tokens.len() - 1) / block_tokens;
        let hashes = sequence.block_hashes(blocks_max, block_tokens);
        hashes.iter().map_while(|hash| self.pool.find(hash)).collect()
    }

    /// The last block of the sequence, after `found` ones, that the same other sequence is going
    /// to compute as the next one; `None` if nobody computes that.
    fn block_to_await(&self, id: SequenceId, found: usize) -> Option<BlockHash> {
        let sequence = self.slots.at(id);
        if !self.options.prefix_sharing || !sequence.reads_prefix_cache() {
            return None;
        }
        let blocks_max = (sequence.tokens.len() - 1) / self.pool.block_tokens();
        let missing = sequence.hashes.get(found..blocks_max)?;
        let owner = self.claims.owner(missing.first()?)?;
        let shared = missing.iter().take_while(|hash| self.claims.owner(hash) == Some(owner));
        shared.last().copied().filter(|block| self.waits_for(id, block))
    }

    /// Whether somebody at least as important computes the block.
    fn waits_for(&self, id: SequenceId, block: &BlockHash) -> bool {
        let owner = self.claims.owner(block).map(|owner| self.slots.at(owner));
        owner.is_some_and(|owner| owner.priority <= self.slots.at(id).priority)
    }

    fn start_running(&mut self, id: SequenceId, found: Vec<u32>, blocks: usize) {
        let block_tokens = self.pool.block_tokens();
        let sequence = self.slots.at_mut(id);
        let hit_tokens = found.len() * block_tokens;
        // Before anything is allocated: that could take the found ones.
        found.iter().for_each(|block| self.pool.acquire(*block));
        sequence.registered = found.len();
        sequence.computed = hit_tokens;
        sequence.block_table = found;
        while sequence.block_table.len() < blocks {
            sequence.block_table.push(self.pool.allocate().expect("free blocks were counted"));
        }
        sequence.state = SequenceState::Running;
        sequence.awaited = None;
        self.waiting_tokens -= sequence.tokens.len();
        if self.options.prefix_sharing {
            let full = sequence.tokens.len() / block_tokens;
            let hashes = &sequence.block_hashes(full, block_tokens)[hit_tokens / block_tokens..];
            self.claims.claim(hashes, id);
        }
        self.count_hit(id, hit_tokens);
        let (Ok(position) | Err(position)) = self.position(&self.running, id);
        self.running.insert(position, id);
    }

    /// Notes what the prefix cache saved a new sequence; a preempted one finds its own blocks.
    fn count_hit(&mut self, id: SequenceId, hit_tokens: usize) {
        let sequence = self.slots.at_mut(id);
        if sequence.preemptions > 0 || !sequence.reads_prefix_cache() {
            return;
        }
        sequence.cached_tokens = hit_tokens;
        if self.options.prefix_sharing {
            self.pool.count_query(sequence.tokens.len(), hit_tokens);
        }
        self.queue.refund(sequence.priority, sequence.tenant, hit_tokens);
    }
}
