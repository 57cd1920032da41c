use std::time::Duration;

use super::{Batch, Intervals, order_statistics, rate_of, ratio_of, variance_inflation};
use crate::{Distribution, Random, Slice, critical::normal_quantile, distribution::quantile_rank};

/// Slices whose log latency is a level that wanders as an AR(1) series from slice to slice, and
/// independent noise around it. `wander` and `noise` are standard deviations.
fn wandering(seed: u64, slices: usize, each: usize, wander: f64) -> Vec<Slice> {
    const CORRELATION: f64 = 0.7;
    let mut random = Random::new(seed);
    let mut level = random.normal();
    let mut measured = Vec::new();
    for index in 0..slices {
        level = CORRELATION * level + (1.0 - CORRELATION * CORRELATION).sqrt() * random.normal();
        let latency: Distribution =
            (0..each).map(|_| latency_of(wander * level + 0.3 * random.normal())).collect();
        measured.push(slice(index, latency));
    }
    measured
}

#[expect(clippy::cast_possible_truncation, reason = "far below the limit")]
fn latency_of(log: f64) -> u64 {
    (log.exp() * 1e6) as u64
}

fn slice(index: usize, latency: Distribution) -> Slice {
    let length = Duration::from_millis(100);
    let completed = latency.count();
    Slice {
        start: length * u32::try_from(index).unwrap(),
        length,
        completed,
        latency,
        ..Slice::default()
    }
}

/// In how many of a hundred runs the 95 % interval of a quantile holds the true one.
fn coverage(q: f64, slices: usize, each: usize, wander: f64) -> f64 {
    const RUNS: u64 = 100;
    let deviation = (0.3_f64.powi(2) + wander.powi(2)).sqrt();
    let truth = (normal_quantile(q) * deviation).exp() * 1e6;
    let covered = (0..RUNS).filter(|seed| {
        let measured = wandering(*seed, slices, each, wander);
        let intervals = Intervals::new(&measured);
        let quantile = intervals.quantiles(|slice| Some(&slice.latency)).estimate(q);
        (quantile.low..=quantile.high).contains(&truth)
    });
    covered.count() as f64 / RUNS as f64
}

#[test]
fn intervals_of_quantiles_hold_the_truth_of_a_correlated_series() {
    for (q, slices, each) in [(0.5, 128, 20), (0.99, 128, 20), (0.9, 192, 10)] {
        let covered = coverage(q, slices, each, 0.15);
        assert!(covered >= 0.9, "p{}: {covered}", q * 100.0);
    }
}

#[test]
fn independent_bounds_alone_would_miss_it() {
    let missed = (0..50).filter(|seed| {
        let measured = wandering(*seed, 128, 20, 0.15);
        let all = Distribution::merged(measured.iter().map(|slice| &slice.latency));
        let (first, last) = order_statistics(0.5, all.count());
        !(all.at_rank(first)..=all.at_rank(last)).contains(&1_000_000)
    });
    assert!(missed.count() > 15);
}

#[track_caller]
fn check_ranks(q: f64, count: u64, expected: (u64, u64)) {
    assert_eq!(order_statistics(q, count), expected, "quantile {q} of {count}");
}

#[test]
fn order_statistics_are_those_of_the_tables() {
    check_ranks(0.5, 10, (2, 9));
    check_ranks(0.5, 20, (6, 15));
    check_ranks(0.5, 5, (0, 6));
    check_ranks(0.99, 0, (0, 1));
    // Of 368 observations one is beyond p99 with 97.5 %.
    assert_eq!(order_statistics(0.99, 367).1, 368);
    assert_eq!(order_statistics(0.99, 368).1, 368);
    assert_eq!(order_statistics(0.999, 3686).1, 3687);
}

#[test]
fn exact_and_approximate_ranks_meet() {
    // To either side of where the approximation begins.
    for (q, count) in [(0.5, 399), (0.9, 1110), (0.99, 10_100), (0.999, 100_099)] {
        let (exact, near) = (order_statistics(q, count), order_statistics(q, count + 2));
        assert!(
            exact.0.abs_diff(near.0) <= 2 && exact.1.abs_diff(near.1) <= 4,
            "{exact:?} {near:?}"
        );
    }
    for count in 1..3000 {
        let (first, last) = order_statistics(0.99, count);
        assert!((first..=last).contains(&quantile_rank(0.99, count)), "{count}");
    }
}

#[test]
fn a_quantile_beyond_what_was_observed_reaches_to_the_largest() {
    let measured = [slice(0, (1..=200).collect())];
    let intervals = Intervals::new(&measured);
    let p999 = intervals.quantiles(|slice| Some(&slice.latency)).estimate(0.999);
    assert_eq!((p999.value, p999.high), (200.0, 200.0));
    assert!(p999.low > 190.0 && p999.low < 200.0);
}

#[test]
fn nothing_measured_is_zero_and_not_a_number() {
    let intervals = Intervals::new(&[]);
    let none = crate::Estimate::default();
    assert_eq!(intervals.quantiles(|slice| Some(&slice.latency)).estimate(0.5), none);
    assert_eq!(intervals.rate(|slice| slice.completed), none);
    assert_eq!(intervals.mean(|slice| Some(&slice.latency)), none);
    let share = intervals.share(|slice| (slice.good, slice.completed));
    assert_eq!((share.low, share.high), (0.0, 1.0));
}

fn batches(amounts: &[f64]) -> Vec<Batch> {
    amounts.iter().map(|amount| Batch { amount: *amount, size: 1.0 }).collect()
}

#[test]
fn a_mean_of_independent_batches_has_students_interval() {
    // Mean 3, standard deviation 2, five batches in no order: 3 +- 2.776 * 2 / sqrt(5).
    let mean = ratio_of(&batches(&[5.0, 1.0, 5.0, 1.0, 3.0]));
    assert_eq!(mean.value, 3.0);
    assert!((mean.high - 3.0 - 2.776_4 * 2.0 / 5.0_f64.sqrt()).abs() < 1e-3, "{mean:?}");
}

#[test]
fn correlated_batches_widen_an_interval() {
    let alternating = [1.0, -1.0].repeat(16);
    let stretches = [[1.0; 8], [-1.0; 8], [1.0; 8], [-1.0; 8]].concat();
    assert_eq!(variance_inflation(&alternating), 1.0);
    assert!(variance_inflation(&stretches) > 4.0);
    assert_eq!(variance_inflation(&[0.0; 9]), 1.0);
}

#[test]
fn a_single_batch_is_taken_for_a_poisson_process() {
    let rate = rate_of(&[Batch { amount: 100.0, size: 10.0 }]);
    assert_eq!(rate.value, 10.0);
    assert!((rate.high - 11.96).abs() < 0.01 && (rate.low - 8.04).abs() < 0.01, "{rate:?}");
    let idle = rate_of(&[Batch { amount: 0.0, size: 10.0 }]);
    assert!(idle.low == 0.0 && idle.high > 0.0);
}

#[test]
fn a_share_of_all_is_not_certain() {
    let measured: Vec<Slice> = (0..10)
        .map(|index| Slice { good: 30, completed: 30, ..slice(index, Distribution::default()) })
        .collect();
    let share = Intervals::new(&measured).share(|slice| (slice.good, slice.completed));
    assert_eq!((share.value, share.high), (1.0, 1.0));
    // Clopper and Pearson: 0.025^(1/300).
    assert!((share.low - 0.987_8).abs() < 1e-3, "{}", share.low);
}

#[test]
fn rates_hold_the_truth_of_a_correlated_series() {
    let covered = (0..200_u64).filter(|seed| {
        let mut random = Random::new(*seed);
        let mut level = random.normal();
        let measured: Vec<Slice> = (0..192)
            .map(|index| {
                level = 0.7 * level + 0.51_f64.sqrt() * random.normal();
                let completed = latency_of(0.0) / 1000 + latency_of((0.1 * level).ln_1p()) / 10_000;
                Slice { completed, ..slice(index, Distribution::default()) }
            })
            .map(|slice| Slice { length: Duration::from_secs(1), ..slice })
            .collect();
        let rate = Intervals::new(&measured).rate(|slice| slice.completed);
        (rate.low..=rate.high).contains(&1100.0)
    });
    let covered = covered.count();
    assert!(covered >= 180, "{covered} of 200");
}
