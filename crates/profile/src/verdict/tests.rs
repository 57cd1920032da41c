use super::verdict;
use crate::{BatchOutcome, ProfileDocument, fixture};

/// That the verdict on a changed document has a line with these words.
#[track_caller]
fn check(change: impl FnOnce(&mut ProfileDocument), words: &str) {
    let mut document = fixture::document();
    change(&mut document);
    let lines = verdict(&document);
    assert!(lines.iter().any(|line| line.contains(words)), "'{words}' is not in {lines:#?}");
}

#[track_caller]
fn check_absent(change: impl FnOnce(&mut ProfileDocument), words: &str) {
    let mut document = fixture::document();
    change(&mut document);
    let lines = verdict(&document);
    assert!(!lines.iter().any(|line| line.contains(words)), "'{words}' is in {lines:#?}");
}

#[test]
fn busy_instances_are_the_limit_and_idle_ones_are_not() {
    check(|_| {}, "needs 90.0 % of the cores' time for that, so its compute is the limit");
    let shared = |document: &mut ProfileDocument| document.loads[1].cores_in_model = 0.4;
    check(shared, "compute alone is not the limit");
    check(shared, "at a batch 95.0 % of the time, for they share the cores");
    let disturbed = |document: &mut ProfileDocument| {
        shared(document);
        document.loads[1].cores_elsewhere = 0.3;
    };
    check(disturbed, "Other programs had 30.0 % of the cores meanwhile");
    check(|_| {}, "front end and network are negligible");
    check(|document| document.loads[0].stages[0].share = 0.3, "front end and network take 30.0 %");
}

#[test]
fn batching_is_judged_by_its_curve() {
    check(|_| {}, "Batching pays up to 2 rows: 150.0 rows/s against 100.0 with 1, 1.50 times");
    check_absent(|_| {}, "set max_batch_size");
    check(|document| document.model.batch_rows_max = 1, "set max_batch_size to 2");
    check(|document| document.batches.outcome = BatchOutcome::NoGain, "Batching does not pay");
    check(|document| document.batches.outcome = BatchOutcome::Fixed, "Only one batch size");
}

#[test]
fn cores_go_to_instances_or_to_threads() {
    check(|_| {}, "2 instances x 1 thread beats 1 instance x 2 threads: 190.0 against 160.0");
    check(|_| {}, "A lone run takes 6.200 ms with 2 threads, 10.000 with one");
    check(
        |document| document.scaling[2].requests_per_second = 188.0,
        "is no better for throughput",
    );
    check(|document| document.scaling[2].p50_ms = 9.9, "do not make a lone run shorter");
    check_absent(|document| document.scaling.truncate(1), "beats");
}

#[test]
fn the_machine_is_named_with_its_share() {
    check(|_| {}, "40.0 % of what 1 thread can do in f32 here (100.0)");
    check(|_| {}, "it is bound by compute");
    check(|document| document.ceiling.intensity = 1.0, "it is bound by memory");
    check(|document| document.ceiling.operations = 0.0, "no share of the machine's peak");
    check(|_| {}, "MatMul (80.0 % of the run, at 50.0 % of its compute bound), Softmax (18.0 %");
    check(|_| {}, "multiply no matrices take 18.0 %");
    check(|document| document.engine.run_seconds = 0.05, "is not to be told");
}

#[test]
fn other_element_types_are_named_only_if_the_cpu_has_them() {
    check(|_| {}, "int8 (AVX2) has 2.0 times the peak of f32");
    check_absent(|_| {}, "bf16");
    check(|document| document.machine.roofline.peaks.truncate(1), "No narrower element type");
    check_absent(|document| document.ceiling.share_of_peak = 0.1, "narrower");
}

#[test]
fn lengths_are_judged_if_there_are_any() {
    check(|_| {}, "Half the length (64 in place of 128) takes 48.0 % of the time");
    let slow = |document: &mut ProfileDocument| {
        document.shorter.as_mut().unwrap().shorter_run_ms = 9.0;
    };
    check(slow, "matters little");
    check_absent(|document| document.shorter = None, "Half the length");
}

#[test]
fn time_that_is_not_explained_is_said_to_be() {
    check_absent(|_| {}, "is unexplained");
    check(
        |document| document.loads[1].explained = 0.9,
        "10.0 % of a request's time is unexplained",
    );
}
