use std::collections::BTreeMap;

use crate::{
    Baseline, BaselineOptions, Estimate, LatencySummary, LevelResult, LoadLevel, LoadMode, Machine,
    MetricVerdict, ResultDocument, StabilitySummary, Summary, TargetResult,
};

/// A load with so many requests per second, all figures known to `doubt`.
fn level(value: f64, throughput: f64, doubt: f64) -> LevelResult {
    let at =
        |value: f64| Estimate { value, low: value * (1.0 - doubt), high: value * (1.0 + doubt) };
    let latency = 1000.0 * value / throughput;
    let summary = Summary {
        completed: 10_000,
        throughput: at(throughput),
        latency: LatencySummary {
            mean: latency,
            p50: at(latency),
            p90: at(latency * 1.5),
            p99: at(latency * 2.0),
            ..LatencySummary::default()
        },
        stability: StabilitySummary { stable: true, ..StabilitySummary::default() },
        ..Summary::default()
    };
    LevelResult { load: LoadLevel { value, ..LoadLevel::default() }, round: 0, summary }
}

fn document(levels: Vec<LevelResult>) -> ResultDocument {
    let target = TargetResult {
        model: "bert".to_owned(),
        protocol: "http".to_owned(),
        levels,
        ..TargetResult::default()
    };
    ResultDocument {
        machine: Machine { cpu: "a processor".to_owned(), cores: 4, ..Machine::default() },
        versions: BTreeMap::from([("hone".to_owned(), "1".to_owned())]),
        targets: vec![target],
        ..ResultDocument::default()
    }
}

const TOLERANT: BaselineOptions = BaselineOptions { tolerance: 0.05, strict: false };
const STRICT: BaselineOptions = BaselineOptions { strict: true, ..TOLERANT };

fn against(this: &ResultDocument, stored: &ResultDocument, options: BaselineOptions) -> Baseline {
    Baseline::of(this, stored, "main.json", options).unwrap()
}

/// The figures that regress at one load when throughput goes from 100 to this.
#[track_caller]
fn check(throughput: f64, doubt: f64, options: BaselineOptions, expected: &[&str]) {
    let this = document(vec![level(8.0, throughput, doubt)]);
    let stored = document(vec![level(8.0, 100.0, doubt)]);
    let found = against(&this, &stored, options);
    let metrics: Vec<&str> = found.regressions.iter().map(|found| &*found.metric).collect();
    assert_eq!(metrics, expected, "{}", found.comparison.verdict);
}

#[test]
fn a_regression_is_surely_beyond_the_tolerance() {
    let all = ["throughput", "latency_p50", "latency_p90", "latency_p99"];
    check(100.0, 0.01, TOLERANT, &[]);
    check(80.0, 0.01, TOLERANT, &all);
    check(80.0, 0.2, TOLERANT, &[]);
    check(96.0, 0.001, TOLERANT, &[]);
    check(93.0, 0.02, TOLERANT, &[]);
    check(150.0, 0.01, TOLERANT, &[]);
}

#[test]
fn a_strict_one_goes_by_the_figure() {
    let all = ["throughput", "latency_mean", "latency_p50", "latency_p90", "latency_p99"];
    check(93.0, 0.02, STRICT, &all);
    check(80.0, 0.2, STRICT, &all);
    check(96.0, 0.001, STRICT, &[]);
}

#[test]
fn rounds_tell_more_than_their_own_intervals() {
    let rounds = |throughput: f64| {
        let of = |round: f64| level(8.0, throughput * (1.0 + 0.002 * round), 0.2);
        document((0..4).map(f64::from).map(of).collect())
    };
    let found = against(&rounds(80.0), &rounds(100.0), TOLERANT);
    assert_eq!(found.regressions.len(), 5, "{:?}", found.regressions);
    let ratio = found.regressions[0].ratio;
    assert!(ratio.low > 0.79 && ratio.high < 0.81, "{ratio:?}");
}

#[test]
fn a_load_that_became_worse_is_named_among_others_that_did_not() {
    let this = document(vec![level(8.0, 100.0, 0.01), level(16.0, 70.0, 0.01)]);
    let stored = document(vec![level(8.0, 100.0, 0.01), level(16.0, 100.0, 0.01)]);
    let found = against(&this, &stored, TOLERANT);
    assert!(found.regressions.iter().all(|regression| regression.load.value == 16.0));
    let verdict = &found.comparison.verdict;
    let expected =
        "Worse than main.json by more than 5.0 %: throughput at 16 in flight is 30 % lower";
    assert!(verdict.starts_with(expected), "{verdict}");
    let throughput = &found.comparison.metrics[0];
    assert_eq!((&*throughput.metric, throughput.verdict), ("throughput", MetricVerdict::BBetter));
    assert!((throughput.ratio.value - 0.7_f64.sqrt()).abs() < 1e-9);
}

#[test]
fn nothing_worse_is_said_so() {
    let same = document(vec![level(8.0, 100.0, 0.01)]);
    let found = against(&same, &same, TOLERANT);
    assert_eq!(
        found.comparison.verdict,
        "No regression of more than 5.0 % against main.json shown"
    );
    assert!(found.warnings.is_empty());
}

#[test]
fn failures_are_a_regression_however_fast_the_rest_is() {
    let mut this = document(vec![level(8.0, 150.0, 0.01)]);
    let failures = BTreeMap::from([("server".to_owned(), 500)]);
    this.targets[0].levels[0].summary.failures = failures.clone();
    let mut stored = document(vec![level(8.0, 100.0, 0.01)]);
    let found = against(&this, &stored, TOLERANT);
    assert_eq!(found.regressions.len(), 1);
    assert_eq!(found.regressions[0].metric, "answered_share");
    assert!(found.comparison.verdict.contains("the share of requests answered rightly"));
    stored.targets[0].levels[0].summary.failures = failures;
    assert!(against(&this, &stored, TOLERANT).regressions.is_empty());
}

#[test]
fn what_makes_it_doubtful_is_told() {
    let mut this = document(vec![level(8.0, 100.0, 0.01), level(16.0, 100.0, 0.01)]);
    this.machine.cores = 2;
    this.versions.insert("hone".to_owned(), "2".to_owned());
    this.targets[0].levels[0].summary.stability.stable = false;
    let stored = document(vec![level(8.0, 100.0, 0.01)]);
    let warnings = [
        "the machines differ: a processor with 2 cores now, a processor with 4 cores then",
        "versions differ: hone 2 now, 1 then",
        "only 1 of this run's 2 loads are in both",
        "not every level of this run was steady",
    ];
    assert_eq!(against(&this, &stored, TOLERANT).warnings, warnings);
}

#[test]
fn runs_without_a_common_load_are_refused() {
    let this = document(vec![level(8.0, 100.0, 0.01)]);
    let open = LoadLevel { mode: LoadMode::Open, value: 8.0, ..LoadLevel::default() };
    let mut stored = this.clone();
    stored.targets[0].levels[0].load = open;
    let error = Baseline::of(&this, &stored, "main.json", TOLERANT).unwrap_err().to_string();
    let expected = "main.json has no load in common with this run; measure the same model by the same \
                    protocol (bert over http) at the same loads (8/s)";
    assert_eq!(error, expected);
    stored = this.clone();
    stored.targets[0].protocol = "grpc".to_owned();
    assert!(Baseline::of(&this, &stored, "main.json", TOLERANT).is_err());
}

#[test]
fn figures_are_numbers_whatever_was_measured() {
    let mut broken = document(vec![level(8.0, 100.0, 0.01)]);
    broken.targets[0].levels[0].summary = Summary::default();
    let text = serde_json::to_string(&against(&broken, &broken, TOLERANT).comparison).unwrap();
    assert!(!text.contains("null"), "{text}");
}
