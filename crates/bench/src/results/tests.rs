use super::median;

#[track_caller]
fn check(values: &[f64], expected: Option<f64>) {
    assert_eq!(median(values.to_vec()), expected);
}

#[test]
fn medians() {
    check(&[], None);
    check(&[3.0], Some(3.0));
    check(&[3.0, 1.0], Some(2.0));
    check(&[9.0, 1.0, 2.0], Some(2.0));
    check(&[4.0, 1.0, 3.0, 2.0], Some(2.5));
}
