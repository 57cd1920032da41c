use std::{sync::Arc, time::Duration};

use serving::ErrorKind;

use super::{Admission, Limits};

fn admission(sequences: usize, tokens: usize) -> Arc<Admission> {
    Admission::new(Limits { sequences, tokens })
}

#[test]
fn what_waits_is_bounded_by_sequences_and_by_tokens() {
    let by_sequences = admission(2, 1000);
    let _first = by_sequences.enter(2, 10).unwrap();
    assert_eq!(by_sequences.enter(1, 1).unwrap_err().kind(), ErrorKind::Exhausted);
    let by_tokens = admission(10, 100);
    let _second = by_tokens.enter(1, 60).unwrap();
    assert_eq!(by_tokens.enter(1, 41).unwrap_err().kind(), ErrorKind::Exhausted);
    assert!(by_tokens.enter(1, 40).is_ok());
}

#[test]
fn a_place_is_given_back() {
    let admission = admission(1, 100);
    drop(admission.enter(1, 100).unwrap());
    assert_eq!(admission.waiting(), 0);
    assert!(admission.enter(1, 100).is_ok());
}

#[test]
fn a_large_request_may_wait_alone() {
    let admission = admission(1, 100);
    let alone = admission.enter(4, 4000).unwrap();
    assert!(admission.enter(1, 1).is_err());
    drop(alone);
    assert!(admission.enter(1, 1).is_ok());
}

#[test]
fn the_time_to_come_again_follows_the_measured_rate() {
    let admission = admission(8, 5000);
    admission.note_step(500, Duration::from_secs(1));
    let _waiting = admission.enter(8, 4000).unwrap();
    let error = admission.enter(1, 10).unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(8)));
}

#[test]
fn without_a_rate_it_is_a_second() {
    let admission = admission(1, 5000);
    let _waiting = admission.enter(1, 4000).unwrap();
    let error = admission.enter(1, 10).unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
}
