//! The threads that compute: one pool per process, that every model shares.

mod affinity;
mod portions;
mod relay;

use std::{
    cell::Cell,
    io,
    num::NonZeroUsize,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

pub use portions::{ColumnTile, ColumnTiles, Portions, RowPortions};

use relay::Relay;

/// Whether work on `values` values takes long beside the microsecond that it costs to call others.
pub(crate) fn worth_sharing(values: usize) -> bool {
    values >= 8192
}

/// What [`Threads`] are to be.
#[derive(Clone, Copy, Debug)]
pub struct ThreadsOptions {
    /// How many threads compute, with the caller.
    pub count: NonZeroUsize,
    /// Whether each thread but the caller keeps to one CPU. Heeded only where there are as many
    /// threads as CPUs that this process may use: else two processes would choose the same ones.
    pub pin: bool,
    /// How long a thread looks for the next task before it goes to sleep.
    pub spin: Duration,
}

impl ThreadsOptions {
    /// Pinned threads that spin for 50 µs.
    #[must_use]
    pub fn new(count: NonZeroUsize) -> Self {
        Self { count, pin: true, spin: Duration::from_micros(50) }
    }
}

/// A fixed number of threads that run one task together; whoever calls [`Threads::run`] is one of
/// them.
#[derive(Debug)]
pub struct Threads {
    count: usize,
    relay: Arc<Relay>,
    /// Held while a task runs: a second caller waits for its turn.
    turn: Mutex<()>,
    workers: Vec<JoinHandle<()>>,
}

thread_local! {
    /// Whether this thread is within a task of some pool.
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
}

impl Threads {
    /// Starts all threads but the caller's own.
    ///
    /// # Errors
    ///
    /// The system refuses another thread.
    pub fn new(options: ThreadsOptions) -> io::Result<Self> {
        let workers = options.count.get() - 1;
        let mut threads = Self {
            count: options.count.get(),
            relay: Arc::new(Relay::new(workers, options.spin)),
            turn: Mutex::new(()),
            workers: Vec::with_capacity(workers),
        };
        let cpus = affinity::cpus_to_pin(options);
        for worker in 0..workers {
            let relay = Arc::clone(&threads.relay);
            let cpu = cpus.get(worker + 1).copied();
            let work = move || {
                affinity::pin(cpu);
                while relay.next(worker, |task| within_task(|| task(worker + 1))) {}
            };
            let builder = std::thread::Builder::new().name(format!("compute-{}", worker + 1));
            threads.workers.push(builder.spawn(work)?);
        }
        Ok(threads)
    }

    /// The caller alone: `run` is a plain call.
    #[must_use]
    pub fn single() -> Self {
        let relay = Arc::new(Relay::new(0, Duration::ZERO));
        Self { count: 1, relay, turn: Mutex::new(()), workers: Vec::new() }
    }

    /// Threads that run each task, with the caller.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Calls `task` once on each thread, with the thread's number from 0 (the caller) up, and
    /// returns when all calls have returned. From within a task, all calls are made by the calling
    /// thread, one after the other: tasks must not wait for each other.
    ///
    /// # Panics
    ///
    /// If a call panics, with what it panicked with (the first of several), once all have ended.
    pub fn run(&self, task: &(dyn Fn(usize) + Sync)) {
        if self.count == 1 || IN_TASK.get() {
            return (0..self.count).for_each(task);
        }
        // A panic of an earlier task is over: it leaves nothing half-done behind this lock.
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let own = || within_task(|| task(0));
        let payload = self.relay.run(task, own);
        drop(turn);
        if let Some(payload) = payload {
            panic::resume_unwind(payload);
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.relay.stop();
        for worker in self.workers.drain(..) {
            // A worker catches what its tasks throw.
            let _ended = worker.join();
        }
    }
}

/// What a task panicked with.
type Payload = Box<dyn std::any::Any + Send>;

/// Runs `call`, catching what it panics with.
fn within_task(call: impl FnOnce()) -> Option<Payload> {
    IN_TASK.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(call));
    IN_TASK.set(false);
    outcome.err()
}

#[cfg(test)]
mod tests;
