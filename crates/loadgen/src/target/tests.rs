use super::Target;

#[track_caller]
fn check(url: &str, is_grpc: bool, (full, prefix): (&str, &str)) {
    let target = Target::parse(url, is_grpc).unwrap();
    assert_eq!((target.url.as_str(), target.endpoint.prefix.as_str()), (full, prefix));
    assert_eq!(target.is_grpc, is_grpc);
}

#[test]
fn addresses_are_completed() {
    check("127.0.0.1:9000", false, ("http://127.0.0.1:9000", ""));
    check("http://127.0.0.1", false, ("http://127.0.0.1:8000", ""));
    check("http://127.0.0.1:1/a/b/", false, ("http://127.0.0.1:1/a/b", "/a/b"));
    check("127.0.0.1", true, ("grpc://127.0.0.1:8001", ""));
    check("grpc://[::1]:5", true, ("grpc://[::1]:5", ""));
}

#[track_caller]
fn check_refused(url: &str, is_grpc: bool, hint: &str) {
    let error = Target::parse(url, is_grpc).unwrap_err().to_string();
    assert!(error.contains(hint), "{error}");
}

#[test]
fn addresses_that_mean_nothing_are_refused() {
    check_refused("https://127.0.0.1", false, "TLS");
    check_refused("ftp://127.0.0.1", false, "http://HOST:PORT");
    check_refused("grpc://127.0.0.1", false, "--protocol grpc");
    check_refused("no.such.host.invalid:80", false, "no.such.host.invalid");
}
