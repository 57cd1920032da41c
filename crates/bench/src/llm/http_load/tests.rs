use super::quantile;

#[track_caller]
fn check(values: &[f64], share: f64, expected: Option<f64>) {
    assert_eq!(quantile(values, share), expected);
}

#[test]
fn quantiles_are_values_that_were_measured() {
    check(&[], 0.5, None);
    check(&[3.0], 0.5, Some(3.0));
    check(&[3.0], 0.99, Some(3.0));
    check(&[4.0, 1.0, 3.0, 2.0], 0.5, Some(2.0));
    check(&[4.0, 1.0, 3.0, 2.0], 0.99, Some(4.0));
    let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
    check(&hundred, 0.99, Some(99.0));
    check(&hundred, 0.0, Some(1.0));
}
