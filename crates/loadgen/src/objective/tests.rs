use std::{collections::BTreeMap, time::Duration};

use super::{Objective, Requirement, Time};
use crate::{Distribution, FailureKind, GenerationSlice, Goodput, Slice, interval::Intervals};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[track_caller]
fn check(text: &str, expected: Requirement) {
    let objective: Objective = text.parse().unwrap();
    assert_eq!(objective.terms.len(), 1);
    assert_eq!(objective.terms[0].requirement, expected, "{text}");
    assert_eq!(objective.to_string(), text);
}

#[track_caller]
fn check_refused(text: &str, problem: &str) {
    let error = text.parse::<Objective>().unwrap_err().to_string();
    assert!(error.starts_with(problem), "{error}");
    assert!(error.contains("`p99=50ms`") && error.contains("`errors=0.1%`"), "{error}");
}

#[test]
fn terms_are_read() {
    let quantile = |time, q, limit| Requirement::Quantile { time, q, limit };
    check("p99=50ms", quantile(Time::Latency, 0.99, ms(50)));
    check("p99.9=1s", quantile(Time::Latency, 0.999, ms(1000)));
    check("latency.p50 = 1.5 ms", quantile(Time::Latency, 0.5, Duration::from_micros(1500)));
    check("latency=20ms", quantile(Time::Latency, 0.99, ms(20)));
    check("ttft=200ms", quantile(Time::FirstToken, 0.99, ms(200)));
    check("ttft.p90=200ms", quantile(Time::FirstToken, 0.9, ms(200)));
    check("tpot=30ms", quantile(Time::OutputToken, 0.99, ms(30)));
    check("itl.p99.5=400us", quantile(Time::InterToken, 0.995, Duration::from_micros(400)));
    check("avg=5ms", Requirement::Mean { time: Time::Latency, limit: ms(5) });
    check("ttft.mean=5ms", Requirement::Mean { time: Time::FirstToken, limit: ms(5) });
    check("errors=0.1%", Requirement::Errors { share_max: 0.001 });
}

#[test]
fn what_is_no_objective_is_refused_with_a_reason() {
    check_refused("", "`` has no `=`");
    check_refused("p99", "`p99` has no `=`");
    check_refused("p99=50", "`50` is no time above 0");
    check_refused("p99=-50ms", "`-50ms` is no time above 0");
    check_refused("p99=0ms", "`0ms` is no time above 0");
    check_refused("p99=1e400s", "`1e400s` is no time above 0");
    check_refused("p99=infs", "`infs` is no time above 0");
    check_refused("p99=99999999999999999999999s", "`99999999999999999999999s` is no time");
    check_refused("p100=5ms", "`p100` is neither a time nor a percentile");
    check_refused("p0=5ms", "`p0` is neither a time nor a percentile");
    check_refused("ttftp90=5ms", "`ttftp90` is neither a time nor a percentile");
    check_refused("=5ms", "`` is neither a time nor a percentile");
    check_refused("errors=0.1", "`0.1` is no share in percent");
    check_refused("errors=101%", "`101%` is no share in percent");
    check_refused("p99=5ms,,ttft=1s", "`` has no `=`");
}

#[track_caller]
fn check_met(objective: &str, request: (u64, Option<u64>, Option<u64>), expected: bool) {
    let objective: Objective = objective.parse().unwrap();
    let (latency, first_token, per_token) = request;
    let met = objective.is_met_by(ms(latency), first_token.map(ms), per_token.map(ms));
    assert_eq!(met, expected, "{objective} by {request:?}");
}

#[test]
fn requests_are_good_one_by_one() {
    check_met("p99=50ms", (50, None, None), true);
    check_met("p99=50ms", (51, None, None), false);
    check_met("p50=10ms,p99=50ms", (30, None, None), true);
    check_met("ttft=200ms,tpot=30ms", (9000, Some(200), Some(30)), true);
    check_met("ttft=200ms,tpot=30ms", (9000, Some(200), Some(31)), false);
    check_met("ttft=200ms,tpot=30ms", (9000, Some(201), Some(1)), false);
    // One token: there is no time between tokens.
    check_met("ttft=200ms,tpot=30ms", (200, Some(200), None), true);
    check_met("ttft=200ms", (1, None, None), false);
    check_met("errors=1%,avg=1ms,itl=1ms", (9000, None, None), true);
}

#[test]
fn generations_are_asked_for_only_by_their_terms() {
    let needs = |text: &str| text.parse::<Objective>().unwrap().needs_generations();
    assert!(!needs("p99=50ms,errors=1%,avg=1s"));
    assert!(needs("p99=50ms,itl=1ms") && needs("ttft.avg=1s"));
}

/// Twenty slices of requests that took 10 ms, but for some that took 100 ms and some that failed.
fn level(fast: u64, slow: u64, failed: u64) -> Vec<Slice> {
    let latency = Distribution { values: vec![(10_000_000, fast), (100_000_000, slow)] };
    let failures = BTreeMap::from([(FailureKind::Timeout, failed)]);
    let slice = Slice {
        length: ms(100),
        offered: fast + slow + failed,
        completed: fast + slow,
        good: fast,
        latency,
        failures,
        ..Slice::default()
    };
    vec![slice; 20]
}

fn goodput(objective: &str, measured: &[Slice]) -> Goodput {
    let objective: Objective = objective.parse().unwrap();
    objective.goodput(measured, &Intervals::new(measured))
}

#[track_caller]
fn check_holds(objective: &str, measured: &[Slice], expected: Option<bool>) {
    let goodput = goodput(objective, measured);
    assert_eq!(goodput.holds, expected, "{goodput:?}");
}

#[test]
fn a_level_holds_only_if_it_is_sure() {
    check_holds("p99=50ms", &level(100, 0, 0), Some(true));
    check_holds("p99=50ms", &level(100, 1, 0), None);
    check_holds("p99=50ms", &level(100, 5, 0), Some(false));
    // 300 requests cannot show a p99.
    check_holds("p99=50ms", &level(15, 0, 0), None);
    check_holds("p90=50ms", &level(15, 0, 0), Some(true));
    check_holds("p99=50ms", &[], None);
}

#[test]
fn failures_are_beyond_every_limit() {
    check_holds("p99=50ms", &level(100, 0, 5), Some(false));
    check_holds("errors=10%", &level(100, 0, 5), Some(true));
    check_holds("errors=1%", &level(100, 0, 5), Some(false));
    check_holds("errors=0.01%", &level(100, 0, 0), None);
    check_holds("p50=50ms,errors=1%", &level(100, 0, 5), Some(false));
}

#[test]
fn means_are_judged_by_their_interval() {
    check_holds("avg=20ms", &level(100, 5, 0), Some(true));
    check_holds("avg=12ms", &level(100, 5, 0), Some(false));
    check_holds("avg=12ms", &[], None);
}

#[test]
fn what_no_generation_was_measured_for_is_not_held() {
    check_holds("ttft=1s", &level(100, 0, 0), Some(false));
    let generation = GenerationSlice {
        time_to_first_token: Distribution { values: vec![(1_000_000, 100)] },
        ..GenerationSlice::default()
    };
    let mut measured = level(100, 0, 0);
    measured.iter_mut().for_each(|slice| slice.generation = Some(generation.clone()));
    check_holds("ttft=1s", &measured, Some(true));
}

#[test]
fn goodput_is_a_rate_and_a_share_of_what_was_due() {
    let goodput = goodput("p99=50ms", &level(90, 5, 5));
    assert!((goodput.rate.value - 900.0).abs() < 1e-6);
    assert_eq!(goodput.share, 0.9);
    assert_eq!(goodput.terms[0].limit, 50.0);
    assert_eq!(goodput.terms[0].observed.value, 100.0);
}
