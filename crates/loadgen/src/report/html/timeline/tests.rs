use super::{POINTS_MAX, thinned};
use crate::result::TimelinePoint;

#[test]
fn a_long_measurement_keeps_its_peaks_and_failures() {
    let mut timeline =
        vec![TimelinePoint { p99_ms: 10.0, rate: 5.0, ..Default::default() }; 10_000];
    timeline[4321].p99_ms = 900.0;
    timeline[7777].failures = 2;
    let points = thinned(&timeline);
    assert!(points.len() <= POINTS_MAX, "{}", points.len());
    assert!(points.iter().any(|point| point.p99_ms == 900.0));
    assert_eq!(points.iter().map(|point| point.failures).sum::<u64>(), 2);
    assert!(points.iter().all(|point| (point.rate - 5.0).abs() < 1e-9));
}

#[test]
fn a_short_one_is_left_as_it_is() {
    let timeline = [TimelinePoint { seconds: 0.1, ..Default::default() }; 3];
    assert_eq!(thinned(&timeline), timeline);
    assert_eq!(thinned(&[]), []);
}
