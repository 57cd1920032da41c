use std::{collections::VecDeque, time::Duration};

use smallvec::SmallVec;

use crate::{BatchReason, Rejection, Timestamp};

/// Groups waiting requests into batches. Reads no clock, starts no thread, knows no tensor: the
/// caller passes `now` and whatever it wants back as `T`.
///
/// A batch holds requests of one priority level and one shape, oldest first. Requests of another
/// shape are stepped over, not waited for, unless the order must be kept.
#[derive(Debug)]
pub struct Batcher<T> {
    options: BatcherOptions,
    /// Requests are not added to a batch beyond this; at most `options.batch_rows_max`.
    gather_rows_max: usize,
    /// Level 0 is served first.
    levels: Vec<Level<T>>,
    next_ticket: u64,
    requests: usize,
    bytes: usize,
}

/// Limits and habits of a [`Batcher`].
#[derive(Clone, Debug)]
pub struct BatcherOptions {
    /// A batch never holds more rows than this; 1 where the model cannot batch.
    pub batch_rows_max: usize,
    /// A batch of exactly such a size leaves without waiting.
    pub preferred_rows: Vec<usize>,
    /// A request never waits longer than this for company while an instance is free.
    pub queue_delay_max: Duration,
    /// Never step over a waiting request.
    pub preserve_ordering: bool,
    /// One per priority level, the first served first; never empty.
    pub levels: Vec<QueuePolicy>,
    /// Level of requests that name none, counted from 0.
    pub default_level: usize,
    /// More waiting requests than this are refused, over all levels.
    pub queue_requests_max: usize,
    /// More waiting bytes of input than this are refused, over all levels; a lone request may be larger.
    pub queue_bytes_max: usize,
}

/// How one priority level waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueuePolicy {
    /// Time in the queue if the request names none; `None` is without end.
    pub timeout_default: Option<Duration>,
    /// Whether a request may shorten `timeout_default`; where there is none, a request's own time holds.
    pub timeout_override: bool,
    /// What happens to a request whose time is over.
    pub timeout_action: TimeoutAction,
    /// More waiting requests than this are refused; `None` leaves it to the whole queue's limit.
    pub queue_requests_max: Option<usize>,
}

/// What happens to a request whose time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeoutAction {
    /// It is refused.
    #[default]
    Reject,
    /// It runs when nothing else of its level waits.
    Delay,
}

/// One request, as the batcher sees it.
#[derive(Debug)]
pub struct Arrival<T> {
    /// What the caller gets back.
    pub item: T,
    /// Rows that it adds to a batch.
    pub rows: usize,
    /// Bytes of input that it holds while it waits.
    pub bytes: usize,
    /// Whatever must be equal within a batch: the sizes of variable dimensions, the optional inputs.
    pub shape: ShapeKey,
    /// 1 is the first level; 0 and levels that do not exist mean the default.
    pub priority: u64,
    /// The request's own limit on its time in the queue.
    pub timeout: Option<Duration>,
}

/// What must be equal within a batch.
pub type ShapeKey = SmallVec<[usize; 4]>;

/// Names a waiting request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    level: usize,
    number: u64,
}

/// A request was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Its name while it waits.
    pub ticket: Ticket,
    /// When its time is over, if that refuses it.
    pub deadline: Option<Timestamp>,
}

/// A request was not let in.
#[derive(Debug)]
pub struct Refusal<T> {
    /// Which limit it would break.
    pub rejection: Rejection,
    /// The limit, in requests or bytes.
    pub limit: usize,
    /// The request.
    pub item: T,
}

/// Requests to be run together, oldest first; never empty.
#[derive(Debug)]
pub struct Batch<T> {
    /// The requests with the time at which each was queued.
    pub requests: Vec<(Timestamp, T)>,
    /// Sum of their rows.
    pub rows: usize,
    /// Sum of their bytes of input.
    pub bytes: usize,
    /// Why it leaves now.
    pub reason: BatchReason,
}

impl<T> Batch<T> {
    fn add(&mut self, entry: Entry<T>) {
        self.rows += entry.rows;
        self.bytes += entry.bytes;
        self.requests.push((entry.queued_at, entry.item));
    }
}

#[derive(Debug)]
struct Level<T> {
    policy: QueuePolicy,
    /// Ascending in ticket number.
    waiting: VecDeque<Entry<T>>,
    /// Those whose time is over under [`TimeoutAction::Delay`]; ascending in ticket number.
    delayed: VecDeque<Entry<T>>,
    /// No entry of `waiting` has an earlier deadline; may be earlier than all.
    deadline_min: Option<Timestamp>,
}

#[derive(Debug)]
struct Entry<T> {
    number: u64,
    queued_at: Timestamp,
    deadline: Option<Timestamp>,
    rows: usize,
    bytes: usize,
    shape: ShapeKey,
    item: T,
}

/// The part of a queue that would leave as one batch.
struct Candidate {
    /// Positions in the queue, ascending.
    positions: SmallVec<[usize; 32]>,
    rows: usize,
    /// How many of `positions` make the largest preferred size.
    preferred: Option<usize>,
    /// The next one of the shape does not fit, or nothing would.
    full: bool,
    /// The next one of the shape would fit, but is not to be gathered.
    left_out: bool,
    /// A request of another shape waits in the same queue.
    other_shape: bool,
    /// Some request of it will run out of time.
    deadline_min: Option<Timestamp>,
    oldest: Timestamp,
}

impl<T> Batcher<T> {
    /// Returns an empty batcher.
    ///
    /// # Panics
    ///
    /// If there is no level or the default level does not exist.
    #[must_use]
    pub fn new(options: BatcherOptions) -> Self {
        assert!(options.default_level < options.levels.len(), "the default level must exist");
        let levels = options.levels.iter().map(|policy| Level::new(*policy)).collect();
        let gather_rows_max = options.batch_rows_max;
        Self { options, gather_rows_max, levels, next_ticket: 0, requests: 0, bytes: 0 }
    }

    /// Sets how many rows are gathered, if that is less than a batch may hold.
    pub fn set_gather_rows_max(&mut self, rows: usize) {
        self.gather_rows_max = rows.clamp(1, self.options.batch_rows_max);
    }

    /// How many rows are gathered at most.
    #[must_use]
    pub fn gather_rows_max(&self) -> usize {
        self.gather_rows_max
    }

    /// Requests that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests == 0
    }

    /// Queues a request.
    ///
    /// # Errors
    ///
    /// Gives the request back with the limit that it would break.
    pub fn push(&mut self, arrival: Arrival<T>, now: Timestamp) -> Result<Admission, Refusal<T>> {
        let Arrival { item, rows, bytes, shape, priority, timeout } = arrival;
        let index = self.level_of(priority);
        if let Some((rejection, limit)) = self.broken_limit(index, bytes) {
            return Err(Refusal { rejection, limit, item });
        }
        let level = &mut self.levels[index];
        let deadline = level.policy.timeout(timeout).map(|timeout| now + timeout);
        let number = self.next_ticket;
        self.next_ticket += 1;
        self.requests += 1;
        self.bytes += bytes;
        level.deadline_min = earliest(level.deadline_min, deadline);
        let entry = Entry { number, queued_at: now, deadline, rows, bytes, shape, item };
        level.waiting.push_back(entry);
        let rejects = level.policy.timeout_action == TimeoutAction::Reject;
        let ticket = Ticket { level: index, number };
        Ok(Admission { ticket, deadline: deadline.filter(|_| rejects) })
    }

    /// Takes a request out again; `None` if it has left already.
    pub fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let level = &mut self.levels[ticket.level];
        let entry = [&mut level.waiting, &mut level.delayed].into_iter().find_map(|queue| {
            let position = queue.binary_search_by_key(&ticket.number, |e| e.number).ok()?;
            queue.remove(position)
        })?;
        self.forget(&entry);
        Some(entry.item)
    }

    /// Takes the next batch, if one is to leave at `now`. An instance must be free to run it.
    /// Requests whose time is over never leave in a batch: they go to `expired`.
    pub fn poll(&mut self, now: Timestamp, expired: &mut Vec<T>) -> Option<Batch<T>> {
        self.expire(now, expired);
        let index = self.levels.iter().position(|level| !level.is_empty())?;
        let candidate = self.levels[index].queue().candidate(&self.options, self.gather_rows_max);
        let others_wait = self.requests > self.levels[index].len();
        let (taken, reason) = self.departure(&candidate, others_wait, now)?;
        Some(self.take(index, &candidate.positions[..taken], reason))
    }

    /// When to poll next if nothing is pushed before; `None` if nothing waits.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let level = self.levels.iter().find(|level| !level.is_empty())?;
        let oldest = level.queue().entries.front()?.queued_at;
        Some(oldest + self.options.queue_delay_max)
    }

    /// Takes everything out, oldest first within each level.
    pub fn drain(&mut self) -> Vec<T> {
        (self.requests, self.bytes) = (0, 0);
        let levels = self.levels.iter_mut();
        levels
            .flat_map(|level| level.waiting.drain(..).chain(level.delayed.drain(..)))
            .map(|entry| entry.item)
            .collect()
    }

    fn level_of(&self, priority: u64) -> usize {
        let level = usize::try_from(priority).ok().and_then(|level| level.checked_sub(1));
        level.filter(|level| *level < self.levels.len()).unwrap_or(self.options.default_level)
    }

    /// The limit that one more request of `bytes` would break.
    fn broken_limit(&self, level: usize, bytes: usize) -> Option<(Rejection, usize)> {
        let BatcherOptions { queue_requests_max, queue_bytes_max, .. } = self.options;
        let level = &self.levels[level];
        let level_max = level.policy.queue_requests_max.unwrap_or(usize::MAX);
        if level.len() >= level_max {
            return Some((Rejection::QueueFull, level_max));
        }
        if self.requests >= queue_requests_max {
            return Some((Rejection::QueueFull, queue_requests_max));
        }
        let too_large = self.bytes.saturating_add(bytes) > queue_bytes_max;
        (too_large && self.requests > 0).then_some((Rejection::QueueBytes, queue_bytes_max))
    }

    fn expire(&mut self, now: Timestamp, expired: &mut Vec<T>) {
        for index in 0..self.levels.len() {
            for entry in self.levels[index].take_overdue(now) {
                if self.levels[index].policy.timeout_action == TimeoutAction::Delay {
                    self.levels[index].delayed.push_back(entry);
                } else {
                    self.forget(&entry);
                    expired.push(entry.item);
                }
            }
        }
    }

    /// How many of the candidate's requests leave now and why; `None` to wait for company.
    fn departure(
        &self,
        candidate: &Candidate,
        others_wait: bool,
        now: Timestamp,
    ) -> Option<(usize, BatchReason)> {
        let all = candidate.positions.len();
        if candidate.full {
            return Some((all, BatchReason::Full));
        }
        if candidate.left_out {
            return Some((all, BatchReason::NoGain));
        }
        if let Some(preferred) = candidate.preferred {
            return Some((preferred, BatchReason::Preferred));
        }
        let delay = self.options.queue_delay_max;
        let due = candidate.oldest + delay;
        let reason = if candidate.other_shape {
            BatchReason::ShapeChange
        } else if others_wait {
            BatchReason::Priority
        } else if delay.is_zero() {
            BatchReason::Idle
        } else if due <= now {
            BatchReason::Delay
        } else if candidate.deadline_min.is_some_and(|deadline| deadline <= due) {
            BatchReason::Deadline
        } else {
            return None;
        };
        Some((all, reason))
    }

    fn take(&mut self, index: usize, positions: &[usize], reason: BatchReason) -> Batch<T> {
        let queue = self.levels[index].queue_mut();
        let mut batch =
            Batch { requests: Vec::with_capacity(positions.len()), rows: 0, bytes: 0, reason };
        if positions.last() == Some(&(positions.len() - 1)) {
            queue.drain(..positions.len()).for_each(|entry| batch.add(entry));
        } else {
            let taken = positions.iter().rev().filter_map(|position| queue.remove(*position));
            taken.for_each(|entry| batch.add(entry));
            batch.requests.reverse();
        }
        self.requests -= batch.requests.len();
        self.bytes -= batch.bytes;
        batch
    }

    fn forget(&mut self, entry: &Entry<T>) {
        self.requests -= 1;
        self.bytes -= entry.bytes;
    }
}

impl QueuePolicy {
    /// The time that a request may wait; a request can only shorten the policy's.
    fn timeout(&self, own: Option<Duration>) -> Option<Duration> {
        let own = own.filter(|own| !own.is_zero());
        match (self.timeout_default, own) {
            (Some(default), Some(own)) if self.timeout_override => Some(default.min(own)),
            (Some(default), _) => Some(default),
            (None, own) => own,
        }
    }
}

/// The queue of a level that is served now.
struct Queue<'a, T> {
    entries: &'a VecDeque<Entry<T>>,
}

impl<T> Queue<'_, T> {
    /// What would leave as one batch with the oldest request.
    fn candidate(&self, options: &BatcherOptions, gather_rows_max: usize) -> Candidate {
        let head = &self.entries[0];
        let mut candidate = Candidate {
            positions: SmallVec::new(),
            rows: 0,
            preferred: None,
            full: false,
            left_out: false,
            other_shape: false,
            deadline_min: None,
            oldest: head.queued_at,
        };
        for (position, entry) in self.entries.iter().enumerate() {
            if entry.shape != head.shape {
                candidate.other_shape = true;
                if options.preserve_ordering {
                    break;
                }
                continue;
            }
            if position > 0 && candidate.rows + entry.rows > options.batch_rows_max {
                candidate.full = true;
                break;
            }
            if position > 0 && candidate.rows + entry.rows > gather_rows_max {
                candidate.left_out = true;
                break;
            }
            candidate.positions.push(position);
            candidate.rows += entry.rows;
            if options.preferred_rows.contains(&candidate.rows) {
                candidate.preferred = Some(candidate.positions.len());
            }
            candidate.deadline_min = earliest(candidate.deadline_min, entry.deadline);
            if candidate.rows >= options.batch_rows_max {
                candidate.full = true;
                break;
            }
        }
        candidate
    }
}

impl<T> Level<T> {
    fn new(policy: QueuePolicy) -> Self {
        Self { policy, waiting: VecDeque::new(), delayed: VecDeque::new(), deadline_min: None }
    }

    fn len(&self) -> usize {
        self.waiting.len() + self.delayed.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn queue(&self) -> Queue<'_, T> {
        let entries = if self.waiting.is_empty() { &self.delayed } else { &self.waiting };
        Queue { entries }
    }

    fn queue_mut(&mut self) -> &mut VecDeque<Entry<T>> {
        if self.waiting.is_empty() { &mut self.delayed } else { &mut self.waiting }
    }

    /// Takes out the waiting requests whose time is over at `now`.
    fn take_overdue(&mut self, now: Timestamp) -> Vec<Entry<T>> {
        if self.deadline_min.is_none_or(|deadline| deadline > now) {
            return Vec::new();
        }
        let (overdue, waiting): (VecDeque<_>, VecDeque<_>) = self
            .waiting
            .drain(..)
            .partition(|entry| entry.deadline.is_some_and(|deadline| deadline <= now));
        self.deadline_min = waiting.iter().filter_map(|entry| entry.deadline).min();
        self.waiting = waiting;
        overdue.into()
    }
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests;
