use protocol::otlp::{KeyValue, Span, any_value::Value};

use super::{instance_id, request, resource};
use crate::{
    record::{Protocol, Record},
    trace::{
        Epoch,
        samples::{collected, record, with_parent},
    },
};

const EPOCH: Epoch = Epoch(1_700_000_000_000_000_000);

fn spans(record: Record) -> Vec<Span> {
    let message = request(&resource("name", &[]), &[record], EPOCH);
    message.resource_spans[0].scope_spans[0].spans.clone()
}

fn shown(attributes: &[KeyValue]) -> Vec<String> {
    let show = |attribute: &KeyValue| {
        let value = attribute.value.clone().unwrap().value.unwrap();
        match value {
            Value::StringValue(text) => format!("{}={text}", attribute.key),
            Value::IntValue(number) => format!("{}={number}", attribute.key),
            other => panic!("{other:?}"),
        }
    };
    attributes.iter().map(show).collect()
}

#[test]
fn stages_follow_each_other_below_the_request() {
    let spans = spans(collected(record()));
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    let stages = [
        "receive",
        "decode",
        "queue",
        "compute_input",
        "compute_infer",
        "compute_output",
        "wake",
        "encode",
    ];
    assert_eq!(names[0], "POST /v2/models/{model}/infer");
    assert_eq!(names[1..], stages);
    let (root, stages) = spans.split_first().unwrap();
    assert_eq!(root.start_time_unix_nano, EPOCH.0 + 1_000);
    assert!(root.parent_span_id.is_empty() && root.status.is_none());
    let mut at = root.start_time_unix_nano;
    for stage in stages {
        assert_eq!(stage.start_time_unix_nano, at, "{}", stage.name);
        assert_eq!((&stage.parent_span_id, &stage.trace_id), (&root.span_id, &root.trace_id));
        at = stage.end_time_unix_nano;
    }
    assert!(at <= root.end_time_unix_nano);
}

#[test]
fn a_request_says_what_it_was() {
    let spans = spans(collected(record()));
    let expected = [
        "http.request.method=POST",
        "http.route=/v2/models/{model}/infer",
        "url.path=/v2/models/echo/infer",
        "url.scheme=http",
        "http.response.status_code=200",
        "http.request.body.size=10",
        "http.response.body.size=20",
        "client.address=127.0.0.1",
        "client.port=5000",
        "triton.model_name=echo",
        "triton.model_version=3",
        "triton.request_id=a \"b\"",
        "hone.batch.rows=8",
        "hone.batch.requests=4",
        "hone.batch.reason=full",
    ];
    assert_eq!(shown(&spans[0].attributes), expected);
}

#[test]
fn the_callers_span_is_the_parent() {
    let spans = spans(with_parent(record()));
    let root = &spans[0];
    assert_eq!(root.parent_span_id[..], [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
    assert_eq!((&*root.trace_state, root.flags), ("a=1", 0x301));
    assert!(spans[1..].iter().all(|span| (&*span.trace_state, span.flags) == ("a=1", 0x101)));
}

#[test]
fn a_failed_rpc_is_an_error_and_its_time_in_the_model_is_one_stage() {
    let mut failed = collected(record());
    failed.protocol = Protocol::Grpc;
    failed.call = "/inference.GRPCInferenceService/ModelInfer".to_owned();
    failed.outcome.status = 14;
    failed.timing = serving::Timing::default();
    failed.stopwatch.resumed = serving::Timestamp::default();
    failed.stopwatch.encoded = serving::Timestamp::default();
    let spans = spans(failed);
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    let stages = ["inference.GRPCInferenceService/ModelInfer", "receive", "decode", "model"];
    assert_eq!(names, stages);
    assert_eq!(spans[3].start_time_unix_nano, EPOCH.0 + 1_150);
    assert_eq!(spans[3].end_time_unix_nano, EPOCH.0 + 1_900);
    assert_eq!(spans[0].status.as_ref().map(|status| status.code), Some(2));
    let attributes = shown(&spans[0].attributes);
    for expected in ["rpc.system=grpc", "rpc.method=ModelInfer", "error.type=unavailable"] {
        assert!(attributes.iter().any(|attribute| attribute == expected), "{attributes:?}");
    }
}

#[test]
fn what_clients_write_is_cut() {
    let mut long = collected(record());
    long.model = "ä".repeat(100_000);
    let model = &shown(&spans(long)[0].attributes)[9];
    assert_eq!(model.chars().count(), "triton.model_name=".len() + 256);
}

#[test]
fn a_process_is_described_once() {
    let others = [("service.version".to_owned(), "mine".to_owned())];
    let attributes = shown(&resource("name", &others).attributes);
    assert_eq!(attributes[0], "service.name=name");
    assert_eq!(attributes.iter().filter(|text| text.starts_with("service.version=")).count(), 1);
    let id = instance_id();
    assert_eq!((id.len(), &id[14..15]), (36, "4"));
    assert!("89ab".contains(&id[19..20]), "{id}");
}
