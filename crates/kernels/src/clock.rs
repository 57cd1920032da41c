//! The one place here that reads the clock.

use std::time::Instant;

/// The present, on the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "a micro-benchmark measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
