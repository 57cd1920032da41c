//! The one place here that reads clocks and waits.
#![expect(clippy::disallowed_methods, reason = "a load generator measures real time")]

use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// The present, on the monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Seconds since the epoch: only for the result's date.
#[must_use]
pub fn epoch_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Blocks the thread.
#[cfg(test)]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Lets other tasks of this thread run for so long; exact to a millisecond.
pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// CPU time that the calling thread has used so far.
pub(crate) fn thread_cpu_time() -> Duration {
    cpu_time(ClockId::ThreadCPUTime)
}

fn cpu_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), nanos)
}

/// Nanoseconds, at least 1, for histograms.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(1)
}
