//! The one place here that reads the clock and waits.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::time::{Duration, Instant};

/// The present, on the monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Blocks the thread; for start-up and shutdown of servers and for pacing.
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Blocks the thread until `at`.
pub(crate) fn pause_until(at: Instant) {
    std::thread::sleep(at.saturating_duration_since(now()));
}

/// Nanoseconds, at least 1, for a histogram.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(1)
}
