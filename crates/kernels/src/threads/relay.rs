//! How a task gets to the workers and their ends get back: atomics while everybody is awake, the
//! system's parking when a worker has waited too long.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: workers borrow a task of the caller, who does not return before they are done"
)]

use std::{
    cell::UnsafeCell,
    fmt, mem,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use super::Payload;
use crate::clock::now;

type Task<'a> = &'a (dyn Fn(usize) + Sync);

/// Looks at a variable between two looks at the clock, or between two offers of the CPU.
const SPINS: usize = 64;
/// After so many, the caller that waits for workers lets other threads have its CPU: there may be
/// more threads than CPUs, and the worker be one of those that wait.
const CALLER_SPINS: usize = 20_000;

/// Between one caller at a time and its workers.
pub(super) struct Relay {
    /// Counts tasks; a worker that sees it change has a task, or is to stop.
    epoch: Line<AtomicUsize>,
    /// Workers that have not yet finished the task.
    working: Line<AtomicUsize>,
    task: UnsafeCell<Option<Task<'static>>>,
    stopping: AtomicBool,
    sleepers: Vec<Line<Sleeper>>,
    /// What the first call that panicked did so with.
    payload: Mutex<Option<Payload>>,
    has_payload: AtomicBool,
    spin: Duration,
}

/// In a cache line of its own, so that who writes it does not slow down who reads its neighbour.
/// Two lines, since they are fetched in pairs.
#[repr(align(128))]
#[derive(Debug, Default)]
struct Line<T>(T);

#[derive(Debug, Default)]
struct Sleeper {
    asleep: AtomicBool,
    seen: AtomicUsize,
    thread: OnceLock<Thread>,
}

// SAFETY: `task` is written by the one caller that `Threads::turn` lets in, while no worker reads:
// before `epoch` announces it, and after `working` has come to zero. What it points at is `Sync`.
unsafe impl Sync for Relay {}

impl Relay {
    pub(super) fn new(workers: usize, spin: Duration) -> Self {
        Self {
            epoch: Line::default(),
            working: Line::default(),
            task: UnsafeCell::new(None),
            stopping: AtomicBool::new(false),
            sleepers: (0..workers).map(|_| Line::default()).collect(),
            payload: Mutex::new(None),
            has_payload: AtomicBool::new(false),
            spin,
        }
    }

    /// Has all workers run `task` while the caller runs `own`; returns the payload of the first
    /// panic. Only one caller at a time.
    pub(super) fn run(
        &self,
        task: Task<'_>,
        own: impl FnOnce() -> Option<Payload>,
    ) -> Option<Payload> {
        // SAFETY: the lifetime is longer than the truth, but workers forget the task before
        // `working` is zero, which this function waits for; `own` does not unwind.
        let task = unsafe { mem::transmute::<Task<'_>, Task<'static>>(task) };
        // SAFETY: no worker reads: the last task is finished and the next is not announced.
        unsafe { *self.task.get() = Some(task) };
        self.working.0.store(self.sleepers.len(), Ordering::Relaxed);
        self.announce();
        if let Some(payload) = own() {
            self.keep(payload);
        }
        self.wait_for_workers();
        if !self.has_payload.swap(false, Ordering::Relaxed) {
            return None;
        }
        self.payload.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Ends every worker.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.announce();
    }

    /// Waits for the next task and runs it; `false` if the worker is to end. Its panic is kept for
    /// the caller.
    pub(super) fn next(
        &self,
        worker: usize,
        run: impl FnOnce(Task<'_>) -> Option<Payload>,
    ) -> bool {
        self.wait_for_task(&self.sleepers[worker].0);
        if self.stopping.load(Ordering::Relaxed) {
            return false;
        }
        // SAFETY: the caller wrote it before it announced it, and waits for this worker.
        let task = unsafe { *self.task.get() };
        if let Some(payload) = task.and_then(run) {
            self.keep(payload);
        }
        self.working.0.fetch_sub(1, Ordering::AcqRel);
        true
    }

    /// The order with `asleep` is what makes sure that a worker is either seen asleep here or sees
    /// the new epoch there.
    fn announce(&self) {
        self.epoch.0.fetch_add(1, Ordering::SeqCst);
        for sleeper in &self.sleepers {
            if sleeper.0.asleep.load(Ordering::SeqCst) {
                sleeper.0.thread.get().inspect(|thread| thread.unpark());
            }
        }
    }

    fn wait_for_task(&self, own: &Sleeper) {
        let seen = own.seen.load(Ordering::Relaxed);
        let begin = now();
        while self.epoch.0.load(Ordering::Acquire) == seen {
            if !self.spins_until_change(seen) && now().saturating_duration_since(begin) >= self.spin
            {
                self.sleep(own, seen);
                break;
            }
        }
        // One caller at a time, who waits for this worker: not more than one task came.
        own.seen.store(seen.wrapping_add(1), Ordering::Relaxed);
    }

    fn spins_until_change(&self, seen: usize) -> bool {
        (0..SPINS).any(|_| {
            std::hint::spin_loop();
            self.epoch.0.load(Ordering::Acquire) != seen
        })
    }

    fn sleep(&self, own: &Sleeper, seen: usize) {
        own.thread.get_or_init(thread::current);
        own.asleep.store(true, Ordering::SeqCst);
        while self.epoch.0.load(Ordering::SeqCst) == seen {
            thread::park();
        }
        own.asleep.store(false, Ordering::Relaxed);
    }

    fn wait_for_workers(&self) {
        let mut spins = 0;
        while self.working.0.load(Ordering::Acquire) != 0 {
            std::hint::spin_loop();
            spins += 1;
            if spins >= CALLER_SPINS && spins % SPINS == 0 {
                thread::yield_now();
            }
        }
    }

    fn keep(&self, payload: Payload) {
        let mut kept = self.payload.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert(payload);
        self.has_payload.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epoch = self.epoch.0.load(Ordering::Relaxed);
        write!(f, "Relay({} workers, {epoch} tasks)", self.sleepers.len())
    }
}
