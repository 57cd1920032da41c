use super::{bytes, count, figure, interval, load, percent, ratio};
use crate::result::{Estimate, LoadLevel, LoadMode};

#[track_caller]
fn check(shown: impl AsRef<str>, expected: &str) {
    assert_eq!(shown.as_ref(), expected);
}

#[test]
fn three_digits_tell_enough() {
    check(figure(0.0), "0");
    check(figure(0.031_24), "0.0312");
    check(figure(0.999_6), "1.00");
    check(figure(9.996), "10.0");
    check(figure(38.24), "38.2");
    check(figure(99.96), "100");
    check(figure(31_234.4), "31,234");
    check(figure(-1_234.0), "-1,234");
    check(figure(f64::NAN), "–");
    check(figure(f64::INFINITY), "–");
}

#[test]
fn thousands_stand_apart() {
    check(count(0), "0");
    check(count(999), "999");
    check(count(1_000), "1,000");
    check(count(12_345_678), "12,345,678");
}

#[test]
fn nearly_all_is_not_all_and_nearly_nothing_not_nothing() {
    check(percent(1.0), "100 %");
    check(percent(0.999_99), ">99.99 %");
    check(percent(0.9993), "99.93 %");
    check(percent(0.58), "58 %");
    check(percent(0.041), "4.1 %");
    check(percent(0.000_01), "<0.1 %");
    check(percent(0.0), "0 %");
}

#[test]
fn intervals_are_left_out_where_there_is_none() {
    check(interval(Estimate { value: 31.0, low: 30.1, high: 32.94 }), "30.1–32.9");
    check(interval(Estimate::default()), "");
    check(interval(Estimate { value: 1.0, low: 1.0, high: f64::INFINITY }), "");
}

#[test]
fn narrow_ratios_get_more_digits() {
    check(ratio(Estimate { value: 1.08, low: 1.05, high: 1.11 }), "1.08 [1.05, 1.11]");
    check(ratio(Estimate { value: 1.004, low: 0.999, high: 1.009 }), "1.004 [0.999, 1.009]");
    check(ratio(Estimate { value: f64::NAN, low: 0.0, high: 0.0 }), "–");
}

#[test]
fn bytes_have_the_unit_that_fits() {
    check(bytes(512), "512 B");
    check(bytes(1_610_612_736), "1.50 GiB");
    check(bytes(u64::MAX), "16,777,216 TiB");
}

#[test]
fn loads_are_named_by_what_is_held() {
    let named = |mode, arrivals: &str| {
        load(&LoadLevel { mode, value: 500.0, arrivals: arrivals.to_owned() })
    };
    check(named(LoadMode::Closed, ""), "500 in flight");
    check(named(LoadMode::Open, "gamma(0.25)"), "500/s gamma(0.25)");
    check(named(LoadMode::Open, ""), "500/s");
    check(named(LoadMode::Replay, ""), "replay, 500/s");
    check(named(LoadMode::Sessions, ""), "500 sessions");
    check(named(LoadMode::Ramp, ""), "ramp to 500/s");
}
