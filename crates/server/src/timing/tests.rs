use std::time::Duration;

use serving::{BatchReason, Timing};

use super::server_timing;

#[test]
fn stages_are_in_order_and_in_milliseconds() {
    let timing = Timing {
        decode: Duration::from_micros(12),
        queue: Duration::from_micros(1_200),
        compute_input: Duration::from_nanos(400),
        compute_infer: Duration::from_millis(7),
        compute_output: Duration::from_micros(3),
        batch_rows: 8,
        batch_requests: 4,
        batch_reason: BatchReason::Full,
    };
    assert_eq!(
        server_timing(&timing, Duration::from_micros(5)),
        "decode;dur=0.012, queue;dur=1.200, batch;desc=\"rows=8 requests=4 reason=full\", \
         compute_input;dur=0.000, compute_infer;dur=7.000, compute_output;dur=0.003, \
         encode;dur=0.005"
    );
}
