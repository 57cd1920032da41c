use serving::{BatchReason, Timestamp, Timing};

use super::{Stopwatch, server_timing};

fn front() -> Stopwatch {
    Stopwatch {
        is_on: true,
        received: Timestamp(1_000_000),
        read: Timestamp(1_002_000),
        resumed: Timestamp(9_250_400),
        encoded: Timestamp(9_255_400),
    }
}

#[test]
fn stages_are_in_order_in_milliseconds_and_add_up() {
    let timing = Timing {
        queued: Timestamp(1_014_000),
        started: Timestamp(2_214_000),
        inputs_ready: Timestamp(2_214_400),
        outputs_start: Timestamp(9_214_400),
        ended: Timestamp(9_217_400),
        batch_rows: 8,
        batch_requests: 4,
        batch_reason: BatchReason::Full,
    };
    assert_eq!(
        server_timing(&timing, &front()),
        "receive;dur=0.002, decode;dur=0.012, queue;dur=1.200, \
         batch;desc=\"rows=8 requests=4 reason=full\", compute_input;dur=0.000, \
         compute_infer;dur=7.000, compute_output;dur=0.003, wake;dur=0.033, encode;dur=0.005, \
         total;dur=8.255"
    );
}

#[test]
fn a_model_that_does_not_say_leaves_its_stages_out() {
    assert_eq!(
        server_timing(&Timing::default(), &front()),
        "receive;dur=0.002, encode;dur=0.005, total;dur=8.255"
    );
}

#[test]
fn nobody_looks_at_the_clock_unasked() {
    let mut stopwatch = Stopwatch::new(false, Timestamp(5));
    stopwatch.note_read();
    stopwatch.note_resumed();
    stopwatch.note_encoded();
    let Stopwatch { read, resumed, encoded, .. } = stopwatch;
    assert_eq!((read, resumed, encoded), Default::default());
}
