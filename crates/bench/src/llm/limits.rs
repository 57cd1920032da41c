//! How long a run may take: what does not fit any more is left out, and said.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::clock;

/// Longest that one measurement may take, whatever time is left.
const STEP_MAX: Duration = Duration::from_secs(150);

/// The end of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    end: Instant,
}

impl Limits {
    /// A run that ends after `length`.
    pub(super) fn new(length: Duration) -> Self {
        Self { end: clock::now() + length }
    }

    /// What a measurement that begins now may take.
    pub(super) fn left(&self) -> Duration {
        self.end.saturating_duration_since(clock::now()).min(STEP_MAX)
    }

    /// Whether a measurement of about this length still fits.
    ///
    /// # Errors
    ///
    /// It does not.
    pub(super) fn fits(&self, length: Duration) -> Result<()> {
        ensure!(self.left() >= length, "the time for the run (--minutes) is over");
        Ok(())
    }

    /// Waits for what must not take longer than is left.
    ///
    /// # Errors
    ///
    /// Those of the future, or it took longer.
    pub(super) async fn hold<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        let left = self.left();
        let done = tokio::time::timeout(left, future).await;
        done.with_context(|| format!("it took longer than the {left:.0?} that were left"))?
    }
}
