use std::time::Duration;

use serving::{Clock, DURATION_BOUNDS, DurationStat, InstanceCounts, Statistics};

use super::{ModelSample, ServerSample, render};

fn busy() -> Statistics {
    let mut statistics = Statistics {
        inference_count: 1_234_567,
        execution_count: 234_567,
        success: DurationStat { count: 345_678, ns: 9_876_543_210_999 },
        pending: 17,
        load_duration: Duration::from_millis(1250),
        instances: InstanceCounts { idle: 1, busy: 2, replacing: 0, replaced_total: 3 },
        ..Statistics::default()
    };
    for value in [0.000_07, 0.002, 0.02, 99.0] {
        statistics.request_seconds.observe(value, &DURATION_BOUNDS);
    }
    statistics.failures[0] = 5;
    statistics.rejections[2] = 5;
    statistics.batch_reasons[1] = 7;
    statistics
}

fn sample(name: &str, tags: &[(&str, &str)]) -> ModelSample {
    ModelSample::new(name, "1", tags.iter().copied(), busy())
}

/// Renders one model and checks that each line is there.
#[track_caller]
fn check(tags: &[(&str, &str)], expected: &[&str]) {
    let page = render(&ServerSample::default(), &[sample("m", tags)], 0);
    for line in expected {
        assert!(page.lines().any(|own| own == *line), "{line} is missing in\n{page}");
    }
}

#[test]
fn statistics_have_the_reference_names_and_units() {
    check(
        &[],
        &[
            "nv_inference_request_success{model=\"m\",version=\"1\"} 345678",
            "nv_inference_count{model=\"m\",version=\"1\"} 1234567",
            "nv_inference_exec_count{model=\"m\",version=\"1\"} 234567",
            "nv_inference_request_duration_us{model=\"m\",version=\"1\"} 9876543210",
            "nv_inference_request_failure{model=\"m\",version=\"1\",reason=\"REJECTED\"} 5",
            "nv_inference_pending_request_count{model=\"m\",version=\"1\"} 17",
            "nv_model_load_duration_secs{model=\"m\",version=\"1\"} 1.25",
        ],
    );
}

#[test]
fn our_own_families_tell_distributions_and_reasons() {
    check(
        &[],
        &[
            "# TYPE hone_request_duration_seconds histogram",
            "hone_request_duration_seconds_bucket{model=\"m\",version=\"1\",le=\"0.0001\"} 1",
            "hone_request_duration_seconds_bucket{model=\"m\",version=\"1\",le=\"10\"} 3",
            "hone_request_duration_seconds_bucket{model=\"m\",version=\"1\",le=\"+Inf\"} 4",
            "hone_request_duration_seconds_count{model=\"m\",version=\"1\"} 4",
            "hone_batches_total{model=\"m\",version=\"1\",reason=\"full\"} 7",
            "hone_requests_rejected_total{model=\"m\",version=\"1\",reason=\"timeout\"} 5",
            "hone_instances{model=\"m\",version=\"1\",state=\"busy\"} 2",
            "hone_instances_replaced_total{model=\"m\",version=\"1\"} 3",
        ],
    );
}

#[test]
fn metric_tags_become_labels() {
    check(
        &[("team", "a\"b"), ("cost-centre", "7"), ("model", "x"), ("cost centre", "8")],
        &[
            "nv_inference_count{model=\"m\",version=\"1\",team=\"a\\\"b\",cost_centre=\"7\"} 1234567",
        ],
    );
}

#[test]
fn a_hundred_models_are_a_matter_of_milliseconds() {
    let models: Vec<_> = (0..100).map(|index| sample(&format!("model_{index}"), &[])).collect();
    let server = ServerSample::default();
    let capacity = render(&server, &models, 0).len();
    let start = Clock::now();
    let page = render(&server, &models, capacity);
    let took = Clock::now().since(start);
    println!("{} lines, {} bytes in {took:?}", page.lines().count(), page.len());
    assert!(page.lines().count() > 10_000);
    // About 1 ms when optimised; the bound leaves room for a busy machine and a debug build.
    assert!(took < Duration::from_millis(200), "took {took:?}");
}
