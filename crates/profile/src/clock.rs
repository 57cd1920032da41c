//! The one place here that waits; the present is `serving::Clock`'s.
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement beside another one is paced in real time"
)]

use std::time::{Duration, SystemTime};

/// Blocks the thread.
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Seconds since 1970, for the document's date.
pub(crate) fn epoch_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
