use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    io,
    os::fd::OwnedFd,
    rc::Rc,
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use super::{callers::Caller, recorder::Due, sender::Shared};
use crate::{
    FailureKind, MeasureError,
    client::CallError,
    clock::{now, sleep},
};

/// Requests of one thread that may wait for a free connection.
const WAITING_MAX: usize = 1 << 16;

/// Connections that are made before the load begins.
const CONNECTIONS_AT_START: usize = 32;

/// Requests that are handed out before the callers get their turn.
const HANDED_OUT_MAX: usize = 16;

/// Wakes a task at a time, exact to what the system's scheduler gives; the runtime's own timers are
/// exact to a millisecond.
#[derive(Debug)]
pub(super) struct Timer(AsyncFd<OwnedFd>);

impl Timer {
    pub(super) fn new() -> Result<Self, MeasureError> {
        let failed = |source| MeasureError::System { action: "create a timer", source };
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags);
        let timer = timer.map_err(|error| failed(error.into()))?;
        #[expect(
            deprecated,
            reason = "unsound only for what lies about its descriptor; an owned one does not"
        )]
        let timer = AsyncFd::new(timer).map_err(failed)?;
        Ok(Self(timer))
    }

    /// Waits for so long; returns at once if it is nothing.
    async fn wait(&self, duration: Duration) -> io::Result<()> {
        if duration.is_zero() {
            return Ok(());
        }
        let it_value = Timespec {
            tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: duration.subsec_nanos().into(),
        };
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: zero, it_value };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        loop {
            let mut ready = self.0.readable().await?;
            let read = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0_u8; 8])?));
            if let Ok(read) = read {
                return read.map(drop);
            }
        }
    }
}

/// Brings requests that are due together with callers that are free.
pub(super) struct Tickets {
    shared: Rc<Shared>,
    /// Due, and no caller was free.
    waiting: RefCell<VecDeque<Due>>,
    /// The one that was busy last is taken first: its connection and caches are warm.
    free: RefCell<Vec<Rc<Desk>>>,
    callers: Cell<usize>,
    callers_max: usize,
    is_closed: Cell<bool>,
}

/// Where a free caller waits.
#[derive(Default)]
struct Desk {
    ticket: Cell<Option<Due>>,
    waker: Cell<Option<Waker>>,
}

impl Tickets {
    pub(super) fn new(shared: Rc<Shared>, callers_max: usize) -> Self {
        Self {
            shared,
            waiting: RefCell::default(),
            free: RefCell::default(),
            callers: Cell::new(0),
            callers_max,
            is_closed: Cell::new(false),
        }
    }

    /// Gives a request to a free caller, to a new one, or lets it wait.
    fn hand_out(self: &Rc<Self>, at: Instant) {
        self.shared.recorder.borrow_mut().offer(at);
        let due = Due { at, noticed: None };
        let free = self.free.borrow_mut().pop();
        if let Some(desk) = free {
            desk.give(due);
        } else if self.callers.get() < self.callers_max {
            self.start_caller(Some(due));
        } else if self.waiting.borrow().len() < WAITING_MAX {
            self.waiting.borrow_mut().push_back(Due { noticed: Some(now()), ..due });
        } else {
            self.not_sent(due, "as many as may were waiting for a connection");
        }
    }

    fn not_sent(&self, due: Due, why: &str) {
        let error =
            CallError::new(FailureKind::NotSent, format!("the request was not sent: {why}"));
        let end = now();
        self.shared.recorder.borrow_mut().failed(Some(due), end, end, error);
    }

    fn start_caller(self: &Rc<Self>, first: Option<Due>) {
        let index = self.callers.get();
        self.callers.set(index + 1);
        tokio::task::spawn_local(serve(Rc::clone(self), index, first));
    }

    /// The next request for a caller that is free; `None` when there will be no more.
    async fn next(&self, desk: &Rc<Desk>) -> Option<Due> {
        let waiting = self.waiting.borrow_mut().pop_front();
        if waiting.is_some() {
            return waiting;
        }
        if self.is_closed.get() {
            return None;
        }
        self.free.borrow_mut().push(Rc::clone(desk));
        poll_fn(|context| {
            if let Some(due) = desk.ticket.take() {
                return Poll::Ready(Some(due));
            }
            if self.is_closed.get() {
                return Poll::Ready(None);
            }
            desk.waker.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await
    }

    /// What waits for a connection has failed.
    fn give_up(&self) {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_iter().for_each(|due| self.not_sent(due, "it still waited for a connection"));
    }

    /// Ends the callers when they have sent what waits.
    fn close(&self) {
        self.is_closed.set(true);
        self.free.borrow_mut().drain(..).for_each(|desk| desk.wake());
    }
}

impl Desk {
    fn give(&self, due: Due) {
        self.ticket.set(Some(due));
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Makes requests as they are handed out.
async fn serve(tickets: Rc<Tickets>, index: usize, first: Option<Due>) {
    let mut caller = Caller::new(Rc::clone(&tickets.shared), index);
    let desk = Rc::new(Desk::default());
    if first.is_none() {
        // A request that needs the connection will say what is wrong with it.
        let _ = caller.connect().await;
    }
    let mut next = first;
    loop {
        let due = match next.take() {
            Some(due) => Some(due),
            None => tickets.next(&desk).await,
        };
        let Some(due) = due else { break };
        let turn = tickets.shared.next_request();
        // What went wrong is recorded.
        let _ = caller.request((turn, None), Some(due)).await;
    }
    tickets.callers.set(tickets.callers.get() - 1);
}

/// Hands out requests when they are due, up to the schedule's end; ends when all are answered.
pub(super) async fn pace(
    timer: Timer,
    tickets: Rc<Tickets>,
    times: impl Iterator<Item = Duration>,
) {
    let start = tickets.shared.job.start;
    (0..CONNECTIONS_AT_START.min(tickets.callers_max)).for_each(|_| tickets.start_caller(None));
    let mut handed_out = 0;
    for time in times {
        let at = start + time;
        let wait = at.saturating_duration_since(now());
        if !wait.is_zero() {
            handed_out = 0;
            // A timer that fails now would have failed when it was made.
            timer.wait(wait).await.expect("a timer can be set and read");
        }
        if tickets.shared.is_closing() {
            break;
        }
        tickets.hand_out(at);
        handed_out += 1;
        if handed_out == HANDED_OUT_MAX {
            handed_out = 0;
            tokio::task::yield_now().await;
        }
    }
    tickets.close();
    while tickets.callers.get() > 0 {
        if tickets.shared.gives_up() {
            tickets.give_up();
        }
        sleep(Duration::from_millis(5)).await;
    }
}
