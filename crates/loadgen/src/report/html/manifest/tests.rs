use super::utc;

#[test]
fn times_are_dates() {
    assert_eq!(utc(1_795_514_400.0), "2026-11-24 10:00:00 UTC");
    assert_eq!(utc(951_782_399.9), "2000-02-28 23:59:59 UTC");
    assert_eq!(utc(951_782_400.0), "2000-02-29 00:00:00 UTC");
    assert_eq!(utc(1_735_689_599.0), "2024-12-31 23:59:59 UTC");
}

#[test]
fn what_is_no_time_is_left_out() {
    assert_eq!(utc(0.0), "");
    assert_eq!(utc(f64::NAN), "");
    assert_eq!(utc(1e300), "");
}
