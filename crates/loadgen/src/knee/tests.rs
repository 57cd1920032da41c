use crate::{Estimate, Knee, LatencySummary, LevelResult, LoadLevel, LoadMode, Summary};

fn level(mode: LoadMode, value: f64, throughput: f64) -> LevelResult {
    let at = |value: f64| Estimate { value, low: value * 0.98, high: value * 1.02 };
    let latency = LatencySummary { p99: at(value), ..LatencySummary::default() };
    let summary = Summary { throughput: at(throughput), latency, ..Summary::default() };
    LevelResult { load: LoadLevel { mode, value, ..LoadLevel::default() }, round: 0, summary }
}

fn sweep(points: &[(f64, f64)]) -> Vec<LevelResult> {
    points.iter().map(|(value, throughput)| level(LoadMode::Closed, *value, *throughput)).collect()
}

#[track_caller]
fn check(points: &[(f64, f64)], expected: Option<f64>) {
    let knee = Knee::of(&sweep(points));
    assert_eq!(knee.as_ref().map(|knee| knee.load.value), expected, "{knee:?}");
}

#[test]
fn the_knee_is_the_last_level_that_paid() {
    check(&[(1.0, 100.0), (2.0, 195.0), (4.0, 350.0), (8.0, 370.0), (16.0, 372.0)], Some(4.0));
    check(&[(8.0, 370.0), (1.0, 100.0), (4.0, 350.0), (2.0, 195.0)], Some(4.0));
    // It was at its limit from the start.
    check(&[(1.0, 100.0), (2.0, 101.0), (4.0, 99.0)], Some(1.0));
    // More load harms.
    check(&[(1.0, 100.0), (2.0, 180.0), (4.0, 90.0)], Some(2.0));
}

#[test]
fn a_sweep_that_still_gains_shows_no_knee() {
    check(&[(1.0, 100.0), (2.0, 195.0), (4.0, 350.0)], None);
    check(&[(1.0, 100.0), (2.0, 101.0)], None);
    check(&[], None);
    check(&[(0.0, 0.0), (0.0, 0.0), (0.0, 0.0)], None);
}

#[test]
fn small_steps_add_up() {
    // Each step of 2 % is within the noise; together they are not.
    let points: Vec<(f64, f64)> =
        (0..15).map(|step| 100.0 * 1.02_f64.powi(step)).map(|rate| (rate, rate)).collect();
    check(&points, None);
    let bent: Vec<(f64, f64)> =
        points.iter().map(|(value, rate)| (*value, rate.min(115.0))).collect();
    let knee = Knee::of(&sweep(&bent)).unwrap();
    assert!((109.0..122.0).contains(&knee.load.value), "{knee:?}");
}

#[test]
fn a_knee_says_why() {
    let knee = Knee::of(&sweep(&[(1.0, 100.0), (2.0, 180.0), (4.0, 189.0)])).unwrap();
    assert!(
        knee.reason
            .starts_with("from 2 to 4 the load grows by 100 %, throughput by 5 % and p99 by 100 %")
    );
}

#[test]
fn rounds_of_a_level_are_one_point() {
    let mut levels = sweep(&[(1.0, 100.0), (2.0, 180.0), (4.0, 184.0)]);
    levels.extend(sweep(&[(1.0, 110.0), (2.0, 190.0), (4.0, 190.0)]));
    let knee = Knee::of(&levels).unwrap();
    assert_eq!((knee.load.value, knee.throughput), (2.0, 185.0));
}

#[test]
fn a_load_that_is_not_steady_has_none() {
    let points = [(1.0, 100.0), (2.0, 101.0), (4.0, 99.0)];
    let ramp: Vec<LevelResult> =
        points.map(|(value, rate)| level(LoadMode::Ramp, value, rate)).into();
    assert_eq!(Knee::of(&ramp), None);
}
