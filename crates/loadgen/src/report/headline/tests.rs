use super::headline;
use crate::{report::fixture, result::ResultDocument};

#[track_caller]
fn check(document: &ResultDocument, expected: &str) {
    assert_eq!(headline(document), expected);
}

#[test]
fn a_sweep_is_answered_with_its_knee() {
    check(
        &fixture::sweep(),
        "resnet50 answers 734 requests/s (726 to 744) at 16 in flight, half of them within 21.6 ms \
         and 99 % within 28.6 ms; more load brings little more. But not every level was steady.",
    );
}

#[test]
fn a_rate_that_is_not_held_is_said() {
    check(
        &fixture::rate(),
        "bert-base does not keep up: it answers 731 requests/s (723 to 741) at 900/s poisson, half \
         of them within 64.0 ms and 99 % within 271 ms; 31 % of the requests failed. But the \
         generator warns about itself.",
    );
}

#[test]
fn generations_are_counted_in_tokens() {
    let mut document = fixture::chat();
    document.baseline = None;
    check(
        &document,
        "qwen2.5-0.5b generates 397 tokens/s (389 to 407) at 8 sessions; the first comes after 226 \
         ms and each next one after 25.5 ms (medians).",
    );
}

#[test]
fn what_was_asked_for_comes_first() {
    check(&fixture::versus(), "A has 8 % more throughput than B, and a p99 that is 40 % longer.");
    check(
        &fixture::search(),
        "p99=50ms holds at 470 requests/s and breaks at 600; at 500 the measurement could not tell.",
    );
}

#[test]
fn nothing_is_nothing() {
    check(&ResultDocument::default(), "Nothing was measured.");
    let mut document = fixture::rate();
    let level = &mut document.targets[0].levels[0];
    level.summary = Default::default();
    level.summary.stability.stable = true;
    level.summary.failures.insert("connect".to_owned(), 7);
    check(&document, "bert-base answered nothing at 900/s poisson; 100 % of the requests failed.");
}
