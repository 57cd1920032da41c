//! Runs on the threads that bring requests: who may, when, and together with whom.

use parking_lot::MutexGuard;

use super::{Core, Shared};
use crate::{Clock, Timestamp};

/// Batches that a front-end thread runs for others before it hands over to a worker.
const BATCHES_LED_MAX: usize = 4;

/// Inputs up to this size are never the reason for a long run of a model whose runs are short.
const INLINE_BYTES: usize = 1024;

/// A larger request of a model whose runs are short runs alone: laying it together with others costs
/// a copy, which is more than they save.
const JOINED_BYTES_MAX: usize = 64 << 10;

impl Shared {
    /// Sees to it that somebody runs the request that has just been queued; `true` if its own asker
    /// is to do so a moment later.
    pub(super) fn find_runner<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        bytes: usize,
        now: Timestamp,
    ) -> bool {
        let idle = core.instances.idle_count();
        if idle == 0 {
            return false;
        }
        if !self.may_run_inline(&core, bytes) {
            self.wake.notify_one();
        } else if bytes <= JOINED_BYTES_MAX
            && (core.leaders > 0 || self.may_have_company(&mut core))
        {
            let leads = core.leaders < idle;
            core.leaders += usize::from(leads);
            return leads;
        } else if let Some(_permit) = self.options.inline.acquire() {
            self.lead(core, now);
        } else {
            self.wake.notify_one();
        }
        false
    }

    /// Whether a request of this size may run on its asker's thread: the model's runs are short and
    /// steady, and it is known for this size.
    fn may_run_inline(&self, core: &Core, bytes: usize) -> bool {
        let known = bytes <= core.quick_bytes_max.max(INLINE_BYTES).saturating_mul(2);
        known
            && self.steady
            && !core.inline_banned
            && core.compute_recent <= self.options.inline_compute_max
    }

    fn may_have_company(&self, core: &mut Core) -> bool {
        core.batcher.gather_rows_max() > 1 && core.company.is_worth_waiting_for()
    }

    /// Runs waiting batches on the calling thread, a few at most.
    pub(super) fn lead<'a>(&'a self, mut core: MutexGuard<'a, Core>, mut now: Timestamp) {
        for _ in 0..BATCHES_LED_MAX {
            let Some(run) = self.take_run(&mut core, now, false) else { break };
            drop(core);
            self.run(run);
            core = self.core.lock();
            if core.batcher.is_empty() {
                return;
            }
            now = Clock::now();
        }
        if !core.batcher.is_empty() && !core.timer_armed && core.instances.any_idle() {
            self.wake.notify_one();
        }
    }
}
