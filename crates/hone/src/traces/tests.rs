use super::Traces;
use crate::settings::{Settings, TraceDetail};

type Variables = &'static [(&'static str, &'static str)];

fn traces(settings: &Settings, variables: Variables) -> anyhow::Result<Traces> {
    Traces::new(settings, |name| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[track_caller]
fn check_endpoint(variables: Variables, expected: &str) {
    let traces = traces(&Settings::default(), variables).unwrap();
    assert_eq!(traces.trace_endpoint, expected);
    let is_on = traces.trace_level == TraceDetail::Timestamps;
    assert_eq!(is_on, expected != "off");
}

#[track_caller]
fn check_refused(settings: &Settings, variables: Variables, expected: &str) {
    let error = traces(settings, variables).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn nothing_is_traced_unless_something_is_said() {
    check_endpoint(&[], "off");
    let traces = traces(&Settings::default(), &[]).unwrap();
    assert_eq!((traces.trace_rate, &*traces.trace_service_name), (1000, "hone"));
}

#[test]
fn the_standard_variables_name_the_collector() {
    check_endpoint(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")], "http://c:4318/v1/traces");
    check_endpoint(
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ],
        "grpc://c:4317",
    );
    check_endpoint(
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://d:2/t"),
        ],
        "http://d:2/t",
    );
    let disabled: Variables =
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1"), ("OTEL_SDK_DISABLED", "true")];
    check_endpoint(disabled, "off");
    let none: Variables =
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1"), ("OTEL_TRACES_EXPORTER", "none")];
    check_endpoint(none, "off");
}

#[test]
fn flags_go_before_variables() {
    let variables: Variables = &[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:4318"),
        ("OTEL_SERVICE_NAME", "theirs"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other, k8s.pod.name=hone-0"),
    ];
    let off = Settings { trace_endpoint: Some("off".into()), ..Settings::default() };
    let traces_off = traces(&off, variables).unwrap();
    assert_eq!(traces_off.trace_endpoint, "off");
    assert_eq!(traces_off.trace_service_name, "theirs");
    assert_eq!(traces_off.resource, [("k8s.pod.name".to_owned(), "hone-0".to_owned())]);
    let given = Settings {
        trace_endpoint: Some("grpc://mine".into()),
        trace_service_name: Some("mine".into()),
        trace_rate: Some(1),
        ..Settings::default()
    };
    let mine = traces(&given, variables).unwrap();
    assert_eq!((&*mine.trace_endpoint, &*mine.trace_service_name), ("grpc://mine:4317", "mine"));
    assert_eq!(mine.options().rate, 1);
}

#[test]
fn what_cannot_be_had_is_refused() {
    let none = Settings::default();
    let base = "OTEL_EXPORTER_OTLP_ENDPOINT";
    check_refused(&none, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c")], base);
    check_refused(
        &none,
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ],
        "http/protobuf or grpc",
    );
    check_refused(&none, &[("OTEL_RESOURCE_ATTRIBUTES", "a")], "key=value");
    let settings = |endpoint: Option<&str>, level, rate| Settings {
        trace_endpoint: endpoint.map(str::to_owned),
        trace_level: level,
        trace_rate: rate,
        ..Settings::default()
    };
    check_refused(&settings(Some("collector"), None, None), &[], "trace-endpoint 'collector'");
    check_refused(&settings(None, Some(TraceDetail::Timestamps), None), &[], "where traces go");
    check_refused(&settings(Some("http://c"), None, Some(0)), &[], "trace-rate is 0");
    let tensors = settings(Some("http://c"), Some(TraceDetail::Tensors), None);
    check_refused(&tensors, &[], "tensors go to files");
}
