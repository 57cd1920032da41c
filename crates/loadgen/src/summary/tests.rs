use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::{prop, proptest};

use super::{GeneratorReading, Measurement};
use crate::{
    Distribution, FailureKind, GenerationSlice, LatencySummary, LoadMode, Objective, Slice,
    StabilitySummary, Stage, StageSample, StageSummary, Summary,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A hundred requests of 1 to 100 ms.
fn slice(index: u32) -> Slice {
    let latency: Distribution = (1..=100).map(|ms| ms * 1_000_000).collect();
    Slice {
        start: ms(5000) + ms(100) * index,
        length: ms(100),
        offered: 100,
        completed: 100,
        answered: 100,
        good: 100,
        service: latency.clone(),
        latency,
        generator_cpu: ms(10),
        ..Slice::default()
    }
}

fn measurement(mode: LoadMode, slices: &[Slice]) -> Measurement<'_> {
    Measurement {
        mode,
        slices,
        objective: None,
        stability: StabilitySummary { stable: true, ..StabilitySummary::default() },
        generator: GeneratorReading { threads: 2, busiest_cpu: ms(100) },
        server: None,
        stages: None,
    }
}

fn closed(slices: &[Slice]) -> Summary {
    Summary::of(measurement(LoadMode::Closed, slices))
}

#[test]
fn figures_are_those_of_all_slices() {
    let slices: Vec<Slice> = (0..20).map(slice).collect();
    let summary = closed(&slices);
    assert_eq!((summary.offered, summary.completed), (2000, 2000));
    assert!((summary.seconds - 2.0).abs() < 1e-9);
    assert!((summary.throughput.value - 1000.0).abs() < 1e-6);
    assert_eq!(summary.latency.count, 2000);
    assert_eq!((summary.latency.min, summary.latency.max), (1.0, 100.0));
    assert!((summary.latency.mean - 50.5).abs() < 1e-9);
    assert_eq!((summary.latency.p50.value, summary.latency.p99.value), (50.0, 99.0));
    assert!(summary.latency.p99.low == 99.0 && summary.latency.p99.high == 100.0);
    assert!(summary.service.is_none() && summary.goodput.is_none() && summary.stages.is_none());
    assert!((summary.generator.cpu_us_per_request - 100.0).abs() < 1e-6);
    assert!(summary.generator.warnings.is_empty());
}

#[test]
fn a_timeline_starts_with_the_measurement_and_fits_a_chart() {
    let slices: Vec<Slice> = (0..1500).map(slice).collect();
    let timeline = closed(&slices).timeline;
    assert!(timeline.len() <= 600 && timeline.len() >= 300, "{}", timeline.len());
    assert!((timeline[0].seconds - 0.3).abs() < 1e-9);
    assert!((timeline[timeline.len() - 1].seconds - 150.0).abs() < 1e-9);
    assert!(timeline.iter().all(|point| (point.rate - 1000.0).abs() < 1e-6));
    assert_eq!((timeline[0].p50_ms, timeline[0].p99_ms), (50.0, 99.0));
}

#[test]
fn an_open_loop_tells_service_and_lateness_apart() {
    let slow: Distribution = (0..100).map(|_| 30_000_000).collect();
    let slices = vec![Slice { lateness: slow, ..slice(0) }; 10];
    let summary = Summary::of(measurement(LoadMode::Open, &slices));
    assert_eq!(summary.service.unwrap().p50.value, 50.0);
    assert_eq!(summary.generator.lateness.unwrap().p99.value, 30.0);
    assert!(summary.generator.warnings[0].starts_with("the generator was late"));
    // 2 ms are less than 5 % of 50 ms.
    let little: Distribution = (0..100).map(|_| 2_000_000).collect();
    let slices = vec![Slice { lateness: little, ..slice(0) }; 10];
    assert!(Summary::of(measurement(LoadMode::Open, &slices)).generator.warnings.is_empty());
}

#[test]
fn a_generator_at_its_limit_says_so() {
    let failures = BTreeMap::from([(FailureKind::NotSent, 3)]);
    let slices = vec![Slice { failures, ..slice(0) }; 10];
    let mut busy = measurement(LoadMode::Open, &slices);
    busy.generator.busiest_cpu = ms(900);
    let summary = Summary::of(busy);
    let [cpu, full] = &summary.generator.warnings[..] else { panic!("{:?}", summary.generator) };
    assert!(cpu.starts_with("the generator's CPU was the limit") && cpu.contains("90 %"), "{cpu}");
    assert!(full.starts_with("30 requests were never sent"), "{full}");
    assert_eq!(summary.failures, BTreeMap::from([("not_sent".to_owned(), 30)]));
}

#[test]
fn stages_are_shares_of_the_mean() {
    let mut sample = StageSample::default();
    sample.stages[2] = ms(1);
    sample.stages[6] = ms(3);
    let mut slices = vec![slice(0), slice(1)];
    slices.iter_mut().for_each(|slice| slice.stages.add(&sample));
    let stages = closed(&slices).stages.unwrap();
    let found: Vec<(&str, f64, f64)> =
        stages.stages.iter().map(|stage| (&*stage.stage, stage.mean_ms, stage.share)).collect();
    let expected = [(Stage::Network.name(), 1.0, 0.25), (Stage::ComputeInfer.name(), 3.0, 0.75)];
    assert_eq!(found, expected);
    assert_eq!((stages.samples, &*stages.source), (2, "server-timing"));
}

#[test]
fn stages_from_elsewhere_are_taken_if_nothing_was_sampled() {
    let slices = [slice(0)];
    let mut with = measurement(LoadMode::Closed, &slices);
    with.stages = Some(StageSummary { source: "statistics".to_owned(), ..StageSummary::default() });
    assert_eq!(Summary::of(with).stages.unwrap().source, "statistics");
}

#[test]
fn generations_have_their_own_figures() {
    let generation = GenerationSlice {
        time_to_first_token: [4_000_000, 6_000_000].into_iter().collect(),
        time_per_output_token: [1_000_000, 2_000_000].into_iter().collect(),
        inter_token_latency: (1..=18).map(|_| 1_500_000).collect(),
        prompt_tokens: 100,
        output_tokens: 20,
    };
    let slices = vec![Slice { generation: Some(generation), ..slice(0) }; 10];
    let found = closed(&slices).generation.unwrap();
    assert_eq!((found.prompt_tokens_mean, found.output_tokens_mean), (50.0, 10.0));
    assert!((found.output_tokens_per_second.value - 200.0).abs() < 1e-6);
    assert_eq!(found.time_to_first_token.mean, 5.0);
    assert_eq!(found.inter_token_latency.count, 180);
}

/// Every number in a document must be one: `null` stands for NaN and infinity.
#[track_caller]
fn check_finite(slices: &[Slice]) {
    let objective: Objective = "p99=5ms,avg=1ms,errors=1%,ttft=1s,itl=1ms".parse().unwrap();
    let mut measured = measurement(LoadMode::Open, slices);
    measured.objective = Some(&objective);
    let mut summary = Summary::of(measured);
    summary.server = None;
    let mut goodput = summary.goodput.take().unwrap();
    goodput.holds = Some(true);
    goodput.terms.iter_mut().for_each(|term| term.holds = Some(true));
    let text = serde_json::to_string(&(&goodput, &summary.latency, &summary.throughput)).unwrap();
    assert!(!text.contains("null"), "{text}");
    let text = serde_json::to_string(&(summary.service, &summary.generator)).unwrap();
    assert!(!text.contains("null"), "{text}");
    let text = serde_json::to_string(&(&summary.timeline, &summary.cdf)).unwrap();
    assert!(!text.contains("null"), "{text}");
}

#[test]
fn figures_are_numbers_whatever_was_measured() {
    check_finite(&[]);
    check_finite(&[Slice::default()]);
    check_finite(&vec![Slice::default(); 100]);
    check_finite(&[Slice { length: ms(100), ..Slice::default() }]);
    check_finite(&[Slice { generation: Some(GenerationSlice::default()), ..slice(0) }]);
    check_finite(&vec![
        Slice {
            latency: [1].into_iter().collect(),
            completed: 1,
            ..Slice::default()
        };
        9
    ]);
    let failures = BTreeMap::from([(FailureKind::Connect, 7)]);
    check_finite(&vec![Slice { failures, length: ms(1), ..Slice::default() }; 30]);
}

#[test]
fn what_ends_after_the_measured_time_is_latency_and_no_throughput() {
    let mut slices = vec![Slice { completed: 50, answered: 50, ..slice(0) }; 10];
    slices[9].completed += 500;
    let summary = Summary::of(measurement(LoadMode::Open, &slices));
    assert_eq!(summary.completed, 1000);
    assert!((summary.throughput.value - 500.0).abs() < 1e-6);
    assert!((summary.timeline[9].rate - 500.0).abs() < 1e-6);
}

proptest! {
    #[test]
    fn intervals_hold_their_figures(
        counts in prop::collection::vec((0_u64..40, 1_u64..50), 0..40)) {
        let slices: Vec<Slice> = counts
            .iter()
            .map(|(count, ms)| {
                let latency: Distribution = (0..*count).map(|at| (at + ms) * 100_000).collect();
                Slice { completed: *count, answered: *count, latency, ..slice(0) }
            })
            .collect();
        let summary = closed(&slices);
        let LatencySummary { p50, p90, p95, p99, p999, min, max, .. } = summary.latency;
        for figure in [p50, p90, p95, p99, p999, summary.throughput] {
            assert!(figure.low <= figure.value && figure.value <= figure.high, "{figure:?}");
        }
        let ascending = [min, p50.value, p90.value, p95.value, p99.value, p999.value, max];
        assert!(ascending.is_sorted(), "{ascending:?}");
    }
}
