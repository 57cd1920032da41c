use std::time::Duration;

use serving::{DURATION_BOUNDS, DurationStat, InstanceCounts, Statistics, Timestamp};

use super::{
    BATCH_BOUNDS, Catalogue, CatalogueRow, GenerationStatistics, History, Machine, Numbers,
    Overview, Row, event, short,
};

/// After `seconds` of a model that answers 1234 requests and generates 100 tokens a second.
fn busy(seconds: u64) -> Statistics {
    let requests = 1234 * seconds;
    let mut statistics = Statistics {
        success: DurationStat { count: requests, ns: requests * 3_210_987 },
        queue: DurationStat { count: requests, ns: requests * 1_000_000 },
        compute_infer: DurationStat { count: requests, ns: requests * 2_000_000 },
        inference_count: requests * 2,
        execution_count: requests / 2,
        pending: 17,
        instances: InstanceCounts { busy: 2, ..InstanceCounts::default() },
        ..Statistics::default()
    };
    for request in 0..requests {
        let seconds = if request % 100 == 0 { 0.02 } else { 0.002 };
        statistics.request_seconds.observe(seconds, &DURATION_BOUNDS);
    }
    statistics.batch_rows.observe(1000.0, &BATCH_BOUNDS);
    statistics
}

fn history(look: fn(u64) -> Statistics) -> History {
    let mut history = History::default();
    for second in 1..=3 {
        history.push(Timestamp::default() + Duration::from_secs(second), look(second));
    }
    history
}

#[test]
fn a_row_has_rates_states_percentiles_and_means() {
    let row = Row::of(&history(busy));
    assert_eq!((row.rates, row.now), ([1234.0, 0.0, 2468.0, 617.0], [17, 2, 0]));
    let [p50, p90, p99, queue, infer] = row.latency.unwrap();
    assert!((1.0..2.5).contains(&p50) && p50 < p90 && (2.4..=25.0).contains(&p99), "{row:?}");
    assert_eq!((queue, infer), (1.0, 2.0));
    assert!(!row.is_at_rest());
}

#[test]
fn rest_is_told_from_work() {
    assert!(Row::of(&history(|_| Statistics::default())).is_at_rest());
    let waits = |_| Statistics { pending: 1, ..Statistics::default() };
    assert!(!Row::of(&history(waits)).is_at_rest());
    let generates = |second| {
        let generation = GenerationStatistics {
            kv_blocks_total: 4,
            kv_blocks_used: 1,
            generated_tokens: 100 * second,
            prefix_cache_queries: 10 * second,
            prefix_cache_hits: 5 * second,
            ..GenerationStatistics::default()
        };
        Statistics { generation: Some(generation), ..Statistics::default() }
    };
    let row = Row::of(&history(generates));
    assert!(!row.is_at_rest());
    let text = serde_json::to_string(&row.generation).unwrap();
    assert_eq!(text, "[0,0,0.25,0.0,100.0,0.5]");
}

#[test]
fn what_lies_above_the_last_bound_has_a_place() {
    let numbers = serde_json::to_value(Numbers::of(&busy(1))).unwrap();
    assert_eq!(numbers["batch_rows"].as_array().unwrap().len(), BATCH_BOUNDS.len() + 1);
    assert_eq!(numbers["batch_rows"][BATCH_BOUNDS.len()], 1);
    assert_eq!((&numbers["reasons"], &numbers["stages"][0]), (&serde_json::json!({}), &1.0.into()));
}

#[test]
fn a_hundred_busy_models_are_a_few_kilobytes() {
    let row = Row::of(&history(busy));
    let overview = Overview {
        time: 1_800_000_000_000,
        unready: "",
        in_flight: 1000,
        machine: Machine { cpu: None, machine: None, resident: None, used: None, memory: None },
        total: row.clone(),
        models: (0..100).map(|index| (index, row.clone())).collect(),
    };
    let size = event("overview", &overview).len();
    assert!(size < 12_000, "{size} bytes");
    let names: Vec<_> = (0..100).map(|index| format!("model_{index}")).collect();
    let models = names.iter().map(|name| CatalogueRow(name, Some(1), "READY", "", 2, false));
    let size = event("catalogue", &Catalogue { models: models.collect() }).len();
    assert!(size < 6_000, "{size} bytes");
}

#[test]
fn numbers_are_as_short_as_they_are_read() {
    for (value, expected) in [
        (0.0, 0.0),
        (1234.567, 1235.0),
        (0.012_345_6, 0.012_35),
        (f64::NAN, 0.0),
        (1e9 / 3.0, 333_300_000.0),
    ] {
        assert_eq!(short(value), expected);
    }
}
