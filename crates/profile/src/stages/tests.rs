use std::time::Duration;

use loadgen::{Stage, StageSample, StageSums};

use super::{Account, account};

/// Microseconds by stage, of one request.
fn sample(stages: &[(Stage, u64)], batch_rows: Option<u64>) -> StageSample {
    let mut sample = StageSample { batch_rows, ..StageSample::default() };
    for (stage, micros) in stages {
        let place = Stage::ALL.iter().position(|own| own == stage).unwrap();
        sample.stages[place] = Duration::from_micros(*micros);
    }
    sample
}

fn sums(samples: &[StageSample]) -> StageSums {
    let mut sums = StageSums::default();
    samples.iter().for_each(|sample| sums.add(sample));
    sums
}

#[track_caller]
fn check(account: &Account, name: &str, ms: f64) {
    let stage = account.stages.iter().find(|stage| stage.name == name);
    let stage = stage.unwrap_or_else(|| panic!("{name} is not in {account:?}"));
    assert!((stage.ms - ms).abs() < 1e-9, "{stage:?}, expected {ms}");
    assert!((stage.share - ms / account.mean_ms).abs() < 1e-9);
}

#[test]
fn stages_and_what_is_unexplained_are_the_whole_time() {
    let one = sample(&[(Stage::Network, 300), (Stage::ComputeInfer, 9600)], None);
    let two = sample(&[(Stage::Network, 100), (Stage::ComputeInfer, 10_000)], None);
    let account = account(&sums(&[one, two]), 1, 0.15);
    check(&account, "network", 0.15);
    check(&account, "compute_infer", 9.8);
    check(&account, "decode", 0.0);
    assert!((account.mean_ms - 10.0).abs() < 1e-9);
    assert!((account.unexplained_ms - 0.05).abs() < 1e-9);
    assert!((account.explained - 0.995).abs() < 1e-9);
    let stages: f64 = account.stages.iter().map(|stage| stage.ms).sum();
    assert!((stages + account.unexplained_ms - account.mean_ms).abs() < 1e-9);
}

#[test]
fn a_bare_exchange_that_takes_longer_explains_no_more_than_there_is() {
    let account =
        account(&sums(&[sample(&[(Stage::Network, 50), (Stage::Queue, 50)], None)]), 1, 9.0);
    check(&account, "network", 0.05);
    assert_eq!(account.unexplained_ms.to_bits(), 0_f64.to_bits());
    assert_eq!(account.explained.to_bits(), 1_f64.to_bits());
}

#[test]
fn an_instances_time_is_shared_by_the_requests_of_a_batch() {
    let stages =
        [(Stage::ComputeInput, 1000), (Stage::ComputeInfer, 6000), (Stage::ComputeOutput, 1000)];
    let of = |rows, request_rows| {
        account(&sums(&[sample(&stages, rows), sample(&stages, rows)]), request_rows, 0.0)
    };
    assert!((of(Some(4), 1).instance_ms - 2.0).abs() < 1e-9);
    assert!((of(Some(4), 2).instance_ms - 4.0).abs() < 1e-9);
    assert!((of(None, 1).instance_ms - 8.0).abs() < 1e-9);
}

#[test]
fn the_mean_batch_is_that_of_batches_not_of_requests() {
    // One batch of three requests, one of one.
    let three = sample(&[(Stage::Queue, 1)], Some(3));
    let one = sample(&[(Stage::Queue, 1)], Some(1));
    let account = account(&sums(&[three, three, three, one]), 1, 0.0);
    assert!((account.batch_rows - 2.0).abs() < 1e-9);
}

#[test]
fn no_samples_are_no_account() {
    assert_eq!(account(&StageSums::default(), 1, 1.0), Account::default());
}
