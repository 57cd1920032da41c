use std::time::Duration;

use super::stages;
use crate::{Stage, answer::ServerTiming, client::Stamps, clock::now};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[track_caller]
fn check(timing: &str, expected: &[(Stage, u64)]) {
    let from = now();
    let (sent, written) = (from + ms(5), from + ms(7));
    let (first_byte, end) = (from + ms(105), from + ms(110));
    let stamps = Stamps { sent, written, first_byte };
    let sample = stages(from, &stamps, end, &ServerTiming::parse(timing).unwrap());
    assert_eq!(sample.stages.iter().sum::<Duration>(), ms(110));
    let found: Vec<_> = Stage::ALL
        .into_iter()
        .zip(sample.stages)
        .filter(|(_, duration)| !duration.is_zero())
        .map(|(stage, duration)| (stage, u64::try_from(duration.as_millis()).unwrap()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn stages_sum_to_the_latency() {
    check(
        "decode;dur=1, queue;dur=20, compute_infer;dur=60, encode;dur=1, total;dur=90",
        &[
            (Stage::ClientWait, 5),
            (Stage::ClientSend, 2),
            (Stage::Network, 8),
            (Stage::Decode, 1),
            (Stage::Queue, 20),
            (Stage::ComputeInfer, 60),
            (Stage::Encode, 1),
            (Stage::ServerOther, 8),
            (Stage::ClientReceive, 5),
        ],
    );
}

#[test]
fn a_server_that_reads_while_the_client_writes_overlaps_it() {
    check(
        "compute_infer;dur=99",
        &[
            (Stage::ClientWait, 5),
            (Stage::ClientSend, 1),
            (Stage::ComputeInfer, 99),
            (Stage::ClientReceive, 5),
        ],
    );
    check(
        "compute_infer;dur=500",
        &[(Stage::ClientWait, 5), (Stage::ComputeInfer, 100), (Stage::ClientReceive, 5)],
    );
}
