use super::{ServerLimits, explain};
use crate::{
    result::{
        BatchCount, Estimate, LoadLevel, LoadMode, ServerSummary, StageShare, StageSummary, Summary,
    },
    slice::Stage,
};

/// A measurement of 100 answers a second, whose stages have the shares given.
fn summary(shares: &[(Stage, f64)]) -> Summary {
    let stage = |(stage, share): &(Stage, f64)| StageShare {
        stage: stage.name().to_owned(),
        mean_ms: share * 10.0,
        share: *share,
    };
    Summary {
        seconds: 10.0,
        offered: 1000,
        completed: 1000,
        throughput: Estimate { value: 100.0, low: 99.0, high: 101.0 },
        stages: Some(StageSummary {
            source: "server-timing".to_owned(),
            samples: 100,
            stages: shares.iter().map(stage).collect(),
            ..StageSummary::default()
        }),
        ..Summary::default()
    }
}

fn closed(callers: f64) -> LoadLevel {
    LoadLevel { mode: LoadMode::Closed, value: callers, arrivals: String::new() }
}

/// `cpu_ms` of CPU time per request on 4 cores, and batches of `rows` of at most 8.
fn with_server(mut summary: Summary, cpu_ms: f64, rows: u64) -> Summary {
    summary.server = Some(ServerSummary {
        cpu_us_per_request: Some(cpu_ms * 1000.0),
        resident_bytes: None,
        batches: vec![BatchCount { rows, batches: 10 }],
    });
    summary
}

const LIMITS: ServerLimits =
    ServerLimits { batch_rows_max: Some(8), cores: Some(4), is_local: false };

#[track_caller]
fn check(mut summary: Summary, load: &LoadLevel, bottleneck: Option<Stage>, words: &[&str]) {
    explain(&mut summary, load, &LIMITS);
    let stages = summary.stages.unwrap();
    assert_eq!(stages.bottleneck.as_deref(), bottleneck.map(Stage::name), "{}", stages.verdict);
    for word in words {
        assert!(stages.verdict.contains(word), "no {word:?} in {:?}", stages.verdict);
    }
}

const WAITS: &[(Stage, f64)] =
    &[(Stage::Queue, 0.7), (Stage::ComputeInfer, 0.25), (Stage::Network, 0.05)];
const COMPUTES: &[(Stage, f64)] = &[(Stage::Queue, 0.1), (Stage::ComputeInfer, 0.9)];

#[test]
fn a_queue_before_full_batches_wants_more_room() {
    let words = ["70 %", "7.00 rows on average of at most 8", "larger max_batch_size"];
    check(with_server(summary(WAITS), 30.0, 7), &closed(16.0), Some(Stage::Queue), &words);
}

#[test]
fn a_queue_beside_idle_cores_wants_instances() {
    let words = ["cores are idle (25 % used)", "more instances"];
    check(with_server(summary(WAITS), 10.0, 2), &closed(16.0), Some(Stage::Queue), &words);
}

#[test]
fn a_queue_with_hardly_any_work_behind_it_is_a_delay() {
    let delayed = [(Stage::Queue, 0.9), (Stage::ComputeInfer, 0.1)];
    let words = ["max_queue_delay_microseconds"];
    check(with_server(summary(&delayed), 2.0, 2), &closed(16.0), Some(Stage::Queue), &words);
    check(summary(&delayed), &closed(1.0), Some(Stage::Queue), &["lone request", words[0]]);
}

#[test]
fn a_queue_before_busy_cores_does_not_want_instances() {
    let words = ["CPU is used up (95 %)", "more machines"];
    check(with_server(summary(WAITS), 38.0, 8), &closed(16.0), Some(Stage::Queue), &words);
}

#[test]
fn a_queue_of_which_nothing_else_is_known_has_both_answers() {
    check(summary(WAITS), &closed(16.0), Some(Stage::Queue), &["if cores are idle", "if not"]);
}

#[test]
fn a_model_that_computes_is_to_be_profiled() {
    let stage = Some(Stage::ComputeInfer);
    check(summary(COMPUTES), &closed(4.0), stage, &["90 %", "hone profile"]);
    let words = ["dynamic_batching", "Cores are idle (25 % used)"];
    check(with_server(summary(COMPUTES), 10.0, 1), &closed(4.0), stage, &words);
}

#[test]
fn decoding_and_encoding_count_together() {
    let shares = [
        (Stage::Decode, 0.25),
        (Stage::Encode, 0.3),
        (Stage::ComputeInfer, 0.35),
        (Stage::Queue, 0.1),
    ];
    check(summary(&shares), &closed(4.0), Some(Stage::Encode), &["55 %", "binary"]);
}

#[test]
fn statistics_do_not_blame_the_network_alone() {
    let mut told = summary(&[(Stage::Network, 0.8), (Stage::ComputeInfer, 0.2)]);
    check(told.clone(), &closed(4.0), Some(Stage::Network), &["between client and server"]);
    "statistics".clone_into(&mut told.stages.as_mut().unwrap().source);
    check(told, &closed(4.0), Some(Stage::Network), &["network, decoding and encoding"]);
}

#[test]
fn statistics_without_times_tell_nothing() {
    let mut told = summary(&[(Stage::Network, 1.0), (Stage::Queue, 0.0)]);
    "statistics".clone_into(&mut told.stages.as_mut().unwrap().source);
    check(told, &closed(4.0), None, &["hold no times"]);
}

#[test]
fn the_rest_has_advice_too() {
    for (stage, word) in [
        (Stage::ClientSend, "bytes"),
        (Stage::ClientReceive, "bytes"),
        (Stage::ComputeInput, "Gathering"),
        (Stage::ServerOther, "fewer instances"),
        (Stage::ClientWait, "more connections"),
    ] {
        let shares = [(stage, 0.8), (Stage::ComputeInfer, 0.2)];
        check(summary(&shares), &closed(4.0), Some(stage), &[word]);
    }
}

#[test]
fn nothing_is_made_up_where_no_stage_stands_out() {
    let even = [(Stage::Queue, 0.42), (Stage::ComputeInfer, 0.4), (Stage::Network, 0.18)];
    let words = ["No single stage dominates: queue 42 %, compute_infer 40 %, network 18 %."];
    check(summary(&even), &closed(4.0), None, &words);
    let mut nothing = summary(&[]);
    explain(&mut nothing, &closed(4.0), &LIMITS);
    assert_eq!(nothing.stages.unwrap().verdict, "");
}

#[test]
fn a_rate_that_is_too_high_is_said_first() {
    let mut late = summary(&[(Stage::ClientWait, 0.9), (Stage::ComputeInfer, 0.1)]);
    late.offered = 3000;
    let load = LoadLevel { mode: LoadMode::Open, value: 300.0, arrivals: "poisson".to_owned() };
    let words = ["answered 100 of 300 requests per second that were due", "Try a lower rate"];
    check(late, &load, Some(Stage::ClientWait), &words);
}

#[test]
fn a_generator_that_warns_is_said_first() {
    let mut late = summary(COMPUTES);
    late.generator.warnings.push("busy".to_owned());
    check(late, &closed(4.0), Some(Stage::ComputeInfer), &["The generator warns about itself"]);
}

#[test]
fn a_network_within_one_machine_is_its_cores() {
    let mut told = summary(&[(Stage::Network, 0.8), (Stage::ComputeInfer, 0.2)]);
    explain(&mut told, &closed(4.0), &ServerLimits { is_local: true, ..LIMITS });
    let verdict = told.stages.unwrap().verdict;
    assert!(verdict.contains("share this machine"), "{verdict}");
}
