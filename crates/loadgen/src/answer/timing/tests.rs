use std::time::Duration;

use super::ServerTiming;
use crate::Stage;

#[test]
fn stages_total_and_batch_are_read() {
    let header = "decode;dur=0.010, queue;dur=1.000, batch;desc=\"rows=8 requests=4 reason=full\", \
                  compute_input;dur=0.003, compute_infer;dur=7, compute_output;dur=0.002, \
                  encode;dur=0.005, total;dur=8.100, cdn;dur=3";
    let timing = ServerTiming::parse(header).unwrap();
    assert_eq!(timing.batch_rows, Some(8));
    assert_eq!(timing.total, Duration::from_micros(8100));
    assert_eq!(timing.other(), Duration::from_micros(80));
    let stages: Vec<_> = timing.stages().collect();
    assert_eq!(stages[1], (Stage::Queue, Duration::from_millis(1)));
    assert_eq!(stages.len(), 6);
}

#[test]
fn without_a_total_the_stages_are_all() {
    let timing = ServerTiming::parse("queue;dur=2,compute_infer;dur=3").unwrap();
    assert_eq!((timing.total, timing.other()), (Duration::from_millis(5), Duration::ZERO));
}

#[test]
fn what_is_no_timing_of_an_inference_is_none() {
    for text in
        ["", "cache;desc=hit", "queue;dur=x", "queue;dur=-1", "queue;dur=NaN", "miss, db;dur=53"]
    {
        assert_eq!(ServerTiming::parse(text), None, "{text}");
    }
}
