use std::time::Duration;

use super::{Stability, StabilityOptions, WarmUp};
use crate::{Distribution, Random, Slice, StabilitySummary};

const SLICE: Duration = Duration::from_millis(100);

/// A slice of so many requests of about so many microseconds each.
fn slice(completed: u64, latency_us: u64) -> Slice {
    let latency: Distribution =
        (0..completed).map(|index| latency_us * (950 + index * 100 / completed.max(1))).collect();
    Slice { length: SLICE, completed, answered: completed, latency, ..Slice::default() }
}

fn options() -> StabilityOptions {
    StabilityOptions { warm_up_max: Duration::from_secs(10), ..StabilityOptions::default() }
}

/// The seconds after which a warm-up ended, and how.
fn warm_up(options: StabilityOptions, at: impl Fn(u64) -> Slice) -> (f64, WarmUp, Stability) {
    let mut stability = Stability::new(options);
    let mut slices = 0;
    while stability.state() == WarmUp::Continue {
        stability.push(&at(slices));
        slices += 1;
        assert!(slices < 1000, "a warm-up ends");
    }
    (stability.finish(&[]).warm_up_seconds, stability.state(), stability)
}

#[track_caller]
fn check_warm_up(at: impl Fn(u64) -> Slice, seconds: f64, state: WarmUp) {
    let (found, ended, _) = warm_up(options(), at);
    assert!((found - seconds).abs() < 0.01, "{found} s, not {seconds} s");
    assert_eq!(ended, state);
}

#[test]
fn a_steady_load_has_warmed_up_after_three_windows() {
    check_warm_up(|_| slice(50, 1000), 1.5, WarmUp::Agreed);
}

#[test]
fn windows_from_before_the_change_have_to_pass() {
    // Slow for 1.2 s; the windows that hold some of it end at 1.5 s.
    let at = |index| if index < 12 { slice(20, 5000) } else { slice(50, 1000) };
    check_warm_up(at, 3.0, WarmUp::Agreed);
}

#[test]
fn what_keeps_rising_has_not_warmed_up() {
    // 3 to 4 % per window stay within 10 % of three windows.
    let at = |index: u64| slice(500, 1000 + 40 * (index / 5).min(12));
    let (seconds, state, _) = warm_up(options(), at);
    assert_eq!(state, WarmUp::Agreed);
    assert!(seconds > 6.0, "{seconds}");
}

#[test]
fn what_never_agrees_is_given_up() {
    let at =
        |index: u64| if (index / 5).is_multiple_of(2) { slice(20, 1000) } else { slice(50, 1000) };
    check_warm_up(at, 10.0, WarmUp::GaveUp);
    let (_, _, stability) = warm_up(options(), at);
    let summary = stability.finish(&vec![slice(50, 1000); 50]);
    assert!(!summary.stable);
    assert_eq!(summary.reasons, ["throughput of the warm-up's last 3 windows differs by 150 %"]);
}

#[test]
fn a_slow_server_gets_longer_windows() {
    // Four requests a second: twenty take five seconds.
    let at = |index: u64| slice(u64::from(index % 5 < 2), 250_000);
    let options = StabilityOptions { warm_up_max: Duration::from_secs(60), ..options() };
    let (seconds, state, _) = warm_up(options, at);
    assert_eq!(state, WarmUp::Agreed);
    assert!((14.0..16.0).contains(&seconds), "{seconds}");
}

#[test]
fn a_server_too_slow_for_the_warm_up_is_said_to_be() {
    let at = |index: u64| slice(u64::from(index % 10 == 9), 900_000);
    let (_, state, stability) = warm_up(options(), at);
    assert_eq!(state, WarmUp::GaveUp);
    let summary = stability.finish(&vec![slice(1, 900_000); 5]);
    let reasons = [
        "the warm-up of 10.0 s held 0 of the 3 windows that have to agree (10 requests completed)",
        "only 5 requests were completed: too few to tell whether it was steady",
    ];
    assert_eq!(summary.reasons, reasons);
}

#[test]
fn a_silent_server_is_given_up() {
    let (_, state, stability) = warm_up(options(), |_| slice(0, 0));
    assert_eq!(state, WarmUp::GaveUp);
    let summary = stability.finish(&vec![slice(0, 0); 10]);
    assert_eq!(summary.reasons[1], "no request was completed");
}

#[test]
fn a_warm_up_can_be_left_out_or_cut_short() {
    let without = StabilityOptions { warm_up_max: Duration::ZERO, ..options() };
    let stability = Stability::new(without);
    assert_eq!(stability.state(), WarmUp::Agreed);
    let summary = stability.finish(&vec![slice(50, 1000); 50]);
    assert!(summary.stable && summary.test.starts_with("no warm-up; then"), "{summary:?}");
    let mut cut = Stability::new(options());
    cut.push(&slice(50, 1000));
    let summary = cut.finish(&vec![slice(50, 1000); 50]);
    assert_eq!(summary.reasons, ["the warm-up was cut short after 0.1 s"]);
}

#[test]
fn noise_of_a_poisson_process_is_no_disagreement() {
    let (_, state, _) = warm_up(options(), |index| {
        let mut random = Random::new(index);
        let completed = (0..100).filter(|_| random.below(20) == 0).count();
        slice(completed as u64, 1000)
    });
    assert_eq!(state, WarmUp::Agreed);
}

/// Judges a measurement of ten seconds.
fn judged(at: impl Fn(u64) -> Slice) -> StabilitySummary {
    let stability = Stability::new(StabilityOptions { warm_up_max: Duration::ZERO, ..options() });
    let measured: Vec<Slice> = (0..100).map(at).collect();
    stability.finish(&measured)
}

#[track_caller]
fn check_drift(at: impl Fn(u64) -> Slice, expected: &[&str]) {
    assert_eq!(judged(at).reasons, expected);
}

#[test]
fn a_drift_of_practical_weight_is_reported() {
    check_drift(
        |index| slice(50, 1000 + index * 3),
        &["median latency rose during the measurement: by 14 % from its first half to its second"],
    );
    check_drift(
        |index| slice(100 - index / 2, 1000),
        &["throughput fell during the measurement: by 28 % from its first half to its second"],
    );
}

#[test]
fn a_step_is_reported() {
    check_drift(
        |index| slice(50 + index % 3, if index < 50 { 1000 } else { 1300 }),
        &["median latency rose during the measurement: by 30 % from its first half to its second"],
    );
    check_drift(
        |index| slice(if index < 50 { 50 } else { 0 }, 1000),
        &["throughput fell during the measurement: by 96 % from its first half to its second"],
    );
}

#[test]
fn a_sure_trend_that_does_not_matter_is_not_reported() {
    check_drift(|index| slice(50, 1000 + index / 5), &[]);
}

#[test]
fn a_large_difference_that_may_be_chance_is_not_reported() {
    // Halves of 10 and 11.5 a slice, in bursts.
    let at =
        |index: u64| slice([0, 40, 3, 0, 25, 2, 9][usize::try_from(index).unwrap() * 5 % 7], 1000);
    check_drift(at, &[]);
}

#[test]
fn a_random_walk_of_steady_load_is_seldom_called_drifting() {
    let called = (0..200_u64).filter(|seed| {
        let mut random = Random::new(*seed);
        let mut level = 0;
        let measured: Vec<Slice> = (0..100)
            .map(|_| {
                level = level * 7 / 10 + random.below(41);
                slice(100 + level, 1000)
            })
            .collect();
        let without = StabilityOptions { warm_up_max: Duration::ZERO, ..options() };
        !Stability::new(without).finish(&measured).stable
    });
    let called = called.count();
    assert!(called <= 6, "{called} of 200");
}
