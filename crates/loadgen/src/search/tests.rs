use std::{collections::BTreeMap, time::Duration};

use super::{Probe, Search, SearchOptions};
use crate::{
    Distribution, Estimate, GeneratorReading, GeneratorSummary, Goodput, LoadMode, Measurement,
    Objective, ObjectiveTerm, Random, SearchResult, Slice, StabilitySummary, Summary,
};

fn objective() -> Objective {
    "p99=50ms".parse().unwrap()
}

/// What a probe shows that observed this p99 in milliseconds, known to a share of `doubt`.
fn shown(p99: f64, doubt: f64) -> Summary {
    let observed = Estimate { value: p99, low: p99 * (1.0 - doubt), high: p99 * (1.0 + doubt) };
    let holds = match observed {
        Estimate { high, .. } if high <= 50.0 => Some(true),
        Estimate { low, .. } if low > 50.0 => Some(false),
        Estimate { .. } => None,
    };
    let term = ObjectiveTerm { term: "p99=50ms".to_owned(), limit: 50.0, observed, holds };
    Summary {
        seconds: 10.0,
        offered: 10_000,
        throughput: rate(1000.0),
        goodput: Some(Goodput { holds, terms: vec![term], ..Goodput::default() }),
        ..Summary::default()
    }
}

fn rate(value: f64) -> Estimate {
    Estimate { value, low: value, high: value }
}

/// Searches with these answers; the probes that were asked for, and the result.
fn search(
    options: SearchOptions,
    mut answer: impl FnMut(Probe) -> Summary,
) -> (Vec<Probe>, SearchResult) {
    let mut search = Search::new(objective(), options);
    let mut probes = Vec::new();
    while let Some(probe) = search.next() {
        probes.push(probe);
        search.observe(&answer(probe));
        assert!(probes.len() <= options.probes_max);
    }
    (probes, search.result())
}

/// p99 of a server that does 1000 requests a second by M/M/1.
fn p99(rate: f64) -> f64 {
    if rate >= 1000.0 { 1e6 } else { 100_f64.ln() * 1e3 / (1000.0 - rate) }
}

/// The rate at which that is 50 ms.
fn truth() -> f64 {
    1000.0 - 100_f64.ln() * 20.0
}

#[test]
fn a_rate_is_bracketed_and_then_closed_in_on() {
    let options = SearchOptions { start: 100.0, ..SearchOptions::default() };
    let (probes, result) = search(options, |probe| shown(p99(probe.rate), 0.0));
    let rates: Vec<f64> = probes.iter().take(6).map(|probe| probe.rate.round()).collect();
    assert_eq!(rates, [100.0, 200.0, 400.0, 800.0, 1600.0, 1131.0]);
    let (holds, breaks) = (result.holds.unwrap(), result.breaks.unwrap());
    assert!(holds <= truth() && truth() < breaks && breaks / holds <= 1.02, "{holds} {breaks}");
    assert!(result.verdict.starts_with("p99=50ms holds at 9"), "{}", result.verdict);
    assert!(result.verdict.contains(" requests/s and breaks at 9"), "{}", result.verdict);
}

#[test]
fn a_start_that_breaks_is_lowered() {
    let options = SearchOptions { start: 30_000.0, ..SearchOptions::default() };
    let (_, result) = search(options, |probe| shown(p99(probe.rate), 0.0));
    assert!(truth() / result.holds.unwrap() < 1.02);
}

#[test]
fn the_highest_rate_is_tried_and_told() {
    let options = SearchOptions { start: 100.0, max: 700.0, ..SearchOptions::default() };
    let (probes, result) = search(options, |probe| shown(p99(probe.rate), 0.0));
    assert_eq!(probes.last().unwrap().rate, 700.0);
    assert_eq!((result.holds, result.breaks), (Some(700.0), None));
    assert_eq!(result.verdict, "p99=50ms holds at 700 requests/s, the highest rate tried");
}

#[test]
fn a_server_that_never_holds_is_given_up() {
    let (probes, result) = search(SearchOptions::default(), |_| shown(80.0, 0.0));
    assert!(probes.len() < 15);
    assert_eq!(result.holds, None);
    assert!(result.verdict.starts_with("p99=50ms was not shown to hold at any rate"));
}

#[test]
fn what_cannot_be_told_is_measured_longer_and_then_not_relied_on() {
    let options = SearchOptions { start: 500.0, ..SearchOptions::default() };
    // At 500 it cannot be told, however long.
    let answer = |probe: Probe| match probe.rate {
        rate if rate >= 500.0 => shown(50.0, 0.1),
        _ => shown(10.0, 0.1),
    };
    let (probes, result) = search(options, answer);
    let lengths: Vec<u32> = probes.iter().take(4).map(|probe| probe.length).collect();
    assert_eq!(lengths, [1, 2, 4, 1]);
    assert!(result.holds.unwrap() < 500.0 && result.breaks.is_none());
    let expected = "requests/s and was not broken; at 500 the measurement could not tell";
    assert!(result.verdict.ends_with(expected), "{}", result.verdict);
}

#[test]
fn a_backlog_breaks_whatever_the_latencies_are() {
    let options = SearchOptions { start: 100.0, ..SearchOptions::default() };
    let answer = |probe: Probe| {
        let done = if probe.rate > 300.0 { 950.0 } else { 990.0 };
        Summary { throughput: rate(done), ..shown(5.0, 0.1) }
    };
    let (_, result) = search(options, answer);
    assert!(result.holds.unwrap() <= 300.0 && result.breaks.unwrap() < 310.0);
    assert!(result.verdict.contains("falls behind at 30"), "{}", result.verdict);
}

#[test]
fn failed_requests_have_ended() {
    let failures = BTreeMap::from([("server".to_owned(), 5000)]);
    let answer = |_: Probe| Summary {
        throughput: rate(500.0),
        failures: failures.clone(),
        ..shown(5.0, 0.1)
    };
    let options = SearchOptions { start: 100.0, max: 100.0, ..SearchOptions::default() };
    assert_eq!(search(options, answer).1.holds, Some(100.0));
}

#[test]
fn one_disturbance_does_not_mislead() {
    for disturbed in 0..6 {
        let options = SearchOptions { start: 100.0, ..SearchOptions::default() };
        let mut number = 0;
        let answer = |probe: Probe| {
            number += 1;
            if number == disturbed + 1 { shown(500.0, 0.1) } else { shown(p99(probe.rate), 0.0) }
        };
        let (_, result) = search(options, answer);
        let share = result.holds.unwrap() / truth();
        assert!((0.97..=1.0).contains(&share), "disturbed at {disturbed}: {result:?}");
    }
}

#[test]
fn a_generator_that_warns_where_it_breaks_is_told() {
    let options = SearchOptions { start: 100.0, ..SearchOptions::default() };
    let answer = |probe: Probe| {
        let warnings = vec!["late".to_owned()];
        let generator = GeneratorSummary { warnings, ..GeneratorSummary::default() };
        Summary { generator, ..shown(p99(probe.rate), 0.0) }
    };
    assert!(search(options, answer).1.verdict.contains("the generator warned about itself"));
}

#[test]
fn probes_are_limited() {
    let options = SearchOptions { probes_max: 3, ..SearchOptions::default() };
    let (probes, result) = search(options, |_| shown(1.0, 0.0));
    assert_eq!((probes.len(), result.probes.len()), (3, 3));
    assert!(
        result.verdict.ends_with("the search ended after 3 probes, its limit"),
        "{}",
        result.verdict
    );
    let none = SearchOptions { probes_max: 0, ..SearchOptions::default() };
    assert_eq!(search(none, |_| shown(1.0, 0.0)).1.verdict, "p99=50ms was not measured");
}

#[test]
fn noise_leaves_the_answer_within_the_precision() {
    let near = (0..200_u64).filter(|seed| {
        let mut random = Random::new(*seed);
        let options = SearchOptions { start: 100.0, ..SearchOptions::default() };
        // Every figure has a standard error of 3 %, less if measured longer.
        let answer = |probe: Probe| {
            let error = 0.03 / f64::from(probe.length).sqrt();
            shown(p99(probe.rate) * (error * random.normal()).exp(), 1.96 * error)
        };
        let (_, result) = search(options, answer);
        let share = result.holds.unwrap() / truth();
        (0.97..=1.01).contains(&share)
    });
    let near = near.count();
    assert!(near >= 190, "{near} of 200");
}

/// Requests to a queue with one server, arriving and served as Poisson processes, by Lindley's
/// recursion; measured in slices, after a warm-up.
fn queue(seed: u64, probe: Probe) -> Summary {
    const SLICES: u32 = 64;
    let mut random = Random::new(seed);
    let mut exponential = |rate: f64| random.exponential() / rate;
    let (mut now, mut free) = (0.0, 0.0_f64);
    let mut slices = Vec::new();
    let objective = objective();
    for index in 0..SLICES + 8 {
        let length = Duration::from_millis(500) * probe.length;
        let end = f64::from(index + 1) * length.as_secs_f64();
        let (mut latencies, mut offered) = (Vec::new(), 0);
        while now < end {
            free = free.max(now) + exponential(1000.0);
            latencies.push(Duration::from_secs_f64(free - now));
            offered += 1;
            now += exponential(probe.rate);
        }
        let good =
            latencies.iter().filter(|latency| objective.is_met_by(**latency, None, None)).count();
        let nanoseconds =
            latencies.iter().map(|latency| u64::try_from(latency.as_nanos()).unwrap());
        let latency: Distribution = nanoseconds.map(|value| value / 50_000 * 50_000).collect();
        let start = length * index;
        let (completed, answered) = (offered, offered);
        slices.push(Slice {
            start,
            length,
            offered,
            completed,
            answered,
            good: good as u64,
            latency,
            ..Slice::default()
        });
    }
    Summary::of(Measurement {
        mode: LoadMode::Open,
        slices: &slices[8..],
        objective: Some(&objective),
        stability: StabilitySummary::default(),
        generator: GeneratorReading::default(),
        server: None,
        stages: None,
    })
}

#[test]
fn the_capacity_of_a_real_queue_is_found() {
    for seed in 0..3 {
        let options = SearchOptions { start: 500.0, max: 2000.0, ..SearchOptions::default() };
        let mut number = seed * 1000;
        let (_, result) = search(options, |probe| {
            number += 1;
            queue(number, probe)
        });
        let share = result.holds.unwrap() / truth();
        assert!((0.93..=1.02).contains(&share), "{share} {}", result.verdict);
    }
}
