//! Makes the load and records what becomes of it. Threads send and hand over raw samples; this thread
//! sorts them into slices of time, decides when the warm-up is over, and ends the load.

mod assemble;
mod callers;
mod pacer;
mod recorder;
mod sender;
mod stall;

use std::{
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use crate::{
    DueTimes, FailureKind, Load, MeasureError, Objective, Protocol, Request, Slice, Stability,
    StabilityOptions, StabilitySummary, WarmUp, clock::now, request::OpenAiRequest,
};

use assemble::Assembly;
use sender::{Batch, SenderThread};

/// Shortest and longest slice while the load runs.
const SLICE_MIN: Duration = Duration::from_millis(20);
const SLICE_MAX: Duration = Duration::from_millis(200);

/// Slices that a measurement keeps; with more, two neighbours become one.
const SLICES_MAX: usize = 1200;

/// How long requests that are due may wait for a connection after the measured time: as long as that
/// was, within these bounds.
const PATIENCE_MIN: Duration = Duration::from_secs(1);
const PATIENCE_MAX: Duration = Duration::from_secs(30);

/// Delay before the first request is due, for threads to start and connections to be made.
const START_DELAY: Duration = Duration::from_millis(50);

/// What is sent, and where to.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Address of the server's port.
    pub address: SocketAddr,
    /// How requests travel.
    pub protocol: Protocol,
    /// Requests; they take turns.
    pub requests: Vec<Request>,
    /// What the turns of a conversation are built from, for sessions over OpenAI's chat.
    pub conversation: Option<Conversation>,
}

/// Conversations: what one user says, turn by turn; the server's answers go in between.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Everything but the messages.
    pub request: OpenAiRequest,
    /// Where requests go.
    pub endpoint: crate::Endpoint,
    /// One list of user messages per user; users take turns.
    pub users: Vec<Vec<String>>,
}

/// One load level and how it is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The load.
    pub load: Load,
    /// Length of the measurement after the warm-up. Replays last as long as their times.
    pub duration: Duration,
    /// When the warm-up is over.
    pub warm_up: StabilityOptions,
    /// Threads that send.
    pub threads: NonZeroUsize,
    /// Connections of an open loop at most; requests that are due beyond them wait, and their latency
    /// counts the wait.
    pub connections_max: usize,
    /// Time from sending a request to its whole answer after which it has failed.
    pub timeout: Duration,
    /// Limits that a request has to meet to count as good.
    pub objective: Option<Objective>,
    /// Which requests are asked where their time went.
    pub explain: Sampling,
    /// Which answers are compared with what is expected, if anything is.
    pub verify: Sampling,
    /// Of data and arrival times.
    pub seed: u64,
}

/// Which requests something is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// None.
    Never,
    /// On each sending thread the next one after so long: cheap for the fast, complete for the slow.
    Every(Duration),
    /// Each.
    Always,
}

impl Plan {
    /// A closed loop of one caller for ten seconds.
    #[must_use]
    pub fn new(load: Load) -> Self {
        Self {
            load,
            duration: Duration::from_secs(10),
            warm_up: StabilityOptions::default(),
            threads: NonZeroUsize::MIN,
            connections_max: 1024,
            timeout: Duration::from_secs(60),
            objective: None,
            explain: Sampling::Every(Duration::from_millis(10)),
            verify: Sampling::Always,
            seed: 1,
        }
    }

    fn slice(&self) -> Duration {
        (self.duration / 100).clamp(SLICE_MIN, SLICE_MAX)
    }
}

/// What was recorded of one load level.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// After the warm-up.
    pub slices: Vec<Slice>,
    /// How the warm-up went and whether anything drifted after it.
    pub stability: StabilitySummary,
    /// Threads that sent.
    pub threads: usize,
    /// CPU time of the busiest sending thread over the measured time.
    pub busiest_cpu: Duration,
    /// The first failure of each kind, in the server's or the system's words.
    pub failure_examples: Vec<(FailureKind, String)>,
    /// What a closed loop cannot show in its percentiles; empty if there is nothing.
    pub stall: Option<String>,
}

/// How far a measurement is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Whether the warm-up is over.
    pub is_measuring: bool,
    /// Since the warm-up or the measurement began.
    pub elapsed: Duration,
    /// How long that lasts at most.
    pub of: Duration,
    /// What was last recorded.
    pub slice: &'a Slice,
}

/// Who watches a measurement: draws it, and reads the server's counters at its ends.
pub trait Observer {
    /// The warm-up is over; the measured time begins when this returns.
    fn measuring(&mut self) {}
    /// The measured time is over; the load still runs.
    fn measured(&mut self) {}
    /// A slice was recorded. Returns whether to go on.
    fn progress(&mut self, _progress: &Progress<'_>) -> bool {
        true
    }
}

/// Watches nothing.
impl Observer for () {}

/// Makes the load and measures it.
///
/// # Errors
///
/// The server cannot be reached, not one request succeeded, or the observer stopped it.
pub fn measure(
    workload: &Workload,
    plan: &Plan,
    observer: &mut dyn Observer,
) -> Result<Recording, MeasureError> {
    let mut run = Run::start(workload, plan)?;
    let outcome = run.watch(plan, observer);
    // Whatever came of it, no thread is left behind.
    run.stop.store(true, Ordering::Relaxed);
    run.senders.drain(..).for_each(SenderThread::join);
    outcome
}

/// A load that is being made.
struct Run {
    stop: Arc<AtomicBool>,
    /// No more requests become due; those that are due are sent.
    close: Arc<AtomicBool>,
    /// Nothing is to be sent any more; what was sent is waited for.
    give_up: Arc<AtomicBool>,
    senders: Vec<SenderThread>,
    batches: mpsc::Receiver<Batch>,
    assembly: Assembly,
    start: Instant,
    stability: Stability,
    /// The schedule is at its end and everything was answered.
    is_over: bool,
}

impl Run {
    fn start(workload: &Workload, plan: &Plan) -> Result<Self, MeasureError> {
        let (sender, batches) = mpsc::channel();
        let start = now() + START_DELAY;
        let (stop, close, give_up) = (Arc::default(), Arc::default(), Arc::default());
        let workload = Arc::new(workload.clone());
        let plan = Arc::new(plan.clone());
        let start_one = |index| {
            let job = sender::Job {
                index,
                workload: Arc::clone(&workload),
                plan: Arc::clone(&plan),
                start,
                slice: plan.slice(),
                stop: Arc::clone(&stop),
                close: Arc::clone(&close),
                give_up: Arc::clone(&give_up),
                batches: sender.clone(),
            };
            SenderThread::start(job)
        };
        let senders = (0..plan.threads.get()).map(start_one).collect::<Result<Vec<_>, _>>()?;
        let assembly = Assembly::new(plan.threads.get(), plan.slice());
        let stability = Stability::new(match plan.load {
            // Their times have a beginning that belongs to the measurement.
            Load::Replay { .. } => StabilityOptions { warm_up_max: Duration::ZERO, ..plan.warm_up },
            _ => plan.warm_up,
        });
        Ok(Self {
            stop,
            close,
            give_up,
            senders,
            batches,
            assembly,
            start,
            stability,
            is_over: false,
        })
    }

    fn watch(
        &mut self,
        plan: &Plan,
        observer: &mut dyn Observer,
    ) -> Result<Recording, MeasureError> {
        self.warm_up(plan, observer)?;
        observer.measuring();
        let from = self.measured_from(plan);
        let mut to = match &plan.load {
            Load::Replay { times } => times.last().copied().unwrap_or_default() + plan.timeout,
            _ => from + plan.duration,
        };
        self.assembly.measure(from, to, plan.load.is_open());
        let mut kept = Kept::new(from, plan.load.is_open());
        while self.assembly.next_start() < from {
            if self.next_slice(from)?.is_none() {
                break;
            }
        }
        while let Some(slice) = self.next_slice(to)? {
            let elapsed = (slice.start + slice.length).saturating_sub(from);
            let progress = Progress {
                is_measuring: true,
                elapsed,
                of: to.saturating_sub(from),
                slice: &slice,
            };
            let goes_on = observer.progress(&progress);
            kept.push(slice);
            if !goes_on {
                to = self.assembly.cut();
                break;
            }
        }
        observer.measured();
        if plan.load.is_open() && !self.is_over {
            self.drain(to, plan, &mut kept)?;
        }
        self.finish(plan, kept)
    }

    /// Runs until the windows agree or the time for it is over.
    fn warm_up(&mut self, plan: &Plan, observer: &mut dyn Observer) -> Result<(), MeasureError> {
        let of = plan.warm_up.warm_up_max;
        while self.stability.state() == WarmUp::Continue {
            let Some(slice) = self.next_slice(Duration::MAX)? else { break };
            let elapsed = slice.start + slice.length;
            let goes_on =
                observer.progress(&Progress { is_measuring: false, elapsed, of, slice: &slice });
            if !goes_on {
                return Err(MeasureError::Stopped);
            }
            self.fail_early(&slice)?;
            self.stability.push(&slice);
        }
        Ok(())
    }

    /// Nothing is won by warming up what only fails.
    fn fail_early(&self, slice: &Slice) -> Result<(), MeasureError> {
        let is_late = slice.start > Duration::from_secs(2);
        if is_late && self.assembly.completed == 0 && self.assembly.offered > 0 {
            return self.nothing_succeeded().map_or(Ok(()), Err);
        }
        Ok(())
    }

    fn nothing_succeeded(&self) -> Option<MeasureError> {
        let (kind, message) = self.assembly.failure_examples.first()?.clone();
        Some(MeasureError::NothingSucceeded { offered: self.assembly.offered, kind, message })
    }

    /// The start of the next slice that is whole.
    fn measured_from(&self, plan: &Plan) -> Duration {
        if self.assembly.next_start() == Duration::ZERO && plan.warm_up.warm_up_max.is_zero() {
            return Duration::ZERO;
        }
        if matches!(plan.load, Load::Replay { .. }) {
            return Duration::ZERO;
        }
        let passed = now().saturating_duration_since(self.start);
        self.assembly.boundary_after(passed)
    }

    /// The next slice before `end`; `None` when that has come or nothing more will.
    fn next_slice(&mut self, end: Duration) -> Result<Option<Slice>, MeasureError> {
        loop {
            if self.assembly.next_start() >= end {
                return Ok(None);
            }
            if let Some(slice) = self.assembly.next_whole() {
                return Ok(Some(slice));
            }
            if self.is_over {
                return Ok(None);
            }
            match self.batches.recv() {
                Ok(batch) => self.assembly.take(batch)?,
                // Every thread has ended: the schedule is at its end.
                Err(mpsc::RecvError) => {
                    self.is_over = true;
                    self.assembly.end();
                }
            }
        }
    }

    /// Waits for the requests that were due in the measured time and have not ended. What still waits for a
    /// connection after as long again will not be sent any more: behind a server that is overloaded that
    /// may be more than it answers in minutes.
    fn drain(&mut self, to: Duration, plan: &Plan, kept: &mut Kept) -> Result<(), MeasureError> {
        self.close.store(true, Ordering::Relaxed);
        let patience = to + plan.duration.clamp(PATIENCE_MIN, PATIENCE_MAX);
        let limit = to + plan.timeout;
        while self.assembly.unanswered() > 0 {
            if self.assembly.next_start() >= patience {
                self.give_up.store(true, Ordering::Relaxed);
            }
            match self.next_slice(limit)? {
                Some(slice) => kept.add_late(slice),
                None => break,
            }
        }
        kept.time_out(self.assembly.unanswered());
        Ok(())
    }

    fn finish(&mut self, plan: &Plan, kept: Kept) -> Result<Recording, MeasureError> {
        let slices = kept.slices;
        let completed: u64 = slices.iter().map(|slice| slice.completed).sum();
        if completed == 0 {
            let seconds = plan.duration.as_secs_f64();
            return Err(self.nothing_succeeded().unwrap_or(MeasureError::NoAnswer { seconds }));
        }
        let stability = self.stability.finish(&slices);
        let stall = (!plan.load.is_open()).then(|| stall::hidden(&slices)).flatten();
        Ok(Recording {
            stability,
            threads: plan.threads.get(),
            busiest_cpu: self.assembly.busiest_cpu(),
            failure_examples: self.assembly.failure_examples.clone(),
            stall,
            slices,
        })
    }
}

/// The measured slices, as many as may be kept.
struct Kept {
    from: Duration,
    is_open: bool,
    slices: Vec<Slice>,
    /// How many recorded slices make one that is kept.
    fold: usize,
    /// How many the last one has.
    folded: usize,
}

impl Kept {
    fn new(from: Duration, is_open: bool) -> Self {
        Self { from, is_open, slices: Vec::new(), fold: 1, folded: 1 }
    }

    fn push(&mut self, mut slice: Slice) {
        slice.start = slice.start.saturating_sub(self.from);
        match self.slices.last_mut() {
            Some(last) if self.folded < self.fold => {
                last.merge(&slice);
                self.folded += 1;
            }
            _ => {
                self.slices.push(slice);
                self.folded = 1;
            }
        }
        if self.slices.len() >= SLICES_MAX && self.folded == self.fold {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let mut halved = Vec::with_capacity(self.slices.len() / 2 + 1);
        for pair in self.slices.chunks(2) {
            let mut first = pair[0].clone();
            pair[1..].iter().for_each(|second| first.merge(second));
            halved.push(first);
        }
        self.slices = halved;
        self.fold *= 2;
        self.folded = self.fold;
    }

    /// Counts what ended after the measured time to its last slice, without making that longer.
    fn add_late(&mut self, late: Slice) {
        debug_assert!(self.is_open, "closed loops count what ends in the measured time");
        if let Some(last) = self.slices.last_mut() {
            let (start, length) = (last.start, Duration::ZERO);
            last.merge(&Slice { start, length, answered: 0, ..late });
        }
    }

    fn time_out(&mut self, unanswered: u64) {
        if let (Some(last), true) = (self.slices.last_mut(), unanswered > 0) {
            *last.failures.entry(FailureKind::Timeout).or_default() += unanswered;
        }
    }
}

/// When requests are due, seen from one of several sending threads: every `threads`th of all.
fn due_times(plan: &Plan, thread: usize) -> Option<impl Iterator<Item = Duration> + use<>> {
    let phases = (plan.warm_up.warm_up_max, plan.duration);
    let times = DueTimes::of(&plan.load, phases, plan.seed)?;
    Some(times.skip(thread).step_by(plan.threads.get()))
}

#[cfg(test)]
mod tests;
