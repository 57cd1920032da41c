//! Made-up results that look like real ones.

mod parts;

use std::collections::BTreeMap;

use crate::result::{
    BatchCount, ComparedMetric, Comparison, Goodput, Knee, LevelResult, LoadLevel, LoadMode,
    Machine, MetricVerdict, ObjectiveTerm, ResultDocument, SCHEMA, SearchProbe, SearchResult,
    StabilitySummary, TargetResult,
};
use parts::{Times, estimate, generation, stages, summary};

/// One of each kind.
pub(crate) fn all() -> Vec<ResultDocument> {
    vec![sweep(), rate(), chat(), versus(), search(), ResultDocument::default()]
}

/// Closed loop, six levels, a knee.
pub(crate) fn sweep() -> ResultDocument {
    let points = [
        (1.0, 118.0, 8.4, 0.02, 1),
        (2.0, 226.0, 8.8, 0.05, 2),
        (4.0, 391.0, 10.1, 0.12, 3),
        (8.0, 622.0, 12.7, 0.21, 6),
        (16.0, 734.0, 21.6, 0.45, 8),
        (32.0, 741.0, 43.0, 0.71, 8),
    ];
    let mut document = document(&["resnet50"]);
    for (callers, rate, median, queue, batch) in points {
        let mut level = level(LoadMode::Closed, callers, Times { rate, median, sigma: 0.12 });
        level.summary.stages = Some(stages(level.summary.latency.mean, queue));
        level.summary.server.get_or_insert_default().batches =
            (1..=batch).map(|rows| BatchCount { rows, batches: 40 * rows * rows }).collect();
        document.targets[0].levels.push(level);
    }
    let last = document.targets[0].levels.last_mut().expect("levels were pushed");
    last.summary.stability = StabilitySummary {
        stable: false,
        test: last.summary.stability.test.clone(),
        warm_up_seconds: 20.0,
        reasons: vec!["p99 rose by 14 % from the first to the last third".to_owned()],
    };
    let knee = &document.targets[0].levels[4];
    document.targets[0].knee = Some(Knee {
        load: knee.load.clone(),
        throughput: knee.summary.throughput.value,
        p99_ms: knee.summary.latency.p99.value,
        reason: "32 in flight brings 1 % more throughput for 2.0 times the p99".to_owned(),
    });
    document
}

/// Open loop over what the server holds: failures, warnings, an objective that breaks.
pub(crate) fn rate() -> ResultDocument {
    let mut document = document(&["bert-base"]);
    let mut level = level(LoadMode::Open, 900.0, Times { rate: 731.0, median: 64.0, sigma: 0.62 });
    level.load.arrivals = "poisson".to_owned();
    level.summary.failures =
        BTreeMap::from([("overloaded".to_owned(), 3310), ("timeout".to_owned(), 12)]);
    level.summary.offered += 3322;
    level.summary.service = Some(Times { rate: 731.0, median: 31.0, sigma: 0.3 }.latency());
    level.summary.goodput = Some(Goodput {
        objective: "p99=50ms".to_owned(),
        rate: estimate(402.0, 0.03),
        share: 0.447,
        holds: Some(false),
        terms: vec![ObjectiveTerm {
            term: "p99=50ms".to_owned(),
            limit: 50.0,
            observed: level.summary.latency.p99,
            holds: Some(false),
        }],
    });
    level.summary.stages = Some(stages(level.summary.latency.mean, 0.8));
    level.summary.generator.lateness =
        Some(Times { rate: 731.0, median: 0.021, sigma: 0.9 }.latency());
    level.summary.generator.warnings = vec![
        "the busiest sending thread used 97 % of a core: the generator may be what limits; \
         give it more threads (--threads) or another machine"
            .to_owned(),
    ];
    document.targets[0].levels.push(level);
    document
}

/// Conversations with a language model, against a stored result.
pub(crate) fn chat() -> ResultDocument {
    let mut document = document(&["qwen2.5-0.5b"]);
    document.targets[0].protocol = "openai-chat".to_owned();
    for (users, rate, median) in [(1.0, 0.8, 1240.0), (4.0, 2.4, 1630.0), (8.0, 3.1, 2510.0)] {
        let mut level = level(LoadMode::Sessions, users, Times { rate, median, sigma: 0.3 });
        level.summary.generation = Some(generation(rate, users));
        document.targets[0].levels.push(level);
    }
    document.baseline = Some(comparison("this run", "main.json", 0));
    document
}

/// A against B, three rounds.
pub(crate) fn versus() -> ResultDocument {
    let mut document = document(&["A", "B"]);
    document.targets[1].url = "http://127.0.0.1:9000".to_owned();
    for (target, rate) in document.targets.iter_mut().zip([412.0, 381.0]) {
        "resnet50".clone_into(&mut target.model);
        for round in 0..3_u8 {
            let rate = rate + f64::from(round);
            let times = Times { rate, median: 16_000.0 / rate, sigma: 0.2 };
            let mut level = level(LoadMode::Closed, 16.0, times);
            level.round = usize::from(round);
            target.levels.push(level);
        }
    }
    document.comparison = Some(comparison("A", "B", 3));
    document
}

/// The highest rate that holds an objective.
pub(crate) fn search() -> ResultDocument {
    let mut document = document(&["resnet50"]);
    let tries = [
        (200.0, 18.2, Some(true)),
        (400.0, 29.4, Some(true)),
        (800.0, 412.0, Some(false)),
        (600.0, 71.0, Some(false)),
        (500.0, 48.9, None),
        (470.0, 41.0, Some(true)),
    ];
    let probes =
        tries.map(|(rate, p99, holds)| SearchProbe { rate, holds, observed: estimate(p99, 0.08) });
    for probe in &probes {
        let times = Times { rate: probe.rate, median: probe.observed.value / 2.0, sigma: 0.3 };
        let mut level = level(LoadMode::Open, probe.rate, times);
        level.load.arrivals = "poisson".to_owned();
        document.targets[0].levels.push(level);
    }
    document.search = Some(SearchResult {
        objective: "p99=50ms".to_owned(),
        holds: Some(470.0),
        breaks: Some(600.0),
        probes: probes.into(),
        verdict:
            "p99=50ms holds at 470 requests/s and breaks at 600; at 500 the measurement could \
                  not tell"
                .to_owned(),
    });
    document
}

fn comparison(a: &str, b: &str, rounds: usize) -> Comparison {
    let metric = |metric: &str, pair: (f64, f64), width, more, verdict| ComparedMetric {
        metric: metric.to_owned(),
        a: pair.0,
        b: pair.1,
        ratio: estimate(pair.0 / pair.1, width),
        higher_is_better: more,
        visible: Some(width),
        verdict,
    };
    let none = MetricVerdict::NoDifferenceShown;
    Comparison {
        a: a.to_owned(),
        b: b.to_owned(),
        rounds,
        metrics: vec![
            metric("throughput", (412.0, 381.0), 0.03, true, MetricVerdict::ABetter),
            metric("latency_p50", (38.2, 38.4), 0.02, false, none),
            metric("latency_p99", (71.3, 51.0), 0.2, false, MetricVerdict::BBetter),
            metric("server_cpu_per_request", (1210.0, 1190.0), 0.05, false, none),
        ],
        verdict: format!("{a} has 8 % more throughput than {b}, and a p99 that is 40 % longer"),
    }
}

fn document(labels: &[&str]) -> ResultDocument {
    let target = |label: &&str| TargetResult {
        label: (*label).to_owned(),
        url: "http://127.0.0.1:8000".to_owned(),
        protocol: "http".to_owned(),
        model: (*label).to_owned(),
        ..TargetResult::default()
    };
    ResultDocument {
        schema: SCHEMA.to_owned(),
        command: ["hone", "bench", "127.0.0.1:8000", "--model", labels[0], "--seconds", "10"]
            .map(str::to_owned)
            .into(),
        started: 1_795_514_400.0,
        seed: 42,
        machine: Machine {
            cpu: "AMD EPYC 9B14".to_owned(),
            cores: 8,
            cpu_features: ["avx2", "avx512f", "avx512_vnni"].map(str::to_owned).into(),
            memory_bytes: 34_359_738_368,
            system: "Linux 6.12".to_owned(),
        },
        versions: BTreeMap::from([("hone".to_owned(), "0.1.0".to_owned())]),
        targets: labels.iter().map(target).collect(),
        ..ResultDocument::default()
    }
}

fn level(mode: LoadMode, value: f64, times: Times) -> LevelResult {
    let load = LoadLevel { mode, value, arrivals: String::new() };
    LevelResult { load, round: 0, summary: summary(times) }
}
