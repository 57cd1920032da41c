use std::time::Duration;

use super::StepCost;

fn measured(steps: &[(usize, u64)]) -> StepCost {
    let mut cost = StepCost::default();
    steps.iter().for_each(|(rows, ms)| cost.observe(*rows, Duration::from_millis(*ms)));
    cost
}

/// Milliseconds of a step after others were measured.
#[track_caller]
fn check(steps: &[(usize, u64)], rows: usize, expected: Option<f64>) {
    let ms = measured(steps).seconds(rows).map(|seconds| (seconds * 1e4).round() / 10.0);
    assert_eq!(ms, expected);
}

#[test]
fn what_was_measured_is_known() {
    check(&[(1, 10), (4, 16)], 1, Some(10.0));
    check(&[(1, 10), (4, 16)], 4, Some(16.0));
}

#[test]
fn between_measurements_is_a_line() {
    check(&[(1, 10), (4, 16)], 2, Some(12.0));
    check(&[(1, 10), (4, 16)], 3, Some(14.0));
}

#[test]
fn unseen_sizes_look_cheap_enough_to_be_tried() {
    check(&[(1, 10)], 5, Some(12.0));
    check(&[(8, 10)], 3, Some(10.0));
}

#[test]
fn without_measurements_nothing_is_known() {
    check(&[], 1, None);
    check(&[(1, 0), (0, 10), (65, 10), (1000, 10)], 1, None);
    check(&[(1, 10)], 0, None);
    check(&[(1, 10)], 65, None);
}

#[test]
fn a_slow_step_moves_little_and_a_fast_one_much() {
    check(&[(1, 10), (1, 110)], 1, Some(15.0));
    check(&[(1, 20), (1, 10)], 1, Some(17.0));
}
