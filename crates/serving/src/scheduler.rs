//! Runs a model's batches: a queue, the instances and the threads that bring them together.
//!
//! Whoever holds an idle instance and a batch runs it. Usually that is a worker thread; for a model
//! whose runs are known to be short it is the very thread that brought the request, which saves two
//! wake-ups. Deadlines and cancellation belong to the request's own future ([`Scheduler::withdraw`]),
//! so they hold while every instance is busy.

mod company;
mod economy;
mod inline;
mod instances;
mod lead;
mod refusal;
mod release;
mod run;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex, MutexGuard};
use smallvec::SmallVec;

use crate::{
    Admission, Arrival, Batch, Batcher, BatcherOptions, Clock, ExecuteError, ExecutorFactory,
    InferResponse, InstanceCounts, LoadError, Refusal, Rejection, Responder, ServeError,
    Statistics, Ticket, Timestamp,
    execution::execute,
    interface::{Admitted, Interface},
};
use company::Company;
use economy::Economy;
pub(crate) use inline::InlineLimit;
use instances::{Instance, Instances, Loan};
use release::Release;

/// A first run that is shorter is followed by another: it says more of what runs take.
const WARM_UP_AGAIN: Duration = Duration::from_millis(20);

/// What a run is thought to take of which nothing is known.
const COMPUTE_UNKNOWN: Duration = Duration::from_secs(1);

/// How long ending a model waits for runs to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Pause between two looks whether they have.
const CLOSE_POLL: Duration = Duration::from_millis(1);

/// How a model's batches are run.
#[derive(Clone, Debug)]
pub(crate) struct SchedulerOptions {
    pub batcher: BatcherOptions,
    pub instances: usize,
    /// An instance that takes longer is given up and replaced.
    pub hang_limit: Duration,
    /// Runs on the threads that bring requests.
    pub inline: InlineLimit,
    /// Models whose runs take no longer may run there.
    pub inline_compute_max: Duration,
}

/// A model's queue, instances and worker threads.
#[derive(Debug)]
pub(crate) struct Scheduler {
    shared: Arc<Shared>,
    workers: Mutex<Vec<thread::JoinHandle<()>>>,
}

/// A request was queued.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Submitted {
    pub ticket: Ticket,
    /// When its time is over, if that refuses it.
    pub deadline: Option<Timestamp>,
    /// Whether its asker is to call [`Scheduler::lead`].
    pub leads: bool,
}

/// A request on its way: what the model needs, and whom to answer.
#[derive(Debug)]
pub(crate) struct Pending {
    pub admitted: Admitted,
    pub responder: Responder,
    pub received: Timestamp,
}

#[derive(Debug)]
struct Shared {
    model: String,
    interface: Arc<Interface>,
    options: SchedulerOptions,
    /// Whether values cannot make a run long.
    steady: bool,
    core: Mutex<Core>,
    /// Tells one waiting worker that something changed.
    wake: Condvar,
    /// Taken after `core` where both are needed.
    statistics: Mutex<Statistics>,
    /// When the last batch ended, as a [`Timestamp`]; 0 before the first.
    last_run: AtomicU64,
}

#[derive(Debug)]
struct Core {
    batcher: Batcher<Box<Pending>>,
    instances: Instances,
    release: Option<Release>,
    /// No more requests; workers leave when the queue is empty.
    closed: bool,
    /// Requests whose threads will soon run what waits then; never more than idle instances.
    leaders: usize,
    /// A run has hung on a thread of the network: none is to take place there again.
    inline_banned: bool,
    /// Whether it pays to let others join.
    company: Company,
    /// How many rows it pays to gather; `None` where the configuration says how to gather.
    economy: Option<Economy>,
    /// A worker sleeps until the oldest request has waited long enough.
    timer_armed: bool,
    /// What runs took of late; one that the system interrupted counts for little.
    compute_recent: Duration,
    /// Bytes of input of the largest batch that was run in so short a time that it may run inline.
    quick_bytes_max: usize,
}

/// A batch and the instance that is to run it.
struct Run {
    instance: Instance,
    batch: Batch<Box<Pending>>,
    taken: Timestamp,
    /// Place in the order of answers, where that is kept.
    sequence: u64,
}

type Answer = (Responder, Result<InferResponse, ServeError>);

type Answers = SmallVec<[Answer; 1]>;

impl Scheduler {
    /// Starts the instances and their threads.
    ///
    /// # Errors
    ///
    /// The engine cannot start an instance, or the system no thread.
    pub(crate) fn start(
        model: &str,
        interface: Arc<Interface>,
        factory: Arc<dyn ExecutorFactory>,
        options: SchedulerOptions,
    ) -> Result<Self, LoadError> {
        let steady = factory.has_steady_runs();
        let instances = Instances::start(factory, options.instances)?;
        let core = Core {
            batcher: Batcher::new(options.batcher.clone()),
            instances,
            release: options.batcher.preserve_ordering.then(Release::default),
            closed: false,
            leaders: 0,
            inline_banned: false,
            company: Company::default(),
            economy: learns_batch_size(&options.batcher).then(Economy::default),
            timer_armed: false,
            compute_recent: COMPUTE_UNKNOWN,
            quick_bytes_max: 0,
        };
        let shared = Arc::new(Shared {
            model: model.to_owned(),
            interface,
            steady,
            core: Mutex::new(core),
            wake: Condvar::new(),
            statistics: Mutex::default(),
            last_run: AtomicU64::new(0),
            options,
        });
        let scheduler = Self { shared, workers: Mutex::default() };
        for _ in 0..scheduler.shared.options.instances {
            scheduler.spawn_worker()?;
        }
        Ok(scheduler)
    }

    /// Queues a request. If runs are short, the asker's own thread runs it: at once where a run takes
    /// one request, otherwise when [`lead`](Self::lead) is called, so that others can join.
    ///
    /// # Errors
    ///
    /// The queue is full or closed; the message says when to try again.
    pub(crate) fn submit(
        &self,
        pending: Box<Pending>,
        priority: u64,
        timeout: Option<Duration>,
    ) -> Result<Submitted, ServeError> {
        let shared = &*self.shared;
        let now = Clock::now();
        let bytes = pending.admitted.bytes;
        let arrival = Arrival {
            rows: pending.admitted.rows,
            bytes,
            shape: pending.admitted.shape.clone(),
            item: pending,
            priority,
            timeout,
        };
        let mut core = shared.core.lock();
        if core.closed || core.instances.given_up() {
            drop(core);
            return Err(shared.refuse(Rejection::Unavailable, None, &arrival.item, now));
        }
        let Admission { ticket, deadline } = match core.batcher.push(arrival, now) {
            Ok(admission) => admission,
            Err(Refusal { rejection, limit, item }) => {
                drop(core);
                return Err(shared.refuse(rejection, Some(limit), &item, now));
            }
        };
        let leads = shared.find_runner(core, bytes, now);
        Ok(Submitted { ticket, deadline, leads })
    }

    /// Runs what waits on the calling thread. Called once for each request whose submission said that
    /// it leads, a moment later.
    pub(crate) fn lead(&self) {
        let mut core = self.shared.core.lock();
        core.leaders -= 1;
        let waiting = core.batcher.len();
        core.company.note(waiting);
        match self.shared.options.inline.acquire() {
            Some(_permit) => self.shared.lead(core, Clock::now()),
            None => _ = self.shared.wake.notify_one(),
        }
    }

    /// Takes back that a request leads: its asker has gone.
    pub(crate) fn resign(&self) {
        self.shared.core.lock().leaders -= 1;
        self.shared.wake.notify_one();
    }

    /// Takes a request out of the queue because its asker has gone or its time is over. `None` if it
    /// is running or answered already.
    pub(crate) fn withdraw(&self, ticket: Ticket, rejection: Rejection) -> Option<ServeError> {
        let pending = self.shared.core.lock().batcher.remove(ticket)?;
        Some(self.shared.refuse(rejection, None, &pending, Clock::now()))
    }

    /// Counts a request that was refused before it was submitted.
    pub(crate) fn record_rejection(&self, rejection: Rejection, received: Timestamp) {
        let elapsed = Clock::now().since(received);
        self.shared.statistics.lock().record_rejection(rejection, elapsed);
    }

    /// A consistent copy of the counters.
    pub(crate) fn statistics(&self) -> Statistics {
        let (pending, instances) = {
            let core = self.shared.core.lock();
            (core.batcher.len(), core.instances.counts())
        };
        let mut statistics = self.shared.statistics.lock().clone();
        (statistics.pending, statistics.instances) = (pending, instances);
        let last_run = Timestamp(self.shared.last_run.load(Ordering::Relaxed));
        statistics.last_inference =
            (last_run != Timestamp::default()).then(|| Clock::time_of_day(last_run));
        statistics
    }

    /// Whether an instance could take a request; otherwise why not.
    pub(crate) fn check(&self) -> Result<(), String> {
        let InstanceCounts { idle, busy, replacing, .. } =
            self.shared.core.lock().instances.counts();
        if replacing == 0 {
            return Ok(());
        }
        let all = idle + busy + replacing;
        Err(format!("{replacing} of {all} instances hung or broke and are being replaced"))
    }

    /// Runs `admitted` once on every instance, outside the queue and the statistics.
    ///
    /// # Errors
    ///
    /// The first instance's error.
    pub(crate) fn warm_up(&self, admitted: &Admitted) -> Result<(), ExecuteError> {
        for _ in 0..self.shared.options.instances {
            let taken = self.shared.core.lock().instances.take_oldest_idle();
            let Some(mut instance) = taken else { continue };
            let interface = &self.shared.interface;
            let mut run = || execute(interface, instance.executor_mut(), &[admitted], Clock::now());
            let mut outcome = run();
            if outcome.as_ref().is_ok_and(|first| first.took() < WARM_UP_AGAIN) {
                outcome = run();
            }
            let broken = matches!(outcome, Err(ExecuteError::Broken(_)));
            let mut core = self.shared.core.lock();
            if let Ok(executed) = &outcome {
                core.compute_recent = core.compute_recent.min(executed.took());
            }
            core.instances.give_back(instance, broken);
            drop(core);
            outcome?;
        }
        Ok(())
    }

    /// Lets in nothing more, runs what waits, and waits for the threads to end; one whose run does not
    /// end in time is left to itself.
    pub(crate) fn close(&self) {
        self.shared.core.lock().closed = true;
        self.shared.wake.notify_all();
        let workers = std::mem::take(&mut *self.workers.lock());
        let give_up_at = Clock::now() + CLOSE_TIMEOUT;
        for worker in &workers {
            let hung = || self.shared.core.lock().instances.is_abandoned(worker.thread().id());
            while !worker.is_finished() && !hung() && Clock::now() < give_up_at {
                thread::park_timeout(CLOSE_POLL);
            }
        }
        let left = workers.iter().filter(|worker| !worker.is_finished()).count();
        if left > 0 {
            tracing::warn!(model = self.shared.model, left, "runs that do not end are left behind");
        }
    }

    /// Looks after the instances: gives up those that have run for too long, starts new ones for
    /// those that broke. Called several times a second; may block while the engine starts one.
    pub(crate) fn watch(&self, now: Timestamp) {
        let limit = self.shared.options.hang_limit;
        let hung = self.shared.core.lock().instances.abandon_hung(now, limit);
        for loan in hung {
            tracing::error!(model = self.shared.model, ?limit, "an instance hangs and is replaced");
            let by_worker = loan.by_worker;
            self.shared.fail_hung(loan);
            if by_worker && let Err(error) = self.spawn_worker() {
                tracing::error!(model = self.shared.model, %error, "no thread for the new instance");
            }
        }
        self.replace_missing(now);
    }

    fn replace_missing(&self, now: Timestamp) {
        loop {
            let missing = self.shared.core.lock().instances.missing(now);
            let Some((index, factory)) = missing else { return };
            match factory.executor(index) {
                Ok(executor) => {
                    self.shared.core.lock().instances.replace(index, executor);
                    self.shared.wake.notify_one();
                }
                Err(error) => {
                    tracing::error!(model = self.shared.model, %error, "an instance does not start");
                    self.shared.core.lock().instances.retry_later(index, now);
                }
            }
        }
    }

    fn spawn_worker(&self) -> Result<(), LoadError> {
        let shared = self.shared.clone();
        let worker = thread::Builder::new()
            .name(format!("hone-{}", self.shared.model))
            .spawn(move || shared.work())
            .map_err(|error| LoadError::Engine(format!("no thread for an instance: {error}")))?;
        let mut workers = self.workers.lock();
        workers.retain(|worker| !worker.is_finished());
        workers.push(worker);
        Ok(())
    }
}

/// A delay, preferred sizes or an order say how a model's owner wants it to be batched.
fn learns_batch_size(options: &BatcherOptions) -> bool {
    options.batch_rows_max > 1
        && options.queue_delay_max.is_zero()
        && options.preferred_rows.is_empty()
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// The life of a worker thread.
    fn work(&self) {
        let mut core = self.core.lock();
        loop {
            if let Some(run) = self.take_run(&mut core, Clock::now(), true) {
                let kept = MutexGuard::unlocked(&mut core, || self.run(run));
                if !kept {
                    return;
                }
            } else if core.closed && core.batcher.is_empty() {
                return;
            } else {
                self.wait(&mut core);
            }
        }
    }

    /// Sleeps until something changes, or until the oldest request has waited long enough.
    fn wait(&self, core: &mut MutexGuard<'_, Core>) {
        let timed = !core.timer_armed && core.instances.any_idle();
        match core.batcher.wake_at().filter(|_| timed) {
            Some(at) => {
                core.timer_armed = true;
                let _ = self.wake.wait_until(core, Clock::instant(at));
                core.timer_armed = false;
            }
            None => self.wake.wait(core),
        }
    }

    /// Takes an idle instance and a batch that is to leave, if there are both.
    fn take_run(&self, core: &mut Core, now: Timestamp, by_worker: bool) -> Option<Run> {
        if core.batcher.is_empty() || !core.instances.any_idle() {
            return None;
        }
        let mut expired = Vec::new();
        let batch = core.batcher.poll(now, &mut expired);
        for pending in expired {
            // Answering takes no lock that is taken around this one.
            let error = self.refuse(Rejection::Timeout, None, &pending, now);
            pending.responder.finish(Err(error));
        }
        let batch = batch?;
        let responders = batch.requests.iter().map(|(_, pending)| pending.responder.clone());
        let responders = responders.collect();
        let sequence = core.release.as_mut().map_or(0, Release::open);
        let loan = Loan { responders, by_worker, sequence };
        let instance = core.instances.take_idle(now, loan)?;
        Some(Run { instance, batch, taken: now, sequence })
    }
}

#[cfg(test)]
mod tests;
