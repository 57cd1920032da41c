//! What `Server-Timing` says.

use std::collections::BTreeMap;

const STAGES: [&str; 8] = [
    "receive",
    "decode",
    "queue",
    "compute_input",
    "compute_infer",
    "compute_output",
    "wake",
    "encode",
];

/// Every stage is there, the total is last, and they add up to it.
#[track_caller]
pub(crate) fn check(timing: &str) {
    let durations: BTreeMap<&str, f64> = timing
        .split(", ")
        .filter_map(|part| part.split_once(";dur="))
        .map(|(name, duration)| (name, duration.parse().unwrap()))
        .collect();
    assert!(timing.split(", ").last().unwrap().starts_with("total;dur="), "{timing}");
    let sum: f64 = STAGES.iter().map(|stage| durations[stage]).sum();
    // Each is rounded to a thousandth.
    assert!((sum - durations["total"]).abs() < 0.005, "{sum} in {timing}");
}
