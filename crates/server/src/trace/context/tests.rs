use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Parent, SpanId, TraceId};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn parent_of(headers: &[(&'static str, &str)]) -> Option<Parent> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        map.append(HeaderName::from_static(name), value);
    }
    Parent::of(&map)
}

#[track_caller]
fn check_ignored(traceparent: &str) {
    assert_eq!(parent_of(&[("traceparent", traceparent)]), None, "{traceparent}");
}

#[test]
fn a_parent_is_read() {
    let parent = parent_of(&[("traceparent", PARENT), ("tracestate", "a=1, b@c=x y")]).unwrap();
    assert_eq!(parent.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(parent.span_id, SpanId([0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]));
    assert!(parent.is_sampled);
    assert_eq!(parent.state, "a=1,b@c=x y");
}

#[test]
fn only_the_lowest_flag_says_that_it_is_sampled() {
    for (flags, expected) in [("00", false), ("01", true), ("02", false), ("ff", true)] {
        let text = format!("{}{flags}", &PARENT[..53]);
        assert_eq!(parent_of(&[("traceparent", &text)]).unwrap().is_sampled, expected, "{flags}");
    }
}

#[test]
fn later_versions_may_be_longer() {
    let later = PARENT.replacen("00", "cc", 1);
    assert!(parent_of(&[("traceparent", &later)]).is_some());
    assert!(parent_of(&[("traceparent", &format!("{later}-what-the-future"))]).is_some());
    check_ignored(&format!("{later}.what-the-future"));
    check_ignored(&format!("{PARENT}-what-the-future"));
    check_ignored(&PARENT.replacen("00", "ff", 1));
}

#[test]
fn what_is_malformed_is_ignored() {
    check_ignored("");
    check_ignored("00");
    check_ignored(&PARENT[..54]);
    check_ignored(&PARENT.to_uppercase());
    check_ignored(&PARENT.replace('-', "_"));
    check_ignored("00-00000000000000000000000000000000-00f067aa0ba902b7-01");
    check_ignored("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01");
    check_ignored("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-011");
    check_ignored("00-4bf92f3577b34da6a3ce929d0e0e473x-00f067aa0ba902b7-01");
    assert_eq!(parent_of(&[("traceparent", PARENT), ("traceparent", PARENT)]), None);
}

#[test]
fn a_bad_state_is_dropped_and_the_parent_kept() {
    let long = format!("a={}", "x".repeat(600));
    let many = vec!["a=1"; 33].join(",");
    for state in ["novalue", "A=1", "=1", "a=", "a=1=2", &long, &many] {
        let parent = parent_of(&[("traceparent", PARENT), ("tracestate", state)]).unwrap();
        assert_eq!(parent.state, "", "{state}");
    }
}

#[test]
fn random_ids_differ_and_are_written_in_full() {
    let ids = [TraceId::random(), TraceId::random()];
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0].to_string().len(), 32);
    assert_ne!(SpanId::random(), SpanId::random());
}
