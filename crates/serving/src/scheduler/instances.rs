//! The instances of one model: which are idle, which run since when, which must be replaced.

use std::{
    fmt,
    sync::Arc,
    thread::{self, ThreadId},
    time::Duration,
};

use smallvec::SmallVec;

use crate::{Executor, ExecutorFactory, InstanceCounts, LoadError, Responder, Timestamp};

/// After so many hung instances a model is given up: each has cost a thread that never comes back.
const ABANDONED_MAX: u64 = 16;

/// Pause before an instance that did not start is tried again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// An executor on loan.
pub(super) struct Instance {
    index: usize,
    generation: u64,
    executor: Box<dyn Executor>,
    factory: Arc<dyn ExecutorFactory>,
}

/// The responders of a batch.
pub(super) type Responders = SmallVec<[Responder; 4]>;

/// Who has an instance, and for what.
#[derive(Debug)]
pub(super) struct Loan {
    pub responders: Responders,
    /// Whether a worker thread has it, rather than one that brought a request.
    pub by_worker: bool,
    /// The batch's place in the order of answers.
    pub sequence: u64,
}

#[derive(Debug)]
pub(super) struct Instances {
    factory: Arc<dyn ExecutorFactory>,
    /// Last in, first out: the one whose caches are warm.
    idle: Vec<Instance>,
    places: Vec<Place>,
    replaced_total: u64,
    abandoned_total: u64,
    /// Threads that may never come back.
    abandoned: Vec<ThreadId>,
}

/// What is known of one instance number.
#[derive(Debug, Default)]
struct Place {
    /// Grows when the instance is replaced; a loan of an older generation is not taken back.
    generation: u64,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Busy {
        since: Timestamp,
        loan: Loan,
        thread: ThreadId,
    },
    Missing {
        retry_at: Timestamp,
    },
}

impl Instances {
    pub(super) fn start(
        factory: Arc<dyn ExecutorFactory>,
        count: usize,
    ) -> Result<Self, LoadError> {
        let start = |index| {
            let executor = factory.executor(index)?;
            Ok(Instance { index, generation: 0, executor, factory: factory.clone() })
        };
        let idle = (0..count).map(start).collect::<Result<Vec<_>, LoadError>>()?;
        let places = (0..count).map(|_| Place::default()).collect();
        let (replaced_total, abandoned_total, abandoned) = (0, 0, Vec::new());
        Ok(Self { factory, idle, places, replaced_total, abandoned_total, abandoned })
    }

    pub(super) fn any_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    pub(super) fn idle_count(&self) -> usize {
        self.idle.len()
    }

    /// Lends an instance to the calling thread for one batch.
    pub(super) fn take_idle(&mut self, now: Timestamp, loan: Loan) -> Option<Instance> {
        let instance = self.idle.pop()?;
        let thread = thread::current().id();
        self.places[instance.index].state = State::Busy { since: now, loan, thread };
        Some(instance)
    }

    /// Lends the instance that has been idle for longest, outside the watch over hung ones.
    pub(super) fn take_oldest_idle(&mut self) -> Option<Instance> {
        (!self.idle.is_empty()).then(|| self.idle.remove(0))
    }

    /// Takes a loan back; `false` if the instance had been given up meanwhile.
    pub(super) fn give_back(&mut self, instance: Instance, broken: bool) -> bool {
        let place = &mut self.places[instance.index];
        if place.generation != instance.generation {
            let own = thread::current().id();
            self.abandoned.retain(|thread| *thread != own);
            return false;
        }
        if broken {
            place.generation += 1;
            place.state = State::Missing { retry_at: Timestamp::default() };
        } else {
            place.state = State::Idle;
            self.idle.push(instance);
        }
        true
    }

    /// Gives up the instances that have been busy for longer than `limit`.
    pub(super) fn abandon_hung(&mut self, now: Timestamp, limit: Duration) -> Vec<Loan> {
        let mut hung = Vec::new();
        for place in &mut self.places {
            let State::Busy { since, thread, .. } = &place.state else { continue };
            if now.since(*since) < limit {
                continue;
            }
            self.abandoned.push(*thread);
            self.abandoned_total += 1;
            place.generation += 1;
            let missing = State::Missing { retry_at: now };
            if let State::Busy { loan, .. } = std::mem::replace(&mut place.state, missing) {
                hung.push(loan);
            }
        }
        hung
    }

    /// An instance to start now, and with what.
    pub(super) fn missing(&self, now: Timestamp) -> Option<(usize, Arc<dyn ExecutorFactory>)> {
        if self.given_up() {
            return None;
        }
        let due =
            |place: &Place| matches!(place.state, State::Missing { retry_at } if retry_at <= now);
        let index = self.places.iter().position(due)?;
        Some((index, self.factory.clone()))
    }

    pub(super) fn replace(&mut self, index: usize, executor: Box<dyn Executor>) {
        let place = &mut self.places[index];
        place.state = State::Idle;
        self.replaced_total += 1;
        let (generation, factory) = (place.generation, self.factory.clone());
        self.idle.push(Instance { index, generation, executor, factory });
    }

    pub(super) fn retry_later(&mut self, index: usize, now: Timestamp) {
        self.places[index].state = State::Missing { retry_at: now + RESTART_PAUSE };
    }

    /// Whether no instance will ever come back.
    pub(super) fn given_up(&self) -> bool {
        self.abandoned_total >= ABANDONED_MAX
    }

    /// Whether a thread was given up with the instance that it ran.
    pub(super) fn is_abandoned(&self, thread: ThreadId) -> bool {
        self.abandoned.contains(&thread)
    }

    pub(super) fn counts(&self) -> InstanceCounts {
        let count = |is: fn(&State) -> bool| self.places.iter().filter(|p| is(&p.state)).count();
        InstanceCounts {
            idle: count(|state| matches!(state, State::Idle)),
            busy: count(|state| matches!(state, State::Busy { .. })),
            replacing: count(|state| matches!(state, State::Missing { .. })),
            replaced_total: self.replaced_total,
        }
    }
}

impl Instance {
    pub(super) fn executor_mut(&mut self) -> &mut dyn Executor {
        &mut *self.executor
    }

    /// Puts a fresh executor in the place of one that broke; `false` if the engine refuses.
    pub(super) fn restart(&mut self) -> bool {
        match self.factory.executor(self.index) {
            Ok(executor) => {
                self.executor = executor;
                true
            }
            Err(_) => false,
        }
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("index", &self.index).finish_non_exhaustive()
    }
}
