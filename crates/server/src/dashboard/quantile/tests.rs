use serving::Histogram;

use super::quantile;

const BOUNDS: [f64; 3] = [1.0, 2.0, 4.0];

#[track_caller]
fn check(values: &[f64], share: f64, expected: Option<f64>) {
    let mut histogram = Histogram::default();
    for value in values {
        histogram.observe(*value, &BOUNDS);
    }
    assert_eq!(quantile(&histogram, &BOUNDS, share), expected);
}

#[test]
fn nothing_has_no_quantile() {
    check(&[], 0.5, None);
}

#[test]
fn within_a_bucket_observations_are_spread_evenly() {
    check(&[1.5; 4], 0.5, Some(1.5));
    check(&[1.1; 4], 0.25, Some(1.25));
    check(&[0.9], 0.5, Some(0.5));
    check(&[0.5, 0.5, 3.0, 3.0], 0.5, Some(1.0));
    check(&[0.5, 0.5, 3.0, 3.0], 0.75, Some(3.0));
}

#[test]
fn above_the_last_bound_it_is_that_bound() {
    check(&[100.0; 3], 0.5, Some(4.0));
    check(&[0.5, 0.5, 0.5, 100.0], 0.99, Some(4.0));
}

#[test]
fn the_ends_are_within_the_bounds() {
    check(&[1.5, 3.0], 0.0, Some(1.0));
    check(&[1.5, 3.0], 1.0, Some(4.0));
}
