//! What a generator would have missed that only looks when it sends.

use super::figure::figure;
use crate::result::Summary;

/// A p99 that differs by less than this share is not worth a sentence.
const WORTH: f64 = 0.1;

/// How much the tail loses if requests are timed from when they were sent; `None` if hardly anything
/// or if the load was no open loop.
pub(crate) fn omission(summary: &Summary) -> Option<String> {
    let (due, sent) = (summary.latency.p99.value, summary.service?.p99.value);
    (due > sent * (1.0 + WORTH)).then(|| {
        format!(
            "Timed from when requests were sent, as many generators do, the p99 would be {} ms \
             instead of {} ms.",
            figure(sent),
            figure(due)
        )
    })
}
