use std::time::Duration;

use super::{Execution, Histogram, Rejection, Statistics};
use crate::BatchReason;

#[test]
fn a_bound_belongs_to_its_bucket() {
    let mut histogram = Histogram::default();
    for value in [0.5, 1.0, 1.5, 9.0] {
        histogram.observe(value, &[1.0, 2.0]);
    }
    assert_eq!((histogram.buckets, histogram.count, histogram.sum), ([2, 1], 4, 12.0));
}

#[test]
fn a_batch_counts_once_and_its_requests_each() {
    let mut statistics = Statistics::default();
    let execution = Execution {
        rows: 3,
        reason: BatchReason::Full,
        compute_input: Duration::from_nanos(10),
        compute_infer: Duration::from_nanos(200),
        compute_output: Duration::from_nanos(3),
    };
    statistics.record_execution(&execution);
    for queue_ns in [5, 7] {
        let queue = Duration::from_nanos(queue_ns);
        statistics.record_success(&execution, queue, Duration::from_nanos(300));
    }
    assert_eq!((statistics.execution_count, statistics.inference_count), (1, 3));
    assert_eq!((statistics.success.count, statistics.success.ns), (2, 600));
    assert_eq!((statistics.queue.count, statistics.queue.ns), (2, 12));
    assert_eq!(statistics.batches[&3].compute_infer.ns, 200);
    assert_eq!(statistics.batch_reasons[BatchReason::Full as usize], 1);
}

#[test]
fn a_rejection_is_a_failure_too() {
    let mut statistics = Statistics::default();
    statistics.record_rejection(Rejection::QueueFull, Duration::from_nanos(1));
    statistics.record_rejection(Rejection::Invalid, Duration::from_nanos(1));
    assert_eq!(statistics.failures, [1, 0, 0, 1]);
    assert_eq!(statistics.fail.count, 2);
}
