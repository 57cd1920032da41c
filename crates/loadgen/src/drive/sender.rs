use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::task::{JoinSet, LocalSet};

use super::{
    Plan, Workload, callers, due_times,
    pacer::{self, Tickets},
    recorder::{Recorder, Records, since},
};
use crate::{Load, MeasureError, Random, clock};

/// How long requests in flight may take to end when the load is over.
const END_WAIT: Duration = Duration::from_secs(1);

/// What one sending thread has to do.
pub(super) struct Job {
    pub(super) index: usize,
    pub(super) workload: Arc<Workload>,
    pub(super) plan: Arc<Plan>,
    /// Time 0 of the load.
    pub(super) start: Instant,
    pub(super) slice: Duration,
    pub(super) stop: Arc<AtomicBool>,
    /// No more requests become due.
    pub(super) close: Arc<AtomicBool>,
    /// Nothing is to be sent any more.
    pub(super) give_up: Arc<AtomicBool>,
    pub(super) batches: mpsc::Sender<Batch>,
}

/// What a thread recorded, handed over once in a slice of time.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) thread: usize,
    /// Everything that ended before this is in this batch or one before.
    pub(super) until: Duration,
    pub(super) records: Records,
    /// The thread could not go on.
    pub(super) error: Option<MeasureError>,
}

/// A thread that sends.
pub(super) struct SenderThread(JoinHandle<()>);

/// What the tasks of one thread share.
pub(super) struct Shared {
    pub(super) job: Job,
    pub(super) recorder: RefCell<Recorder>,
    /// Index of the next request, over all threads.
    next: Cell<usize>,
    /// The load is over: callers end after their present request.
    pub(super) is_ending: Cell<bool>,
}

impl SenderThread {
    pub(super) fn start(job: Job) -> Result<Self, MeasureError> {
        let failed = |action| move |source| MeasureError::System { action, source };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed("start a sending thread's runtime"))?;
        let thread = std::thread::Builder::new()
            .name("hone-load".into())
            .spawn(move || {
                let (thread, batches) = (job.index, job.batches.clone());
                let shared = Rc::new(Shared::new(job));
                let sent = LocalSet::new().block_on(&runtime, send(Rc::clone(&shared)));
                let records = shared.recorder.borrow_mut().take();
                let last = Batch { thread, until: Duration::MAX, records, error: sent.err() };
                // Nobody listens if the measurement is over.
                drop(batches.send(last));
            })
            .map_err(failed("start a sending thread"))?;
        Ok(Self(thread))
    }

    pub(super) fn join(self) {
        self.0.join().expect("a sending thread does not panic");
    }
}

impl Shared {
    fn new(job: Job) -> Self {
        Self {
            recorder: RefCell::new(Recorder::new(&job.plan, job.start)),
            next: Cell::new(job.index),
            is_ending: Cell::new(false),
            job,
        }
    }

    /// Index of the request whose turn it is.
    pub(super) fn next_request(&self) -> usize {
        let turn = self.next.get();
        self.next.set(turn.wrapping_add(self.job.plan.threads.get()));
        turn % self.job.workload.requests.len()
    }

    /// Whether no more requests become due.
    pub(super) fn is_closing(&self) -> bool {
        self.is_ending.get() || self.job.close.load(Ordering::Relaxed)
    }

    /// Whether nothing is to be sent any more.
    pub(super) fn gives_up(&self) -> bool {
        self.is_ending.get() || self.job.give_up.load(Ordering::Relaxed)
    }

    /// Waits for time 0.
    pub(super) async fn begun(&self) {
        clock::sleep(self.job.start.saturating_duration_since(clock::now())).await;
    }

    /// Random data of one caller.
    pub(super) fn random(&self, caller: usize) -> Random {
        let index = caller * self.job.plan.threads.get() + self.job.index;
        Random::new(self.job.plan.seed).fork(index as u64)
    }
}

/// Sends until the load is over or told to stop.
async fn send(shared: Rc<Shared>) -> Result<(), MeasureError> {
    let mut tasks = JoinSet::new();
    start_tasks(&shared, &mut tasks)?;
    let mut boundary = shared.job.slice;
    while !shared.job.stop.load(Ordering::Relaxed) {
        let wait = boundary.saturating_sub(since(shared.job.start));
        if ended_within(&mut tasks, shared.job.start, wait).await {
            return Ok(());
        }
        hand_over(&shared);
        boundary = next_boundary(since(shared.job.start), shared.job.slice);
    }
    shared.is_ending.set(true);
    ended_within(&mut tasks, shared.job.start, END_WAIT).await;
    Ok(())
}

fn start_tasks(shared: &Rc<Shared>, tasks: &mut JoinSet<()>) -> Result<(), MeasureError> {
    let plan = &shared.job.plan;
    let own = |count: usize| {
        let threads = plan.threads.get();
        count / threads + usize::from(shared.job.index < count % threads)
    };
    match plan.load {
        Load::Closed { callers } => {
            for caller in 0..own(callers) {
                tasks.spawn_local(callers::closed_loop(Rc::clone(shared), caller));
            }
        }
        Load::Sessions { users, turns, think } => {
            for user in 0..own(users) {
                tasks.spawn_local(callers::sessions(Rc::clone(shared), user, (turns, think)));
            }
        }
        Load::Open { .. } | Load::Ramp { .. } | Load::Replay { .. } => {
            let times = due_times(plan, shared.job.index).expect("the load is an open one");
            let tickets =
                Rc::new(Tickets::new(Rc::clone(shared), own(plan.connections_max).max(1)));
            let timer = pacer::Timer::new()?;
            tasks.spawn_local(pacer::pace(timer, tickets, times));
        }
    }
    Ok(())
}

/// Waits; true if all tasks ended before.
async fn ended_within(tasks: &mut JoinSet<()>, start: Instant, wait: Duration) -> bool {
    let end = start + since(start) + wait;
    loop {
        let left = end.saturating_duration_since(start + since(start));
        tokio::select! {
            () = clock::sleep(left) => return false,
            ended = tasks.join_next() => {
                match ended {
                    None => return true,
                    Some(ended) => ended.expect("a caller neither panics nor is cancelled"),
                }
            }
        }
    }
}

fn hand_over(shared: &Shared) {
    // The time is taken first: what ends after it goes into the next batch, with a later time.
    let until = since(shared.job.start);
    let records = shared.recorder.borrow_mut().take();
    let batch = Batch { thread: shared.job.index, until, records, error: None };
    // Nobody listens if the measurement is over; the flag to stop is then up as well.
    drop(shared.job.batches.send(batch));
}

fn next_boundary(passed: Duration, slice: Duration) -> Duration {
    let slices = passed.as_nanos() / slice.as_nanos() + 1;
    slice * u32::try_from(slices).unwrap_or(u32::MAX)
}
