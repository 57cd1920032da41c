use std::time::{Duration, SystemTime};

use serving::{BatchStatistics, DurationStat, Statistics};

use super::{document, to_message};

fn statistics() -> Statistics {
    let stat = |count, ns| DurationStat { count, ns };
    let mut statistics = Statistics {
        last_inference: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123)),
        inference_count: 6,
        execution_count: 2,
        success: stat(3, 900),
        fail: stat(1, 50),
        queue: stat(3, 300),
        compute_input: stat(3, 30),
        compute_infer: stat(3, 500),
        compute_output: stat(3, 20),
        ..Statistics::default()
    };
    let batch = BatchStatistics {
        compute_input: stat(2, 10),
        compute_infer: stat(2, 400),
        compute_output: stat(2, 5),
    };
    statistics.batches.insert(3, batch);
    statistics.batch_reasons[1] = 2;
    statistics
}

#[test]
fn both_protocols_say_the_same() {
    let statistics = statistics();
    let message = to_message("m", "1", &statistics);
    assert_eq!((&*message.name, &*message.version), ("m", "1"));
    assert_eq!(message.last_inference, 1_700_000_000_123);
    let batch = &message.batch_stats[0];
    assert_eq!((batch.batch_size, batch.compute_infer.unwrap().ns), (3, 400));

    let json: serde_json::Value =
        serde_json::from_slice(&document(&[(message, statistics)])).unwrap();
    let expected = serde_json::json!({ "model_stats": [{
        "name": "m",
        "version": "1",
        "last_inference": 1_700_000_000_123_u64,
        "inference_count": 6,
        "execution_count": 2,
        "inference_stats": {
            "success": { "count": 3, "ns": 900 },
            "fail": { "count": 1, "ns": 50 },
            "queue": { "count": 3, "ns": 300 },
            "compute_input": { "count": 3, "ns": 30 },
            "compute_infer": { "count": 3, "ns": 500 },
            "compute_output": { "count": 3, "ns": 20 },
            "cache_hit": { "count": 0, "ns": 0 },
            "cache_miss": { "count": 0, "ns": 0 },
        },
        "response_stats": {},
        "batch_stats": [{
            "batch_size": 3,
            "compute_input": { "count": 2, "ns": 10 },
            "compute_infer": { "count": 2, "ns": 400 },
            "compute_output": { "count": 2, "ns": 5 },
        }],
        "memory_usage": [],
        "batch_reasons": {
            "idle": 0, "full": 2, "preferred": 0, "delay": 0, "deadline": 0, "shape_change": 0,
            "priority": 0, "no_gain": 0, "retry": 0,
        },
    }] });
    assert_eq!(json, expected);
}

#[test]
fn a_model_that_was_never_used_has_zeroes() {
    let message = to_message("m", "2", &Statistics::default());
    assert_eq!(message.last_inference, 0);
    assert_eq!(message.inference_stats.unwrap().success.unwrap().count, 0);
    assert!(message.batch_stats.is_empty());
    assert!(message.response_stats.is_empty());
}
