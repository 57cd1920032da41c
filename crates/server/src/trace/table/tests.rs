use super::Table;
use crate::trace::settings::{Change, Settings, Sinks, TraceLevel, TraceMode};

const OFF: Settings = Settings {
    level: TraceLevel::OFF,
    rate: 1000,
    count: -1,
    log_frequency: 0,
    mode: TraceMode::Triton,
};

fn table() -> Table {
    Table::new(OFF, Sinks { has_file: true, has_collector: false }).unwrap()
}

fn set(name: &str, value: &str) -> Change {
    (name.to_owned(), vec![value.to_owned()])
}

fn take_back(name: &str) -> Change {
    (name.to_owned(), Vec::new())
}

fn rate(table: &Table, model: &str) -> u32 {
    table.sampler(model).settings.rate
}

#[test]
fn a_model_follows_where_it_has_no_setting_of_its_own() {
    let mut table = table();
    table.change("a", &[set("trace_level", "TIMESTAMPS")]).unwrap();
    table.change("", &[set("trace_rate", "7")]).unwrap();
    assert_eq!((rate(&table, "a"), rate(&table, "b")), (7, 7));
    assert!(table.sampler("a").is_on() && !table.sampler("b").is_on() && table.is_on());
    table.change("a", &[set("trace_rate", "1")]).unwrap();
    table.change("", &[set("trace_rate", "9")]).unwrap();
    assert_eq!((rate(&table, "a"), rate(&table, "b")), (1, 9));
    table.change("a", &[take_back("trace_rate"), take_back("trace_level")]).unwrap();
    assert_eq!(rate(&table, "a"), 9);
    table.change("", &[take_back("trace_rate")]).unwrap();
    assert_eq!((rate(&table, "a"), table.is_on()), (1000, false));
}

#[test]
fn a_change_that_cannot_be_made_changes_nothing() {
    let mut table = table();
    table.change("a", &[set("trace_level", "TENSORS")]).unwrap();
    table.change("", &[set("trace_rate", "7"), set("trace_count", "x")]).unwrap_err();
    table.change("", &[set("trace_mode", "opentelemetry"), set("trace_rate", "7")]).unwrap_err();
    table.change("", &[set("trace_rate", "0")]).unwrap_err();
    table.change("b", &[set("trace_level", "TIMESTAMPS"), set("trace_rate", "0")]).unwrap_err();
    assert_eq!((rate(&table, ""), rate(&table, "a"), rate(&table, "b")), (1000, 1000, 1000));
    assert!(!table.sampler("b").is_on());
}

#[test]
fn a_change_starts_the_count_anew_and_leaves_others_alone() {
    let mut table = table();
    let on = [set("trace_level", "TIMESTAMPS"), set("trace_rate", "1"), set("trace_count", "2")];
    table.change("a", &on).unwrap();
    table.change("", &[set("trace_level", "TIMESTAMPS")]).unwrap();
    assert!(table.sampler("a").takes(false));
    table.change("", &[set("trace_rate", "5")]).unwrap();
    assert_eq!(table.sampler("a").left(), 1);
    table.change("a", &[set("trace_count", "2")]).unwrap();
    assert_eq!(table.sampler("a").left(), 2);
    table.change("a", &[]).unwrap();
}

#[test]
fn a_start_that_leads_nowhere_is_refused() {
    let on = Settings { level: TraceLevel::TIMESTAMPS, ..OFF };
    let error = Table::new(on, Sinks::default()).unwrap_err().to_string();
    assert!(error.contains("--trace-file"), "{error}");
}
