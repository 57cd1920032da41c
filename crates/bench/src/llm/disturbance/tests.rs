use std::time::Duration;

use super::gaps_of;
use crate::clock;

/// Pieces at these milliseconds; gaps between two others.
#[track_caller]
fn check(pieces: &[u64], (from, to): (u64, u64), expected: &[u64]) {
    let start = clock::now();
    let at = |milliseconds: &u64| start + Duration::from_millis(*milliseconds);
    let pieces: Vec<_> = pieces.iter().map(at).collect();
    let gaps = gaps_of(&pieces, at(&from), at(&to));
    let expected: Vec<_> = expected.iter().copied().map(Duration::from_millis).collect();
    assert_eq!(gaps, expected);
}

#[test]
fn gaps_within_are_counted() {
    check(&[0, 10, 30, 60, 100], (15, 50), &[20, 30]);
    check(&[0, 10, 30], (100, 200), &[170]);
}

#[test]
fn a_stream_that_stood_still_all_the_time_is_seen() {
    check(&[0, 10, 9000], (20, 8000), &[8990]);
    check(&[0, 10], (20, 8000), &[7990]);
}

#[test]
fn gaps_outside_are_not_counted() {
    check(&[0, 10, 20, 30], (10, 20), &[10]);
}
