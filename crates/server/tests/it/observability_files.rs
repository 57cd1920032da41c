//! What `deploy/observability` asks Prometheus for is what the metrics page has.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::{
    exposition::Page,
    fixture::{Fixture, Setup, http_get},
    grpc_client::{client, echo_request},
};

/// Labels that Prometheus itself adds, and its own metric about a scrape.
const SCRAPE_LABELS: [&str; 2] = ["instance", "job"];
const SCRAPE_METRICS: [&str; 1] = ["up"];

/// Words of the query language that are no names.
const WORDS: [&str; 8] = ["and", "or", "unless", "on", "ignoring", "by", "without", "bool"];

/// Names in a query.
#[derive(Debug, Default, PartialEq)]
struct Names {
    metrics: BTreeSet<String>,
    labels: BTreeSet<String>,
}

fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/observability");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// Reads a query as far as it is needed to tell metrics, labels and functions apart.
fn names(query: &str) -> Names {
    let mut names = Names::default();
    let mut rest = query;
    let mut in_braces = false;
    let mut lists_labels = false;
    while let Some(first) = rest.chars().next() {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let word = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
        if first == '"' {
            rest = rest[1..].split_once('"').unwrap().1;
        } else if first == '[' {
            rest = rest.split_once(']').unwrap().1;
        } else if word.is_empty() || first.is_ascii_digit() {
            in_braces = first == '{' || (in_braces && first != '}');
            lists_labels &= first != ')';
            rest = &rest[word.len().max(first.len_utf8())..];
        } else {
            rest = rest[word.len()..].trim_start();
            if in_braces || lists_labels {
                names.labels.insert(word.to_owned());
            } else if matches!(word, "by" | "without" | "on" | "ignoring") {
                lists_labels = true;
            } else if !WORDS.contains(&word) && !is_function(rest) {
                names.metrics.insert(word.to_owned());
            }
        }
    }
    names
}

/// Whether what stands before `rest` is called, and not a metric.
fn is_function(rest: &str) -> bool {
    ["(", "by ", "without "].iter().any(|next| rest.starts_with(next))
}

/// The queries of a dashboard, and the labels that its texts and choices take from their answers.
fn dashboard_queries(value: &Value, queries: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match (&**name, field) {
                    ("expr", Value::String(query)) => queries.push(query.clone()),
                    ("definition", Value::String(definition)) => {
                        let choice = definition.strip_prefix("label_values(").unwrap();
                        let (metric, label) = choice.rsplit_once(", ").unwrap();
                        queries
                            .push(format!("sum by ({}) ({metric})", label.trim_end_matches(')')));
                    }
                    ("legendFormat", Value::String(text)) => {
                        queries.extend(label_queries(text, "{{"))
                    }
                    _ => dashboard_queries(field, queries),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| dashboard_queries(item, queries)),
        _ => {}
    }
}

/// A query for each label that a text shows behind `mark`.
fn label_queries(text: &str, mark: &str) -> Vec<String> {
    let labels = text.split(mark).skip(1).map(|rest| {
        rest.trim_start().split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap()
    });
    labels.map(|label| format!("sum by ({label}) (up)")).collect()
}

/// The queries of alert rules, whose values stand on their line or, folded, on those below.
fn alert_queries(rules: &str) -> Vec<String> {
    let mut queries = label_queries(rules, "$labels.");
    let mut lines = rules.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(query) = line.trim_start().strip_prefix("expr: ") else { continue };
        let mut query = query.trim_start_matches(">-").to_owned();
        let indent = |line: &str| line.len() - line.trim_start().len();
        while let Some(more) = lines.next_if(|next| indent(next) > indent(line)) {
            query.push(' ');
            query.push_str(more.trim());
        }
        queries.push(query);
    }
    queries
}

/// The page of a server with models of every kind that have been asked something.
async fn page() -> Page {
    let setup = Setup { generates: true, ..Setup::default() };
    let fixture: Fixture = setup.start();
    client(fixture.grpc()).await.model_infer(echo_request("", 1, &[1.0])).await.unwrap();
    Page::parse(&http_get(fixture.metrics(), "/metrics").await.body)
}

async fn check(queries: Vec<String>, queries_min: usize) {
    assert!(queries.len() >= queries_min, "only {} queries were found", queries.len());
    let page = page().await;
    let samples = || page.families.values().flat_map(|family| &family.samples);
    let metrics: BTreeSet<&str> = samples().map(|sample| &*sample.name).collect();
    let labels: BTreeSet<&str> =
        samples().flat_map(|sample| sample.labels.keys()).map(String::as_str).collect();
    for query in queries {
        let names = names(&query);
        for metric in &names.metrics {
            let is_known = metrics.contains(&**metric) || SCRAPE_METRICS.contains(&&**metric);
            assert!(is_known, "no metric {metric} for {query}");
        }
        for label in &names.labels {
            let is_known = labels.contains(&**label) || SCRAPE_LABELS.contains(&&**label);
            assert!(is_known, "no label {label} for {query}");
        }
    }
}

#[tokio::test]
async fn the_grafana_dashboard_asks_for_what_there_is() {
    let dashboard: Value = serde_json::from_str(&file("grafana-dashboard.json")).unwrap();
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
    let mut queries = Vec::new();
    dashboard_queries(&dashboard, &mut queries);
    check(queries, 40).await;
}

#[tokio::test]
async fn the_alerts_ask_for_what_there_is() {
    let rules = file("prometheus-alerts.yml");
    let alerts = rules.matches("- alert: ").count();
    for part in ["severity: ", "summary: ", "description: ", "runbook: ", "expr: "] {
        assert_eq!(rules.matches(part).count(), alerts, "every alert has its {part}");
    }
    check(alert_queries(&rules), alerts).await;
}

#[test]
fn names_are_told_apart() {
    let query =
        r#"sum by (le, model) (rate(a_bucket{state="b c",reason=~"d"}[5m])) / 1e6 > on (x) vllm:e"#;
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let labels = set(&["le", "model", "state", "reason", "x"]);
    assert_eq!(names(query), Names { metrics: set(&["a_bucket", "vllm:e"]), labels });
}
