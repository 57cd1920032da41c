use super::{BatchPoint, judge};
use crate::BatchOutcome;

/// Rows and rows per second.
#[track_caller]
fn check(rates: &[(usize, f64)], outcome: BatchOutcome, best_rows: usize) {
    let point = |(rows, rate): &(usize, f64)| BatchPoint {
        rows: *rows,
        runs: 3,
        run_ms: *rows as f64 * 1e3 / rate,
        row_ms: 1e3 / rate,
        rows_per_second: *rate,
    };
    let curve = judge(1, rates.iter().map(point).collect());
    assert_eq!((curve.outcome, curve.best_rows), (outcome, best_rows), "{rates:?}");
    let rate_of = |rows| rates.iter().find(|(own, _)| *own == rows).unwrap().1;
    assert!((curve.gain - rate_of(best_rows) / rates[0].1).abs() < 1e-9);
}

#[test]
fn the_smallest_size_that_is_as_good_as_any_is_chosen() {
    use BatchOutcome::{Fixed, NoGain, Pays};
    check(&[(1, 100.0), (2, 190.0), (4, 300.0), (8, 310.0)], Pays, 4);
    check(&[(1, 100.0), (2, 150.0), (4, 120.0)], Pays, 2);
    check(&[(1, 100.0), (2, 104.0), (4, 98.0)], NoGain, 1);
    check(&[(1, 100.0), (2, 103.0), (4, 109.0)], NoGain, 4);
    check(&[(1, 100.0), (2, 80.0)], NoGain, 1);
    check(&[(1, 100.0)], Fixed, 1);
    check(&[(3, 100.0), (4, 200.0)], Pays, 4);
}

#[test]
fn nothing_measured_is_nothing_gained() {
    let curve = judge(1, Vec::new());
    assert_eq!((curve.outcome, curve.best_rows), (BatchOutcome::Fixed, 1));
}
