use std::time::Duration;

use super::hidden;
use crate::{Distribution, Slice};

const MS: u64 = 1_000_000;

fn slice(latencies: &[(u64, u64)], silence_ms: u64) -> Slice {
    Slice {
        length: Duration::from_millis(100),
        completed: latencies.iter().map(|(_, count)| count).sum(),
        latency: Distribution { values: latencies.to_vec() },
        longest_silence: Duration::from_millis(silence_ms),
        ..Slice::default()
    }
}

#[test]
fn a_stall_is_told_with_what_it_hides() {
    // One caller at 1 ms each, 100 a slice; five slices of silence, then the request that waited.
    let mut slices: Vec<Slice> = (0..50).map(|_| slice(&[(MS, 100)], 1)).collect();
    slices.extend((0..5).map(|_| slice(&[], 100)));
    slices.push(slice(&[(MS, 99), (501 * MS, 1)], 1));
    let text = hidden(&slices).unwrap();
    assert!(text.contains("for 500 ms") && text.contains("only 1 of 5100"), "{text}");
    // 500 of 5600 would have waited, evenly up to 501 ms: the 99th percentile is 56 below the top.
    assert!(text.contains("p99 of about 44") && text.contains("not 1.000 ms"), "{text}");
}

#[test]
fn steady_servers_hide_nothing() {
    let slices: Vec<Slice> = (0..50).map(|_| slice(&[(MS, 100)], 2)).collect();
    assert_eq!(hidden(&slices), None);
    let slow: Vec<Slice> = (0..50)
        .map(|index| slice(if index % 5 == 4 { &[(500 * MS, 1)] } else { &[] }, 100))
        .collect();
    assert_eq!(hidden(&slow), None);
}
