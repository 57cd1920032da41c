use std::time::Duration;

use serde_json::json;

use super::ModelStatistics;
use crate::{BatchCount, Stage};

fn reading(requests: u64) -> ModelStatistics {
    let stage = |ns: u64| json!({"count": requests, "ns": ns * requests});
    let mut statistics = ModelStatistics::default();
    statistics.add(&json!({
        "inference_stats": {
            "success": stage(1000), "queue": stage(100), "compute_input": stage(10),
            "compute_infer": stage(800), "compute_output": stage(20)
        },
        "batch_stats": [{"batch_size": 4, "compute_infer": {"count": requests / 4, "ns": 1}}]
    }));
    statistics
}

#[test]
fn differences_are_what_happened_between() {
    let between = reading(100).since(&reading(60));
    assert_eq!(between.requests, 40);
    assert_eq!(between.total, Duration::from_nanos(40_000));
    assert_eq!(between.batch_counts(), [BatchCount { rows: 4, batches: 10 }]);
    assert_eq!(reading(60).since(&reading(60)).batch_counts(), []);
}

#[test]
fn what_the_server_does_not_tell_is_network() {
    let sums = reading(10).stages(Duration::from_nanos(1500));
    let of = |stage: Stage| sums.stages[stage as usize];
    assert_eq!(of(Stage::ComputeInfer), Duration::from_nanos(8000));
    assert_eq!(of(Stage::ServerOther), Duration::from_nanos(700));
    assert_eq!(of(Stage::Network), Duration::from_nanos(5000));
    assert_eq!(sums.stages.iter().sum::<Duration>(), Duration::from_nanos(15_000));
}
