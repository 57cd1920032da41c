//! Requests that do not run: counting them and saying why.

use std::time::Duration;

use super::{Pending, Shared};
use crate::{ErrorKind, Rejection, ServeError, Statistics, Timestamp};

impl Shared {
    /// Counts a request that will not run and says why. `limit` is what a full queue holds.
    pub(super) fn refuse(
        &self,
        rejection: Rejection,
        limit: Option<usize>,
        pending: &Pending,
        now: Timestamp,
    ) -> ServeError {
        let mut statistics = self.statistics.lock();
        statistics.record_rejection(rejection, now.since(pending.received));
        let retry_after = retry_after(&statistics);
        drop(statistics);
        let error = self.refusal(rejection, limit.unwrap_or_default());
        match rejection {
            Rejection::QueueFull | Rejection::QueueBytes | Rejection::Unavailable => {
                error.with_retry_after(retry_after)
            }
            Rejection::Timeout | Rejection::Canceled | Rejection::Invalid => error,
        }
    }

    fn refusal(&self, rejection: Rejection, limit: usize) -> ServeError {
        let model = &self.model;
        match rejection {
            Rejection::QueueFull => ServeError::unavailable(format!(
                "Exceeds maximum queue size: at most {limit} requests wait for model '{model}'"
            )),
            Rejection::QueueBytes => ServeError::unavailable(format!(
                "Exceeds maximum queue size: at most {limit} bytes of input wait for model '{model}'"
            )),
            Rejection::Timeout => ServeError::unavailable(format!(
                "Request timeout expired: its time in the queue of model '{model}' was over"
            )),
            Rejection::Canceled => {
                ServeError::new(ErrorKind::Cancelled, "the request was cancelled by its client")
            }
            Rejection::Unavailable => ServeError::unavailable(format!(
                "model '{model}' takes no requests: it is being unloaded, or its instances failed"
            )),
            Rejection::Invalid => {
                ServeError::invalid(format!("the request does not fit model '{model}'"))
            }
        }
    }
}

/// What requests wait on average: in that time a full queue moves on. A second at least.
fn retry_after(statistics: &Statistics) -> Duration {
    let queue = &statistics.queue;
    let mean = Duration::from_nanos(queue.ns.checked_div(queue.count).unwrap_or(0));
    mean.clamp(Duration::from_secs(1), Duration::from_secs(30))
}
