use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use serving::Timestamp;

use crate::HttpLimits;

/// How long a connection may be quiet while the server ends: what the client has sent by then has
/// arrived.
const CLOSING_PATIENCE: Duration = Duration::from_millis(250);

/// How long what a client still sends is thrown away, so that it gets to read its answer.
const LINGER_MAX: Duration = Duration::from_secs(5);

/// What one connection is at. Its reads, writes and requests report here, and somebody looks at it
/// now and then and closes what takes too long; so no request needs a timer of its own, nor a look at
/// the clock: how long something takes is counted from the first look that finds it.
#[derive(Debug)]
pub(super) struct Watch {
    phase: AtomicU8,
    /// When a look first found the phase, in the clock's nanoseconds; 0 if none has.
    since: AtomicU64,
    is_blocked: AtomicBool,
    /// When a look first found it blocked.
    blocked_since: AtomicU64,
    lingers: AtomicBool,
}

/// Waiting for the rest of a request's headers, or for the first request.
const HEAD: u8 = 0;
/// Reading, running or answering a request.
const SERVING: u8 = 1;
/// Waiting for the next request.
const IDLE: u8 = 2;
/// Sending events until the server ends: nobody waits for their end.
const STREAMING: u8 = 4;
/// Nothing is served any more; what still comes is thrown away.
const LINGERING: u8 = 3;

impl Watch {
    /// The connection has been accepted.
    pub(super) fn new() -> Self {
        Self {
            phase: AtomicU8::new(HEAD),
            since: AtomicU64::new(0),
            is_blocked: AtomicBool::new(false),
            blocked_since: AtomicU64::new(0),
            lingers: AtomicBool::new(false),
        }
    }

    fn enter(&self, phase: u8) {
        self.phase.store(phase, Relaxed);
        self.since.store(0, Relaxed);
    }

    /// Bytes came in.
    pub(super) fn received(&self) {
        if self.phase.load(Relaxed) == IDLE {
            self.enter(HEAD);
        }
    }

    /// A request's headers are complete.
    pub(super) fn serving(&self) {
        self.phase.store(SERVING, Relaxed);
        self.lingers.store(false, Relaxed);
    }

    /// The answer is a stream of events.
    pub(super) fn streaming(&self) {
        self.enter(STREAMING);
    }

    /// A request's answer has been handed over.
    pub(super) fn answered(&self) {
        self.enter(IDLE);
    }

    /// The client does not take what is written, or takes it again.
    pub(super) fn set_blocked(&self, is_blocked: bool) {
        if is_blocked != self.is_blocked.load(Relaxed) {
            self.is_blocked.store(is_blocked, Relaxed);
            self.blocked_since.store(0, Relaxed);
        }
    }

    /// The answer leaves part of the request unread.
    pub(super) fn set_lingers(&self) {
        self.lingers.store(true, Relaxed);
    }

    /// The server has said all it has to say; true if the client may go on for a while.
    pub(super) fn finished(&self) -> bool {
        if self.phase.load(Relaxed) != LINGERING {
            self.enter(LINGERING);
        }
        self.lingers.load(Relaxed)
    }

    /// Counts what the connection is at from the next look on, since other limits hold from now on.
    pub(super) fn start_anew(&self) {
        self.since.store(0, Relaxed);
    }

    /// Whether something takes longer than it may.
    pub(super) fn is_overdue(&self, now: Timestamp, limits: &HttpLimits, is_closing: bool) -> bool {
        let is_blocked = self.is_blocked.load(Relaxed);
        if is_blocked && first_seen(&self.blocked_since, now) > limits.body_idle_timeout {
            return true;
        }
        let limit = match self.phase.load(Relaxed) {
            HEAD if is_closing => CLOSING_PATIENCE.min(limits.header_timeout),
            HEAD => limits.header_timeout,
            IDLE if is_closing => CLOSING_PATIENCE.min(limits.keep_alive),
            IDLE => limits.keep_alive,
            LINGERING => LINGER_MAX,
            STREAMING if is_closing => CLOSING_PATIENCE,
            _ => return false,
        };
        first_seen(&self.since, now) > limit
    }
}

/// How long ago a look first found something; this look may be the first.
fn first_seen(since: &AtomicU64, now: Timestamp) -> Duration {
    let earlier = since.load(Relaxed);
    if earlier == 0 {
        since.store(now.0.max(1), Relaxed);
        return Duration::ZERO;
    }
    now.since(Timestamp(earlier))
}

#[cfg(test)]
mod tests;
