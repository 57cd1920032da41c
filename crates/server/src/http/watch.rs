use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use serving::{Clock, Timestamp};

use crate::HttpLimits;

/// How long a client that comes while the server closes may take to send its first bytes.
const LATE_PATIENCE: Duration = Duration::from_millis(500);

/// How long what a client still sends is thrown away, so that it gets to read its answer.
const LINGER_MAX: Duration = Duration::from_secs(5);

/// What one connection is at, and since when: its reads, writes and requests report here, and now and
/// then somebody looks whether it takes too long. So no request needs a timer of its own.
///
/// All of it happens in the connection's task; the atomics only say so to the compiler.
#[derive(Debug)]
pub(super) struct Watch {
    phase: AtomicU8,
    /// When the phase began, in the clock's nanoseconds.
    since: AtomicU64,
    /// Since when the client has not taken what was written; 0 if it does.
    blocked_since: AtomicU64,
    has_served: AtomicBool,
    lingers: AtomicBool,
}

const HEAD: u8 = 0;
const SERVING: u8 = 1;
const IDLE: u8 = 2;
const LINGERING: u8 = 3;

impl Watch {
    /// The connection has been accepted.
    pub(super) fn new() -> Self {
        Self {
            phase: AtomicU8::new(HEAD),
            since: AtomicU64::new(Clock::now().0),
            blocked_since: AtomicU64::new(0),
            has_served: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
        }
    }

    fn enter(&self, phase: u8) {
        self.phase.store(phase, Relaxed);
        self.since.store(Clock::now().0, Relaxed);
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
        self.has_served.store(true, Relaxed);
        self.lingers.store(false, Relaxed);
    }

    /// A request's answer has been handed over.
    pub(super) fn answered(&self) {
        self.enter(IDLE);
    }

    /// The client does not take what is written, or takes it again.
    pub(super) fn set_blocked(&self, is_blocked: bool) {
        let was_blocked = self.blocked_since.load(Relaxed) != 0;
        if is_blocked != was_blocked {
            let since = if is_blocked { Clock::now().0.max(1) } else { 0 };
            self.blocked_since.store(since, Relaxed);
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

    /// Whether a request was ever served.
    pub(super) fn has_served(&self) -> bool {
        self.has_served.load(Relaxed)
    }

    /// Whether something takes longer than it may.
    pub(super) fn is_overdue(&self, now: Timestamp, limits: &HttpLimits, is_closing: bool) -> bool {
        let blocked_since = self.blocked_since.load(Relaxed);
        if blocked_since != 0 && now.since(Timestamp(blocked_since)) > limits.body_idle_timeout {
            return true;
        }
        let limit = match self.phase.load(Relaxed) {
            HEAD if is_closing && !self.has_served() => LATE_PATIENCE.min(limits.header_timeout),
            HEAD => limits.header_timeout,
            IDLE => limits.keep_alive,
            LINGERING => LINGER_MAX,
            _ => return false,
        };
        now.since(Timestamp(self.since.load(Relaxed))) > limit
    }
}

#[cfg(test)]
mod tests;
