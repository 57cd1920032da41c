use std::{
    ops::Add,
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

/// Nanoseconds since the process's first look at its monotonic clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Time from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

/// The one place below the command line that reads the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock;

impl Clock {
    /// The present.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everyone else is given")]
    pub fn now() -> Timestamp {
        static START: OnceLock<Instant> = OnceLock::new();
        let elapsed = START.get_or_init(Instant::now).elapsed();
        Timestamp(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The time of day at `timestamp`, which has passed.
    #[must_use]
    pub fn time_of_day(timestamp: Timestamp) -> SystemTime {
        SystemTime::now() - Self::now().since(timestamp)
    }

    /// When `timestamp` will be, for a timer.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everyone else is given")]
    pub fn instant(timestamp: Timestamp) -> Instant {
        Instant::now() + timestamp.since(Self::now())
    }
}
