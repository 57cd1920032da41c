use super::{plain, quoted, write_csv};
use crate::{report::fixture, result::ResultDocument};

fn csv(document: &ResultDocument) -> String {
    let mut out = Vec::new();
    write_csv(document, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

const COMMON: &str = "Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,Server \
     Compute Input,Server Compute Infer,Server Compute Output,Client Recv,p50 latency,p90 latency,\
     p95 latency,p99 latency";

#[test]
fn the_columns_are_perf_analyzers() {
    let text = csv(&fixture::sweep());
    assert_eq!(text.lines().next().unwrap(), format!("Concurrency,{COMMON}"));
    let text = csv(&fixture::rate());
    assert_eq!(text.lines().next().unwrap(), format!("Request Rate,{COMMON}"));
}

#[test]
fn rows_rise_with_throughput() {
    let text = csv(&fixture::sweep());
    let rates: Vec<f64> =
        text.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(rates.len(), fixture::sweep().targets[0].levels.len());
    assert!(rates.is_sorted(), "{rates:?}");
}

#[test]
fn stages_sum_to_the_mean_latency() {
    let document = fixture::sweep();
    let summary = &document.targets[0].levels[0].summary;
    let text = csv(&document);
    let row: Vec<&str> = text.lines().nth(1).unwrap().split(',').collect();
    let sum: f64 = row[2..9].iter().map(|field| field.parse::<f64>().unwrap()).sum();
    let stages = summary.stages.as_ref().unwrap();
    let mean: f64 = stages.stages.iter().map(|share| share.mean_ms).sum();
    assert!((sum - mean * 1000.0).abs() <= 4.0, "{sum} of {mean} ms");
}

#[test]
fn a_server_that_tells_nothing_has_zeros() {
    let mut document = fixture::sweep();
    document.targets[0].levels.truncate(1);
    document.targets[0].levels[0].summary.stages = None;
    let text = csv(&document);
    let row: Vec<&str> = text.lines().nth(1).unwrap().split(',').collect();
    assert_eq!(row[2..9], ["0"; 7]);
}

#[test]
fn both_targets_are_told_apart_and_names_cannot_break_a_row() {
    let mut document = fixture::versus();
    document.targets[1].label = "b\",\n1".to_owned();
    let text = csv(&document);
    assert!(text.lines().next().unwrap().ends_with("p99 latency,Target"), "{text}");
    assert!(text.contains(",\"A\"\n"), "{text}");
    assert!(text.contains(&quoted("b\",\n1")), "{text}");
}

#[test]
fn numbers_have_no_exponent_and_no_needless_zeros() {
    for (value, expected) in
        [(16.0, "16"), (69.2, "69.2"), (1_234_567.0, "1234567"), (0.5, "0.5"), (0.0, "0")]
    {
        assert_eq!(plain(value).to_string(), expected);
    }
}
