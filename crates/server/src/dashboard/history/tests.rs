use std::time::Duration;

use serving::{DURATION_BOUNDS, DurationStat, Statistics, Timestamp};

use super::{History, LOOKS_MAX};

fn answered(count: u64) -> Statistics {
    let mut statistics =
        Statistics { pending: 3, inference_count: 2 * count, ..Statistics::default() };
    statistics.success = DurationStat { count, ns: count * 1_000_000 };
    for _ in 0..count {
        statistics.request_seconds.observe(0.001, &DURATION_BOUNDS);
    }
    statistics
}

fn at(millis: u64) -> Timestamp {
    Timestamp::default() + Duration::from_millis(millis)
}

#[track_caller]
fn check(looks: &[(u64, u64)], recent_rate: f64, window_count: u64) {
    let mut history = History::default();
    for (millis, count) in looks {
        history.push(at(*millis), answered(*count));
    }
    let recent = history.recent();
    assert_eq!(recent.rate(recent.gained.success.count), recent_rate);
    let window = history.window().gained;
    assert_eq!((window.success.count, window.request_seconds.count), (window_count, window_count));
    assert_eq!((window.inference_count, window.pending), (2 * window_count, 3));
}

#[test]
fn one_look_has_no_rate() {
    check(&[(5_000, 100)], 0.0, 0);
}

#[test]
fn rates_are_of_the_last_second() {
    check(&[(0, 0), (1_000, 10), (2_000, 110)], 100.0, 110);
    check(&[(0, 0), (1_000, 10), (3_000, 110)], 50.0, 110);
}

#[test]
fn a_look_in_between_does_not_shorten_the_time_of_rates() {
    check(&[(0, 0), (1_000, 100), (1_100, 100)], 100.0 / 1.1, 100);
}

#[test]
fn the_window_forgets_what_is_older() {
    let looks: Vec<_> = (0..30).map(|second| (second * 1_000, second * 7)).collect();
    check(&looks, 7.0, 70);
}

#[test]
fn a_model_that_was_loaded_again_starts_anew() {
    check(&[(0, 1_000), (1_000, 2_000), (2_000, 5), (3_000, 9)], 4.0, 4);
}

#[test]
fn many_looks_do_not_take_more_memory() {
    let mut history = History::default();
    for look in 0..1_000 {
        history.push(at(look), answered(look));
    }
    assert_eq!(history.0.len(), LOOKS_MAX);
}
