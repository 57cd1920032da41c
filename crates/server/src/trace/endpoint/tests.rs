use super::{TraceEndpoint, TraceProtocol};

#[track_caller]
fn check(url: &str, expected: &str) {
    let endpoint: TraceEndpoint = url.parse().unwrap();
    assert_eq!(endpoint.to_string(), expected);
    assert_eq!(expected.parse(), Ok(endpoint));
}

#[track_caller]
fn check_refused(url: &str, expected: &str) {
    let error = url.parse::<TraceEndpoint>().unwrap_err();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn the_standard_port_and_path_need_not_be_said() {
    check("http://collector", "http://collector:4318/v1/traces");
    check("http://collector:1/", "http://collector:1/v1/traces");
    check("http://collector:1/otlp/mine", "http://collector:1/otlp/mine");
    check("http://[::1]:5", "http://[::1]:5/v1/traces");
    check("grpc://collector", "grpc://collector:4317");
}

#[test]
fn a_base_gets_the_path_added() {
    let base = |url, protocol| TraceEndpoint::from_base(url, protocol).unwrap().to_string();
    assert_eq!(base("http://c:4318", TraceProtocol::Http), "http://c:4318/v1/traces");
    assert_eq!(base("http://c:4318/otlp/", TraceProtocol::Http), "http://c:4318/otlp/v1/traces");
    assert_eq!(base("http://c:4317", TraceProtocol::Grpc), "grpc://c:4317");
}

#[test]
fn what_cannot_be_reached_is_refused() {
    check_refused("https://collector:4318", "asks for TLS");
    check_refused("collector:4318", "looks like http://host:4318");
    check_refused("ftp://collector", "looks like");
    check_refused("", "looks like");
}
