use super::{Axis, Spread};

#[track_caller]
fn check_ticks(axis: Axis, expected: &[f64]) {
    let ticks = axis.ticks();
    let same = ticks.len() == expected.len()
        && ticks.iter().zip(expected).all(|(tick, expected)| (tick - expected).abs() < 1e-9);
    assert!(same, "{ticks:?} instead of {expected:?}");
}

const ENDS: (f64, f64) = (100.0, 0.0);

#[test]
fn ticks_are_round() {
    check_ticks(Axis::between(Spread::Linear, 0.0, 741.0, ENDS), &[0.0, 200.0, 400.0, 600.0]);
    check_ticks(Axis::between(Spread::Linear, 0.0, 0.9, ENDS), &[0.0, 0.2, 0.4, 0.6, 0.8]);
    check_ticks(Axis::between(Spread::Log, 0.5, 2000.0, ENDS), &[1.0, 10.0, 100.0, 1000.0]);
    check_ticks(Axis::between(Spread::Log, 8.0, 70.0, ENDS), &[10.0, 20.0, 30.0, 50.0, 70.0]);
}

#[test]
fn values_far_apart_are_spread_by_their_logarithm() {
    let axis = Axis::spanning([1.0, 100.0].into_iter(), 20.0, ENDS);
    assert_eq!(axis.spread, Spread::Log);
    let axis = Axis::spanning([10.0, 100.0].into_iter(), 20.0, ENDS);
    assert_eq!((axis.spread, axis.from), (Spread::Linear, 0.0));
}

#[test]
fn every_value_has_a_place_in_the_drawing() {
    for axis in [
        Axis::between(Spread::Log, 1.0, 100.0, ENDS),
        Axis::from_zero([50.0].into_iter(), ENDS),
        Axis::from_zero([].into_iter(), ENDS),
        Axis::spanning([0.0, f64::NAN].into_iter(), 10.0, ENDS),
    ] {
        for value in [0.0, -1.0, 10.0, 1e300, f64::NAN, f64::INFINITY] {
            let place = axis.place(value);
            assert!((0.0..=100.0).contains(&place), "{value} is at {place} of {axis:?}");
        }
    }
    let axis = Axis::between(Spread::Log, 1.0, 100.0, ENDS);
    assert!((axis.place(10.0) - 50.0).abs() < 1e-9);
}

#[test]
fn ticks_have_short_names() {
    let names =
        |axis: Axis| axis.named_ticks().into_iter().map(|(_, name)| name).collect::<Vec<_>>();
    let decimals = Axis::between(Spread::Linear, 0.0, 0.9, ENDS);
    assert_eq!(names(decimals), ["0", "0.2", "0.4", "0.6", "0.8"]);
    let thousands = Axis::between(Spread::Log, 5.0, 60_000.0, ENDS);
    assert_eq!(names(thousands), ["10", "100", "1,000", "10,000"]);
}
