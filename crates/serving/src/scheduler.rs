//! Runs a model's batches: a queue, the instances and the threads that bring them together.
//!
//! Whoever holds an idle instance and a batch runs it. Usually that is a worker thread; for a model
//! whose runs are known to be short it is the very thread that brought the request, which saves two
//! wake-ups. Deadlines and cancellation belong to the request's own future ([`Scheduler::withdraw`]),
//! so they hold while every instance is busy.

mod inline;
mod instances;
mod release;

use std::{sync::Arc, thread, time::Duration};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::{
    Admission, Arrival, Batch, BatchReason, Batcher, BatcherOptions, Clock, ErrorKind,
    ExecuteError, ExecutorFactory, FailureReason, InferResponse, InstanceCounts, LoadError,
    Rejection, Responder, ServeError, Statistics, Ticket, Timestamp, Timing,
    execution::{Executed, execute},
    interface::{Admitted, Interface},
    statistics::Execution,
};
pub(crate) use inline::InlineLimit;
use inline::InlinePermit;
use instances::{Instance, Instances, Loan};
use release::Release;

/// Batches that a front-end thread runs for others before it hands over to a worker.
const BATCHES_LED_MAX: usize = 4;

/// A first run that is shorter is followed by another: it says more of what runs take.
const WARM_UP_AGAIN: Duration = Duration::from_millis(20);

/// Inputs up to this size are never the reason for a long run of a model whose runs are short.
const INLINE_BYTES: usize = 1024;

/// What a run is thought to take of which nothing is known.
const COMPUTE_UNKNOWN: Duration = Duration::from_secs(1);

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
}

#[derive(Debug)]
struct Core {
    batcher: Batcher<Pending>,
    instances: Instances,
    release: Option<Release>,
    /// No more requests; workers leave when the queue is empty.
    closed: bool,
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
    batch: Batch<Pending>,
    /// Place in the order of answers, where that is kept.
    sequence: u64,
}

type Answer = (Responder, Result<InferResponse, ServeError>);

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
            options,
        });
        let scheduler = Self { shared, workers: Mutex::default() };
        for _ in 0..scheduler.shared.options.instances {
            scheduler.spawn_worker()?;
        }
        Ok(scheduler)
    }

    /// Queues a request, and runs it here and now if that is quicker than waking a worker.
    ///
    /// # Errors
    ///
    /// The queue is full or closed; the message says when to try again.
    pub(crate) fn submit(
        &self,
        pending: Pending,
        priority: u64,
        timeout: Option<Duration>,
    ) -> Result<Admission, ServeError> {
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
            return Err(shared.refuse(Rejection::Unavailable, arrival.item, now));
        }
        let admission = match core.batcher.push(arrival, now) {
            Ok(admission) => admission,
            Err((rejection, pending)) => {
                drop(core);
                return Err(shared.refuse(rejection, pending, now));
            }
        };
        if core.instances.any_idle() {
            match shared.inline_permit(&core, bytes) {
                Some(_permit) => shared.lead(core),
                None => _ = shared.wake.notify_one(),
            }
        }
        Ok(admission)
    }

    /// Takes a request out of the queue because its asker has gone or its time is over. `None` if it
    /// is running or answered already.
    pub(crate) fn withdraw(&self, ticket: Ticket, rejection: Rejection) -> Option<ServeError> {
        let pending = self.shared.core.lock().batcher.remove(ticket)?;
        Some(self.shared.refuse(rejection, pending, Clock::now()))
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
        Statistics { pending, instances, ..self.shared.statistics.lock().clone() }
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
            let mut outcome = self.shared.time(&mut instance, &[admitted], admitted.rows);
            if outcome.as_ref().is_ok_and(|first| first.took() < WARM_UP_AGAIN) {
                outcome = self.shared.time(&mut instance, &[admitted], admitted.rows);
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

    /// Lets in nothing more, runs what waits, and joins the threads, hung ones excepted.
    pub(crate) fn close(&self) {
        self.shared.core.lock().closed = true;
        self.shared.wake.notify_all();
        let workers = std::mem::take(&mut *self.workers.lock());
        let hung = |worker: &thread::JoinHandle<()>| {
            let core = self.shared.core.lock();
            core.instances.is_abandoned(worker.thread().id())
        };
        for worker in workers.into_iter().filter(|worker| !hung(worker)) {
            // A worker that panicked has said so on standard error.
            let _ = worker.join();
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

impl Shared {
    /// The life of a worker thread.
    fn work(&self) {
        let mut core = self.core.lock();
        loop {
            if let Some(run) = self.take_run(&mut core, true) {
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

    /// Leave to run on the calling thread: for a model whose runs are short and steady, and a
    /// request of a size for which that is known.
    fn inline_permit(&self, core: &Core, bytes: usize) -> Option<InlinePermit<'_>> {
        let known = bytes <= core.quick_bytes_max.max(INLINE_BYTES).saturating_mul(2);
        let quick = core.compute_recent <= self.options.inline_compute_max;
        (quick && known && self.steady).then(|| self.options.inline.acquire()).flatten()
    }

    /// Runs waiting batches on the calling thread, a few at most.
    fn lead<'a>(&'a self, mut core: MutexGuard<'a, Core>) {
        for _ in 0..BATCHES_LED_MAX {
            let Some(run) = self.take_run(&mut core, false) else { break };
            drop(core);
            self.run(run);
            core = self.core.lock();
            if core.batcher.is_empty() {
                return;
            }
        }
        if !core.timer_armed && core.instances.any_idle() {
            self.wake.notify_one();
        }
    }

    /// Takes an idle instance and a batch that is to leave, if there are both.
    fn take_run(&self, core: &mut MutexGuard<'_, Core>, by_worker: bool) -> Option<Run> {
        if core.batcher.is_empty() || !core.instances.any_idle() {
            return None;
        }
        let now = Clock::now();
        let mut expired = Vec::new();
        let batch = core.batcher.poll(now, &mut expired);
        for pending in expired {
            // Answering takes no lock that is taken around this one.
            let responder = pending.responder.clone();
            responder.finish(Err(self.refuse(Rejection::Timeout, pending, now)));
        }
        let batch = batch?;
        let responders = batch.requests.iter().map(|(_, pending)| pending.responder.clone());
        let responders = responders.collect();
        let sequence = core.release.as_mut().map_or(0, Release::open);
        let loan = Loan { responders, by_worker, sequence };
        let instance = core.instances.take_idle(now, loan)?;
        Some(Run { instance, batch, sequence })
    }

    /// Runs a batch, answers it and gives the instance back; `false` if it had been given up.
    fn run(&self, run: Run) -> bool {
        let Run { mut instance, batch, sequence } = run;
        let bytes = batch.requests.iter().map(|(_, pending)| pending.admitted.bytes).sum();
        let (answers, broken, outcome) = self.answer_all(&mut instance, batch);
        let mut core = self.core.lock();
        let kept = core.give_back(instance, broken, &outcome);
        core.note_quick(bytes, &outcome, self.options.inline_compute_max);
        if core.closed {
            self.wake.notify_all();
        }
        let answers = match &mut core.release {
            Some(release) => release.close(sequence, answers),
            None => answers,
        };
        drop(core);
        for (responder, answer) in answers {
            responder.finish(answer);
        }
        kept
    }

    /// Runs a batch; if it fails, runs its requests one by one, so that only the culprit fails.
    fn answer_all(
        &self,
        instance: &mut Instance,
        batch: Batch<Pending>,
    ) -> (Vec<Answer>, bool, Result<Executed, ExecuteError>) {
        let (cancelled, requests): (Vec<_>, Vec<_>) =
            batch.requests.into_iter().partition(|(_, pending)| pending.responder.is_cancelled());
        for (_, pending) in cancelled {
            self.refuse(Rejection::Canceled, pending, Clock::now());
        }
        let none = Err(ExecuteError::Model(String::new()));
        if requests.is_empty() {
            return (Vec::new(), false, none);
        }
        let admitted: Vec<&Admitted> = requests.iter().map(|(_, p)| &p.admitted).collect();
        let rows = admitted.iter().map(|admitted| admitted.rows).sum();
        let outcome = self.time(instance, &admitted, rows);
        if outcome.is_err() && requests.len() > 1 {
            let mut broken = matches!(outcome, Err(ExecuteError::Broken(_)));
            let mut answers = Vec::with_capacity(requests.len());
            for request in requests {
                if broken && !instance.restart() {
                    let error = ServeError::unavailable("the model's instance does not restart");
                    answers.push(self.fail(request.1, error));
                    continue;
                }
                let single = self.time(instance, &[&request.1.admitted], request.1.admitted.rows);
                broken = matches!(single, Err(ExecuteError::Broken(_)));
                answers.extend(self.answers(vec![request], single, BatchReason::Retry).0);
            }
            return (answers, broken, none);
        }
        let broken = matches!(outcome, Err(ExecuteError::Broken(_)));
        let reason = batch.reason;
        let (answers, outcome) = self.answers(requests, outcome, reason);
        (answers, broken, outcome)
    }

    fn time(
        &self,
        instance: &mut Instance,
        requests: &[&Admitted],
        rows: usize,
    ) -> Result<Executed, ExecuteError> {
        execute(&self.interface, instance.executor_mut(), requests, rows)
    }

    /// Writes an execution down and pairs its answers with those who asked.
    fn answers(
        &self,
        requests: Vec<(Timestamp, Pending)>,
        outcome: Result<Executed, ExecuteError>,
        reason: BatchReason,
    ) -> (Vec<Answer>, Result<Executed, ExecuteError>) {
        let mut executed = match outcome {
            Ok(executed) => executed,
            Err(error) => {
                let text = format!("model '{}' failed: {error}", self.model);
                let kind = match &error {
                    ExecuteError::Model(_) => ErrorKind::InvalidArgument,
                    ExecuteError::Broken(_) => ErrorKind::Internal,
                };
                let fail = |(_, p)| self.fail(p, ServeError::new(kind, text.clone()));
                return (requests.into_iter().map(fail).collect(), Err(error));
            }
        };
        let rows = requests.iter().map(|(_, pending)| pending.admitted.rows).sum();
        let execution = Execution {
            rows,
            reason,
            compute_input: executed.inputs_ready.since(executed.started),
            compute_infer: executed.outputs_start.since(executed.inputs_ready),
            compute_output: executed.ended.since(executed.outputs_start),
        };
        let batch_requests = requests.len();
        let mut statistics = self.statistics.lock();
        statistics.record_execution(&execution);
        let outputs = std::mem::take(&mut executed.answers);
        let mut answers = Vec::with_capacity(batch_requests);
        for ((queued_at, pending), outputs) in requests.into_iter().zip(outputs) {
            let queue = executed.started.since(queued_at);
            statistics.record_success(&execution, queue, executed.ended.since(pending.received));
            let timing = Timing {
                decode: queued_at.since(pending.received),
                queue,
                compute_input: execution.compute_input,
                compute_infer: execution.compute_infer,
                compute_output: execution.compute_output,
                batch_rows: rows,
                batch_requests,
                batch_reason: reason,
            };
            answers.push((pending.responder, Ok(InferResponse { outputs, timing })));
        }
        statistics.last_inference = Some(std::time::SystemTime::now());
        (answers, Ok(executed))
    }

    /// Answers the requests of an instance that was given up, and lets those behind them out.
    fn fail_hung(&self, loan: Loan) {
        let limit = self.options.hang_limit;
        let text = format!(
            "an instance of model '{}' did not answer within {limit:?} and was given up",
            self.model
        );
        for responder in loan.responders {
            if responder.finish(Err(ServeError::internal(text.clone()))) {
                self.statistics.lock().record_failure(FailureReason::Backend, limit);
            }
        }
        let released = match &mut self.core.lock().release {
            Some(release) => release.close(loan.sequence, Vec::new()),
            None => Vec::new(),
        };
        for (responder, answer) in released {
            responder.finish(answer);
        }
    }

    fn fail(&self, pending: Pending, error: ServeError) -> Answer {
        let elapsed = Clock::now().since(pending.received);
        self.statistics.lock().record_failure(FailureReason::Backend, elapsed);
        (pending.responder, Err(error))
    }

    /// Counts a request that will not run and says why.
    fn refuse(&self, rejection: Rejection, pending: Pending, now: Timestamp) -> ServeError {
        let mut statistics = self.statistics.lock();
        statistics.record_rejection(rejection, now.since(pending.received));
        // What the queue needs for one batch, as far as is known.
        let batch = self.retry_after(&statistics);
        drop(statistics);
        drop(pending.admitted);
        let model = &self.model;
        match rejection {
            Rejection::QueueFull => ServeError::unavailable(format!(
                "Exceeds maximum queue size: {} requests wait for model '{model}'",
                self.options.batcher.queue_requests_max
            ))
            .with_retry_after(batch),
            Rejection::QueueBytes => ServeError::unavailable(format!(
                "Exceeds maximum queue size: {} bytes of input may wait for model '{model}'",
                self.options.batcher.queue_bytes_max
            ))
            .with_retry_after(batch),
            Rejection::Timeout => ServeError::unavailable(format!(
                "Request timeout expired: its time in the queue of model '{model}' was over"
            )),
            Rejection::Canceled => {
                ServeError::new(ErrorKind::Cancelled, "the request was cancelled by its client")
            }
            Rejection::Unavailable => ServeError::unavailable(format!(
                "model '{model}' takes no requests: it is being unloaded, or its instances failed"
            ))
            .with_retry_after(batch),
            Rejection::Invalid => ServeError::invalid("the request does not fit the model"),
        }
    }

    /// Time in which a full queue has worked off a good part, a second at least.
    fn retry_after(&self, statistics: &Statistics) -> Duration {
        let queue = &statistics.queue;
        let mean = Duration::from_nanos(queue.ns.checked_div(queue.count).unwrap_or(0));
        mean.clamp(Duration::from_secs(1), Duration::from_secs(30))
    }
}

impl Core {
    /// Takes an instance back after a run; `false` if it had been given up meanwhile.
    fn give_back(
        &mut self,
        instance: Instance,
        broken: bool,
        outcome: &Result<Executed, ExecuteError>,
    ) -> bool {
        if let Ok(executed) = outcome {
            let recent = self.compute_recent.min(COMPUTE_UNKNOWN);
            let run = executed.took().min(4 * recent + Duration::from_micros(16));
            self.compute_recent = recent - recent / 16 + run / 16;
        }
        self.instances.give_back(instance, broken)
    }

    /// Remembers the size of a batch that took a short time.
    fn note_quick(
        &mut self,
        bytes: usize,
        outcome: &Result<Executed, ExecuteError>,
        inline_compute_max: Duration,
    ) {
        if outcome.as_ref().is_ok_and(|executed| executed.took() <= inline_compute_max) {
            self.quick_bytes_max = self.quick_bytes_max.max(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
