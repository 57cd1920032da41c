use std::collections::BTreeMap;

use super::{Difference, holm};
use crate::{
    Comparison, Distribution, Estimate, LatencySummary, LevelResult, LoadLevel, LoadMode,
    MetricVerdict, Random, ServerSummary, Summary, TargetResult,
};

/// A machine that two servers are measured on in turns.
struct Machine {
    random: Random,
    /// Logarithm of its speed, which wanders.
    speed: f64,
}

impl Machine {
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), speed: 0.0 }
    }

    /// The next measurement, of a server whose requests take so many times as long. Every tenth meets a
    /// stall, which a few of its requests wait for.
    fn measure(&mut self, slowness: f64) -> Summary {
        self.speed = 0.9 * self.speed + 0.02 * self.random.normal();
        let level = slowness * (0.01 * self.random.normal() - self.speed).exp() * 1e6;
        let stalled = if self.random.unit() < 0.1 { 0.05 * self.random.unit() } else { 0.0 };
        let latency: Distribution = (0..200)
            .map(|_| {
                let wait = if self.random.unit() < stalled { 4.0 } else { 0.0 };
                nanoseconds(level * ((0.3 * self.random.normal()).exp() + wait))
            })
            .collect();
        summary(&latency, 8e9 / latency.mean() * (0.005 * self.random.normal()).exp())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "far below the limit")]
fn nanoseconds(value: f64) -> u64 {
    value as u64
}

fn exact(value: f64) -> Estimate {
    Estimate { value, low: value * 0.97, high: value * 1.03 }
}

fn summary(latency: &Distribution, throughput: f64) -> Summary {
    let at = |q| exact(latency.quantile(q) as f64 / 1e6);
    let mean = latency.mean() / 1e6;
    Summary {
        completed: 200,
        throughput: exact(throughput),
        latency: LatencySummary {
            mean,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            ..LatencySummary::default()
        },
        server: Some(ServerSummary {
            cpu_us_per_request: Some(mean * 800.0),
            ..ServerSummary::default()
        }),
        ..Summary::default()
    }
}

fn level(round: usize, summary: Summary) -> LevelResult {
    let load = LoadLevel { mode: LoadMode::Closed, value: 8.0, ..LoadLevel::default() };
    LevelResult { load, round, summary }
}

fn target(label: &str, levels: Vec<LevelResult>) -> TargetResult {
    TargetResult { label: label.to_owned(), levels, ..TargetResult::default() }
}

/// A against a B whose requests take so many times as long, in rounds A B, B A, A B, ...
fn compared(seed: u64, rounds: usize, slowness: f64) -> Comparison {
    let mut machine = Machine::new(seed);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 1 {
            b.push(level(round, machine.measure(slowness)));
        }
        a.push(level(round, machine.measure(1.0)));
        if round % 2 == 0 {
            b.push(level(round, machine.measure(slowness)));
        }
    }
    Comparison::of_rounds(&target("A", a), &target("B", b))
}

fn claims(comparison: &Comparison) -> usize {
    let claimed =
        |metric: &&crate::ComparedMetric| metric.verdict != MetricVerdict::NoDifferenceShown;
    comparison.metrics.iter().filter(claimed).count()
}

#[test]
fn a_server_does_not_differ_from_itself() {
    for rounds in [3, 5, 10] {
        let claiming = (0..400).filter(|seed| claims(&compared(*seed, rounds, 1.0)) > 0).count();
        assert!(claiming <= 12, "{claiming} of 400 with {rounds} rounds");
    }
}

#[test]
fn a_tenth_is_found_in_ten_rounds() {
    let found = (0..100).filter(|seed| {
        let metrics = compared(*seed, 10, 1.1).metrics;
        assert!(metrics.iter().all(|metric| metric.verdict != MetricVerdict::BBetter));
        metrics.iter().any(|metric| metric.verdict == MetricVerdict::ABetter)
    });
    let found = found.count();
    assert!(found >= 95, "{found} of 100");
}

#[test]
fn intervals_hold_the_true_ratio() {
    let mut covered = 0;
    for seed in 0..200 {
        let ratio = compared(seed, 10, 1.1).metrics[2].ratio;
        covered += usize::from((ratio.low..=ratio.high).contains(&(1.0 / 1.1)));
    }
    assert!(covered >= 184, "{covered} of 200");
}

/// Rounds of fixed throughputs.
fn fixed(a: &[f64], b: &[f64]) -> Comparison {
    let levels = |throughputs: &[f64]| {
        let latency: Distribution = [1_000_000].into_iter().collect();
        let of = |(round, throughput): (usize, &f64)| level(round, summary(&latency, *throughput));
        throughputs.iter().enumerate().map(of).collect()
    };
    Comparison::of_rounds(&target("A", levels(a)), &target("B", levels(b)))
}

#[track_caller]
fn check_verdict(comparison: &Comparison, expected: &str) {
    assert!(comparison.verdict.starts_with(expected), "{}", comparison.verdict);
}

#[test]
fn a_verdict_says_what_differs_and_what_could_not_be_seen() {
    let comparison = fixed(&[110.0, 111.0, 112.0, 111.0], &[100.0, 101.0, 102.0, 101.0]);
    assert_eq!(claims(&comparison), 1);
    check_verdict(
        &comparison,
        "Compared with B, A has 9.9 % higher throughput; differences of less",
    );
    let comparison = fixed(&[100.0, 90.0, 110.0], &[100.0, 110.0, 90.0]);
    check_verdict(
        &comparison,
        "No difference between A and B shown in 3 rounds; differences of less",
    );
    let (ratio, throughput) = (comparison.metrics[0].ratio, &comparison.metrics[0]);
    assert!(ratio.low < 1.0 && ratio.high > 1.0);
    assert!((throughput.a / throughput.b - ratio.value).abs() < 1e-12);
}

#[test]
fn what_is_sure_but_below_a_percent_is_not_claimed() {
    let comparison = fixed(&[100.5, 101.5, 102.5, 103.5], &[100.0, 101.0, 102.0, 103.0]);
    assert_eq!(claims(&comparison), 0);
    assert!(comparison.metrics[0].ratio.low > 1.0);
}

#[test]
fn one_or_two_rounds_claim_nothing() {
    let comparison = fixed(&[200.0], &[100.0]);
    assert_eq!(claims(&comparison), 0);
    check_verdict(&comparison, "One round shows no difference");
    let ratio = comparison.metrics[0].ratio;
    assert!(ratio.low < 1.96 && ratio.high > 2.04, "{ratio:?}");
    assert!(comparison.metrics.iter().all(|metric| metric.visible.is_none()));
    check_verdict(&fixed(&[200.0; 2], &[100.0; 2]), "Two rounds show no difference");
}

#[test]
fn rounds_are_paired_by_number_and_load() {
    let comparison = fixed(&[100.0, 100.0, 100.0, 7.0], &[100.0, 100.0, 100.0]);
    assert_eq!(comparison.rounds, 3);
    assert_eq!(comparison.metrics[0].ratio.value, 1.0);
    check_verdict(&fixed(&[], &[100.0]), "Nothing to compare");
    assert!(fixed(&[], &[]).metrics.is_empty());
}

#[test]
fn a_figure_that_one_lacks_is_not_compared() {
    let comparison = fixed(&[0.0, 100.0, 100.0], &[100.0, 100.0, 100.0]);
    assert!(comparison.metrics.iter().all(|metric| metric.metric != "throughput"));
    assert!(comparison.metrics.iter().any(|metric| metric.metric == "latency_p50"));
}

#[test]
fn failed_requests_are_told() {
    let latency: Distribution = [1_000_000].into_iter().collect();
    let failing = Summary {
        failures: BTreeMap::from([("server".to_owned(), 200)]),
        ..summary(&latency, 100.0)
    };
    let levels = |summary: &Summary| (0..3).map(|round| level(round, summary.clone())).collect();
    let (a, b) = (target("A", levels(&failing)), target("B", levels(&summary(&latency, 100.0))));
    let verdict = Comparison::of_rounds(&a, &b).verdict;
    assert!(verdict.contains("requests failed (50 % of A's, 0.0 % of B's)"), "{verdict}");
}

#[test]
fn holm_stops_at_the_first_that_may_be_chance() {
    let with = |probability: f64| {
        let t = crate::critical::student_quantile(1.0 - probability / 2.0, 9.0);
        Difference { mean: t, error: 1.0, freedom: 9.0 }
    };
    let differences = [0.04, 0.000_1, 0.012, 0.015].map(with);
    assert_eq!(holm(&differences, 0.05), [true, true, true, true]);
    assert_eq!(holm(&differences, 0.03), [false, true, false, false]);
    assert!(holm(&[], 0.05).is_empty());
}
