use serde_json::Value;

use super::write_html;
use crate::{report::fixture, result::ResultDocument};

fn page(document: &ResultDocument) -> String {
    let mut out = Vec::new();
    write_html(document, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn it_needs_nothing_else() {
    for document in fixture::all() {
        let page = page(&document);
        for reference in [" src=", " href=", "@import", "url(", "<link", "fetch("] {
            assert!(!page.contains(reference), "{reference} in the page");
        }
        // Addresses of targets are text; nothing leads anywhere.
        assert!(!page.contains("\"http"), "an address in an attribute");
        assert!(!page.contains("NaN") && !page.contains("inf\""), "a number that is none");
    }
}

#[test]
fn every_part_is_there() {
    check_parts(
        &fixture::sweep(),
        &["Throughput against p99", "knee: 16 in flight", "Batch sizes"],
    );
    check_parts(&fixture::sweep(), &["Where the time goes", "The model itself takes", "seed"]);
    check_parts(&fixture::rate(), &["Read these figures with care", "3,310 overloaded", "breaks"]);
    check_parts(&fixture::chat(), &["tokens/s", "time to first token", "Against the stored"]);
    check_parts(&fixture::versus(), &["1.08 [1.05, 1.12]", "A is better", "no difference shown"]);
    check_parts(&fixture::search(), &["What was tried for p99=50ms", "cannot tell"]);
    check_parts(&ResultDocument::default(), &["Nothing was measured."]);
}

#[track_caller]
fn check_parts(document: &ResultDocument, parts: &[&str]) {
    let page = page(document);
    for part in parts {
        assert!(page.contains(part), "no {part:?} in the page");
    }
}

#[test]
fn what_is_good_is_not_warned_about() {
    assert!(!page(&fixture::versus()).contains("<div class=\"warnings\""));
}

#[test]
fn hostile_names_stay_text() {
    for document in fixture::all() {
        let mut value = serde_json::to_value(&document).unwrap();
        poison(&mut value, "");
        let page = page(&serde_json::from_value(value).unwrap());
        let markup = page.replace(super::STYLE, "").replace(super::SCRIPT, "");
        assert!(!markup.contains("<img"), "a name became an element");
        assert!(!markup.contains("'\"") && !markup.contains("\"\"><"), "a name left its attribute");
    }
}

/// Puts markup into every text but those that are read as enumerations.
fn poison(value: &mut Value, key: &str) {
    match value {
        Value::String(text) if key != "mode" && !(key == "verdict" && text.contains('_')) => {
            text.push_str("'\"><img x>&\u{1b}\n");
        }
        Value::Array(values) => values.iter_mut().for_each(|value| poison(value, key)),
        Value::Object(fields) => {
            let texts = std::mem::take(fields).into_iter().map(|(name, mut value)| {
                poison(&mut value, &name);
                let name = if key == "failures" { name + "\"><img x>" } else { name };
                (name, value)
            });
            *fields = texts.collect();
        }
        _ => {}
    }
}

#[test]
fn a_long_run_makes_no_endless_page() {
    let mut document = fixture::sweep();
    for level in &mut document.targets[0].levels {
        level.summary.timeline = level.summary.timeline.repeat(100);
    }
    let size = page(&document).len();
    assert!(size < 1_500_000, "{size} bytes");
}

/// A build with `UPDATE_SNAPSHOTS=1` leaves the pages where they can be looked at.
#[test]
fn pages_can_be_looked_at() {
    let documents = fixture::all();
    let names = ["sweep", "rate", "chat", "versus", "search", "empty"];
    assert_eq!(documents.len(), names.len());
    if option_env!("UPDATE_SNAPSHOTS").is_some() {
        for (document, name) in documents.iter().zip(names) {
            let path = std::env::temp_dir().join(format!("hone-report-{name}.html"));
            std::fs::write(path, page(document)).unwrap();
        }
    }
}
