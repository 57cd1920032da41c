use std::time::Duration;

use super::DueTimes;
use crate::{Arrivals, Load};

fn due(load: &Load, count: usize) -> Vec<f64> {
    let times = DueTimes::of(load, (Duration::from_secs(1), Duration::from_secs(10)), 5).unwrap();
    times.take(count).map(|time| time.as_secs_f64()).collect()
}

#[track_caller]
fn check_variation(arrivals: Arrivals, expected: f64) {
    let times = due(&Load::Open { rate: 50.0, arrivals }, 50_000);
    assert!((times[49_999] - 1000.0).abs() < 30.0, "50 000 take {} s", times[49_999]);
    let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    let variation = variance.sqrt() / mean;
    assert!((variation - expected).abs() < 0.05, "{variation}, expected {expected}");
}

#[test]
fn rates_and_burstiness_are_as_asked() {
    check_variation(Arrivals::Constant, 0.0);
    check_variation(Arrivals::Poisson, 1.0);
    check_variation(Arrivals::Gamma(0.25), 2.0);
    check_variation(Arrivals::Gamma(4.0), 0.5);
}

#[test]
fn a_ramp_grows_after_the_warm_up() {
    let load = Load::Ramp { from: 100.0, to: 1000.0, arrivals: Arrivals::Constant };
    let times = due(&load, 20_000);
    let within = |from: f64, to: f64| times.iter().filter(|t| (from..to).contains(*t)).count();
    assert_eq!(within(0.0, 0.995), 99);
    assert!((540..=560).contains(&within(5.5, 6.5)), "{}", within(5.5, 6.5));
    assert!((995..=1005).contains(&within(11.5, 12.5)), "{}", within(11.5, 12.5));
}

#[test]
fn a_replay_ends() {
    let times = vec![Duration::from_millis(5), Duration::from_millis(5), Duration::from_millis(9)];
    assert_eq!(due(&Load::Replay { times }, 10), [0.005, 0.005, 0.009]);
}
