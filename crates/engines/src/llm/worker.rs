//! The thread that runs the engine: takes requests in, runs step after step, passes answers on.

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use llm::{Engine, Event, Request, SequenceId};
use parking_lot::{Condvar, Mutex};
use serving::{
    Clock, ErrorKind, GenerationEnd, GenerationHistograms, GenerationStatistics,
    STEP_TOKENS_BOUNDS, ServeError, Statistics, Timestamp,
};
use smallvec::SmallVec;

use super::{
    admission::{Admission, Ticket},
    job::{self, Beginning, Job},
    sink::Sink,
};

/// What the thread and those who ask share.
#[derive(Debug)]
pub(super) struct Shared {
    inbox: Mutex<Inbox>,
    arrived: Condvar,
    pub(super) admission: Arc<Admission>,
    statistics: Mutex<Counters>,
    /// When the step that runs began; 0 while none does.
    step_began: AtomicU64,
    /// Why the engine cannot be used, once it cannot.
    broken: Mutex<Option<String>>,
    has_ended: AtomicBool,
}

#[derive(Debug, Default)]
struct Inbox {
    /// At most as many as the admission lets wait.
    requests: Vec<Incoming>,
    reset_prefix_cache: bool,
    close: bool,
}

/// A request that was checked and let in.
#[derive(Debug)]
pub(super) struct Incoming {
    /// One for each choice.
    pub(super) sequences: Vec<Request>,
    pub(super) sink: Sink,
    pub(super) ticket: Ticket,
    pub(super) received: Timestamp,
    pub(super) deadline: Option<Timestamp>,
    pub(super) prompt_tokens: usize,
    pub(super) max_tokens: usize,
}

/// What is told of the engine.
#[derive(Clone, Debug, Default)]
struct Counters {
    generation: GenerationStatistics,
    histograms: GenerationHistograms,
    success: serving::DurationStat,
    fail: serving::DurationStat,
    steps: u64,
}

impl Shared {
    pub(super) fn new(admission: Arc<Admission>) -> Arc<Self> {
        Arc::new(Self {
            inbox: Mutex::default(),
            arrived: Condvar::new(),
            admission,
            statistics: Mutex::default(),
            step_began: AtomicU64::new(0),
            broken: Mutex::default(),
            has_ended: AtomicBool::new(false),
        })
    }

    /// Hands a request over.
    pub(super) fn submit(&self, request: Incoming) {
        let mut inbox = self.inbox.lock();
        if inbox.close {
            drop(inbox);
            request.sink.fail(ServeError::unavailable("the model is being unloaded"));
            return;
        }
        inbox.requests.push(request);
        drop(inbox);
        self.arrived.notify_one();
    }

    pub(super) fn reset_prefix_cache(&self) {
        self.inbox.lock().reset_prefix_cache = true;
        self.arrived.notify_one();
    }

    pub(super) fn close(&self) {
        self.inbox.lock().close = true;
        self.arrived.notify_one();
    }

    /// Whether a generation would go through now.
    pub(super) fn check(&self, step_max: Duration) -> Result<(), String> {
        if let Some(why) = &*self.broken.lock() {
            return Err(why.clone());
        }
        if self.has_ended.load(Ordering::Acquire) {
            return Err("the engine's thread has ended".to_owned());
        }
        let began = Timestamp(self.step_began.load(Ordering::Acquire));
        let running = Clock::now().since(began);
        if began != Timestamp::default() && running > step_max {
            return Err(format!("a step has been running for {:.1} s", running.as_secs_f64()));
        }
        Ok(())
    }

    pub(super) fn statistics(&self) -> Statistics {
        let counters = self.statistics.lock().clone();
        let pending = self.admission.waiting();
        Statistics {
            inference_count: counters.success.count,
            execution_count: counters.steps,
            success: counters.success,
            fail: counters.fail,
            pending,
            generation: Some(GenerationStatistics {
                waiting: pending.max(counters.generation.waiting),
                ..counters.generation
            }),
            generation_histograms: Some(Box::new(counters.histograms)),
            ..Statistics::default()
        }
    }
}

/// The engine and what it works for.
pub(super) struct Worker {
    engine: Engine,
    shared: Arc<Shared>,
    jobs: BTreeMap<u64, Job>,
    /// Job and choice of each sequence.
    owners: HashMap<SequenceId, (u64, usize)>,
    next_job: u64,
    events: Vec<Event>,
}

impl Worker {
    pub(super) fn new(engine: Engine, shared: Arc<Shared>) -> Self {
        Self {
            engine,
            shared,
            jobs: BTreeMap::new(),
            owners: HashMap::new(),
            next_job: 0,
            events: Vec::new(),
        }
    }

    /// Runs until it is told to close.
    pub(super) fn run(mut self) {
        while self.take_in() {
            self.drop_unwanted();
            if !self.engine.has_work() {
                continue;
            }
            let began = Clock::now();
            self.shared.step_began.store(began.0.max(1), Ordering::Release);
            let stepped = catch_unwind(AssertUnwindSafe(|| self.engine.step(&mut self.events)));
            self.shared.step_began.store(0, Ordering::Release);
            match stepped {
                Ok(tokens) => self.after_step(tokens, began),
                Err(panic) => self.recover(&*panic),
            }
        }
        self.fail_all(&ServeError::unavailable("the model is being unloaded"));
        self.shared.has_ended.store(true, Ordering::Release);
    }

    /// Takes what has come in; waits for it if there is nothing else to do. False at the end.
    fn take_in(&mut self) -> bool {
        let mut inbox = self.shared.inbox.lock();
        while !self.engine.has_work()
            && inbox.requests.is_empty()
            && !inbox.close
            && !inbox.reset_prefix_cache
        {
            self.shared.arrived.wait(&mut inbox);
        }
        let requests = std::mem::take(&mut inbox.requests);
        let reset = std::mem::take(&mut inbox.reset_prefix_cache);
        let close = inbox.close;
        drop(inbox);
        if reset {
            self.engine.reset_prefix_cache();
        }
        for request in requests {
            self.begin(request);
        }
        !close
    }

    fn begin(&mut self, request: Incoming) {
        let Incoming { sequences, sink, ticket, .. } = request;
        let mut ids: SmallVec<[Option<SequenceId>; 1]> = SmallVec::new();
        for sequence in sequences {
            match self.engine.add(sequence) {
                Ok(id) => ids.push(Some(id)),
                Err(error) => {
                    ids.into_iter().flatten().for_each(|id| self.engine.cancel(id));
                    sink.fail(refusal(&error));
                    return;
                }
            }
        }
        let job = self.next_job;
        self.next_job += 1;
        for (choice, id) in ids.iter().enumerate() {
            self.owners.extend(id.map(|id| (id, (job, choice))));
        }
        let beginning = Beginning {
            sink,
            sequences: ids,
            ticket,
            received: request.received,
            deadline: request.deadline,
            prompt_tokens: request.prompt_tokens,
            max_tokens: request.max_tokens,
        };
        self.jobs.insert(job, Job::new(beginning));
    }

    /// Ends what nobody waits for, and what has waited for too long.
    fn drop_unwanted(&mut self) {
        let now = Clock::now();
        let unwanted = self.jobs.iter().filter(|(_, job)| job.is_cancelled() || job.is_late(now));
        let unwanted: SmallVec<[u64; 4]> = unwanted.map(|(number, _)| *number).collect();
        for number in unwanted {
            let Some(job) = self.remove(number) else { continue };
            if !job.is_cancelled() {
                let message = "no step had room for the request within its time; try again later";
                job.fail(ServeError::unavailable(message));
            }
            self.count_end(&job, GenerationEnd::Abort);
        }
    }

    /// Takes a job and its sequences out of everything.
    fn remove(&mut self, number: u64) -> Option<Job> {
        let job = self.jobs.remove(&number)?;
        for id in job.sequences() {
            self.owners.remove(&id);
            self.engine.cancel(id);
        }
        Some(job)
    }

    fn after_step(&mut self, tokens: usize, began: Timestamp) {
        let now = Clock::now();
        self.shared.admission.note_step(tokens, now.since(began));
        self.engine.note_step_duration(now.since(began));
        let shared = Arc::clone(&self.shared);
        let mut counters = shared.statistics.lock();
        counters.steps += 1;
        #[expect(clippy::cast_precision_loss, reason = "tokens of a step")]
        counters.histograms.step_tokens.observe(tokens as f64, &STEP_TOKENS_BOUNDS);
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            self.pass_on(event, &mut counters, now);
        }
        self.events = events;
        self.copy_state(&mut counters.generation);
    }

    fn pass_on(&mut self, event: Event, counters: &mut Counters, now: Timestamp) {
        let Some(&(number, choice)) = self.owners.get(&event.sequence()) else { return };
        let Some(job) = self.jobs.get_mut(&number) else { return };
        match event {
            Event::Started { cached_tokens, .. } => job.note_start(cached_tokens, now),
            Event::Output(output) => {
                let sequence = output.sequence;
                let ended = output.finish.as_ref().map(|finish| job::end(&finish.reason));
                job.note_output(choice, output, &mut counters.histograms, now);
                let Some(end) = ended else { return };
                self.owners.remove(&sequence);
                counters.generation.ended[end as usize] += 1;
                if job.is_over() {
                    job.record(&mut counters.histograms);
                    counters.success.add(job.age());
                    self.jobs.remove(&number);
                }
            }
            Event::Failed { error, .. } => {
                let Some(job) = self.remove(number) else { return };
                counters.fail.add(job.age());
                counters.generation.ended[GenerationEnd::Error as usize] += 1;
                job.fail(ServeError::internal(error));
            }
        }
    }

    fn copy_state(&self, generation: &mut GenerationStatistics) {
        let state = self.engine.statistics();
        *generation = GenerationStatistics {
            running: state.running,
            waiting: state.waiting,
            kv_blocks_used: state.blocks_used,
            kv_blocks_total: state.blocks_total,
            prompt_tokens: state.prompt_tokens,
            generated_tokens: state.generated_tokens,
            prefix_cache_queries: state.prefix_queries,
            prefix_cache_hits: state.prefix_hits,
            preemptions: state.preemptions,
            drafts: state.drafts,
            draft_tokens: state.draft_tokens,
            accepted_draft_tokens: state.accepted_draft_tokens,
            ended: generation.ended,
        };
    }

    fn count_end(&self, job: &Job, end: GenerationEnd) {
        let mut counters = self.shared.statistics.lock();
        counters.fail.add(job.age());
        counters.generation.ended[end as usize] += 1;
        self.copy_state(&mut counters.generation);
    }

    /// After a panic: fails what was under way, forgets everything, and goes on if a step of the
    /// engine's own goes through.
    fn recover(&mut self, panic: &(dyn std::any::Any + Send)) {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
        tracing::error!(panic = text, "a step of the language model failed; its requests are lost");
        self.fail_all(&ServeError::internal("a step of the language model failed"));
        let again = catch_unwind(AssertUnwindSafe(|| {
            self.engine.reset();
            self.engine.check()
        }));
        let failure = match again {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => "it failed again after a reset".to_owned(),
        };
        *self.shared.broken.lock() = Some(format!("the language model is broken: {failure}"));
    }

    fn fail_all(&mut self, error: &ServeError) {
        self.events.clear();
        self.owners.clear();
        for (_, job) in std::mem::take(&mut self.jobs) {
            job.fail(error.clone());
            self.count_end(&job, GenerationEnd::Error);
        }
        let waiting = std::mem::take(&mut self.shared.inbox.lock().requests);
        waiting.into_iter().for_each(|request| request.sink.fail(error.clone()));
    }
}

/// What a caller is told whose request the engine did not take.
fn refusal(error: &llm::AddError) -> ServeError {
    match error {
        llm::AddError::QueueFull(_) => ServeError::new(ErrorKind::Exhausted, error.to_string())
            .with_retry_after(Duration::from_secs(1)),
        llm::AddError::EmptyPrompt => {
            ServeError::invalid(error.to_string()).with_parameter("prompt")
        }
        llm::AddError::ContextExceeded { .. } | llm::AddError::CacheExceeded { .. } => {
            ServeError::invalid(error.to_string()).with_parameter("max_tokens")
        }
    }
}
