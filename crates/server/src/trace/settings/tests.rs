use super::{Change, Overrides, Settings, Sinks, TraceLevel, TraceMode};

const DEFAULTS: Settings = Settings {
    level: TraceLevel::OFF,
    rate: 1000,
    count: -1,
    log_frequency: 0,
    mode: TraceMode::Triton,
};

fn change(name: &str, values: &[&str]) -> Change {
    (name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
}

#[track_caller]
fn check_refused(name: &str, values: &[&str], expected: &str) {
    let error = Overrides::default().apply(&[change(name, values)]).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn every_setting_can_be_set_and_taken_back() {
    let changes = [
        change("trace_level", &["TIMESTAMPS", "TENSORS"]),
        change("trace_rate", &["1"]),
        change("trace_count", &["7"]),
        change("log_frequency", &["50"]),
        change("trace_mode", &["triton"]),
    ];
    let mut overrides = Overrides::default();
    overrides.apply(&changes).unwrap();
    let names: Vec<_> = overrides.over(&DEFAULTS).entries("a.json");
    let values: Vec<_> = names.iter().map(|(name, values)| (*name, values.join("+"))).collect();
    let expected = [
        ("trace_level", "TIMESTAMPS+TENSORS"),
        ("trace_rate", "1"),
        ("trace_count", "7"),
        ("log_frequency", "50"),
        ("trace_file", "a.json"),
        ("trace_mode", "triton"),
    ];
    assert_eq!(values, expected.map(|(name, value)| (name, value.to_owned())));
    let cleared = changes.map(|(name, _)| (name, Vec::new()));
    overrides.apply(&cleared).unwrap();
    assert!(overrides.is_empty());
    assert_eq!(overrides.over(&DEFAULTS), DEFAULTS);
}

#[test]
fn only_files_have_a_file() {
    let settings = Settings { mode: TraceMode::OpenTelemetry, ..DEFAULTS };
    let names: Vec<_> = settings.entries("a").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["trace_level", "trace_rate", "trace_count", "trace_mode"]);
}

#[test]
fn bad_values_are_refused_in_the_references_words() {
    check_refused(
        "trace_level",
        &["OFF", "TENSORS"],
        "Expect only one trace level 'OFF' is specified",
    );
    check_refused("trace_rate", &["a"], "Unable to parse 'trace_rate', got: a");
    check_refused("trace_rate", &[""], "Unable to parse 'trace_rate', got: ");
    check_refused("trace_rate", &["-"], "Unable to parse 'trace_rate', got: -");
    check_refused("trace_rate", &["1", "2"], "expect only 1 value for 'trace_rate'");
    check_refused(
        "trace_rate",
        &["4294967296"],
        "Unable to parse 'trace_rate', value is out of range [ 0, 4294967295 ], got: 4294967296",
    );
    check_refused(
        "log_frequency",
        &["-1"],
        "Unable to parse 'log_frequency', value is out of range [ 0, 4294967295 ], got: -1",
    );
    check_refused(
        "trace_count",
        &["-2"],
        "Unable to parse 'trace_count'. Expecting value >= -1, got: -2",
    );
    check_refused(
        "trace_file",
        &[],
        "trace file location can not be updated through network protocol",
    );
}

#[test]
fn what_the_reference_ignores_is_refused_too() {
    check_refused(
        "trace_level",
        &["MAX"],
        "trace_level 'MAX' is unknown; it must be OFF, TIMESTAMPS or TENSORS",
    );
    check_refused(
        "trace_mode",
        &["zipkin"],
        "trace_mode 'zipkin' is unknown; it must be triton or opentelemetry",
    );
    check_refused("trace_rats", &["1"], "Unknown trace setting: 'trace_rats'");
}

#[test]
fn traces_need_somewhere_to_go() {
    let on = Settings { level: TraceLevel::TIMESTAMPS, ..DEFAULTS };
    let tensors = TraceLevel { timestamps: true, tensors: true };
    let collected = Settings { mode: TraceMode::OpenTelemetry, ..on };
    let none = Sinks::default();
    let both = Sinks { has_file: true, has_collector: true };
    let is_good = |settings: Settings, sinks| settings.check(sinks).is_ok();
    assert!(is_good(DEFAULTS, none) && is_good(on, both) && is_good(collected, both));
    assert!(is_good(Settings { level: tensors, ..on }, both));
    assert!(!is_good(on, none) && !is_good(collected, none));
    assert!(!is_good(Settings { rate: 0, ..on }, both));
    assert!(!is_good(Settings { level: tensors, ..collected }, both));
    assert!(is_good(Settings { rate: 0, ..DEFAULTS }, none));
}
