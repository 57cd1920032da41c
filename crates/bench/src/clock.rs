//! The one place here that reads the clock and waits.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::time::{Duration, Instant};

/// The present, on the monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Blocks the thread; for start-up and shutdown of servers.
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Lets other tasks of this thread run meanwhile.
pub(crate) async fn rest(duration: Duration) {
    tokio::time::sleep(duration).await;
}
