//! Traces on their way to a collector.

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use protocol::otlp::{Span, any_value::Value};
use server::{TraceLevel, TraceOptions};
use tonic::Request;

use crate::{
    collector::{Collector, attributes},
    exposition::Page,
    fixture::{Behaviour, Fixture, Setup, eventually, http_get},
    grpc_client::{client, echo_request},
    http_client::{Answer, Client, echo_json},
};

const INFER: &str = "POST /v2/models/echo/infer";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NOT_SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn start(url: &str, rate: u32) -> Fixture {
    let mut setup = Setup::default();
    setup.options.trace = TraceOptions {
        endpoint: Some(url.parse().unwrap()),
        level: TraceLevel::TIMESTAMPS,
        rate,
        service_name: "test-service".to_owned(),
        queue_requests_max: 8,
        ..TraceOptions::default()
    };
    setup.start()
}

fn start_at(collector: &Collector, rate: u32) -> Fixture {
    start(&format!("http://{}", collector.address), rate)
}

async fn infer(fixture: &Fixture, headers: &[(&str, &str)]) -> Answer {
    let body = echo_json(&[1.0]);
    Client::connect(fixture.http()).await.call(INFER, headers, body.as_bytes()).await
}

async fn counts(fixture: &Fixture) -> (f64, f64) {
    let page = Page::parse(&http_get(fixture.metrics(), "/metrics").await.body);
    let value = |name| page.value(name, &[]);
    (value("hone_trace_spans_exported_total"), value("hone_trace_spans_dropped_total"))
}

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_nanos()).unwrap()
}

/// A request's stages, in order; checks that they lie in it and follow each other.
#[track_caller]
fn stages(collector: &Collector, request: &Span) -> Vec<String> {
    let spans = collector.spans();
    let stages: Vec<_> =
        spans.iter().filter(|span| span.parent_span_id == request.span_id).collect();
    let mut at = request.start_time_unix_nano;
    for stage in &stages {
        assert_eq!((stage.kind, &stage.trace_id), (1, &request.trace_id));
        assert_eq!(stage.start_time_unix_nano, at, "{} begins elsewhere", stage.name);
        assert!(stage.end_time_unix_nano >= at, "{}", stage.name);
        at = stage.end_time_unix_nano;
    }
    assert!(at <= request.end_time_unix_nano);
    stages.iter().map(|stage| stage.name.clone()).collect()
}

const STAGES: [&str; 8] = [
    "receive",
    "decode",
    "queue",
    "compute_input",
    "compute_infer",
    "compute_output",
    "wake",
    "encode",
];

#[tokio::test]
async fn a_callers_trace_goes_on_here_whatever_the_rate() {
    let collector = Collector::http().await;
    let fixture = start_at(&collector, 1_000_000);
    let before = unix_nanos();
    let answer = infer(&fixture, &[("traceparent", SAMPLED), ("tracestate", "a=1")]).await;
    assert_eq!(answer.status, 200);
    infer(&fixture, &[]).await;
    let after = unix_nanos();
    fixture.shutdown().await;
    let [request] = &*collector.requests() else { panic!("{:?}", collector.requests()) };
    let hex: String = request.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((&*hex, &*request.trace_state), (TRACE_ID, "a=1"));
    assert_eq!(request.parent_span_id[..], [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
    assert_eq!(request.name, "POST /v2/models/{model}/infer");
    assert!(before <= request.start_time_unix_nano && request.end_time_unix_nano <= after);
    assert_eq!(stages(&collector, request), STAGES);
    let said = attributes(request);
    for (key, value) in [
        ("http.response.status_code", "200"),
        ("triton.model_name", "echo"),
        ("triton.model_version", "1"),
        ("hone.batch.rows", "1"),
        ("hone.batch.requests", "1"),
    ] {
        assert_eq!(said[key], value);
    }
    let service = &collector.resource().attributes[0];
    let name = service.value.clone().unwrap().value.unwrap();
    assert_eq!((&*service.key, name), ("service.name", Value::StringValue("test-service".into())));
}

#[tokio::test]
async fn a_caller_that_does_not_record_is_heard() {
    let collector = Collector::http().await;
    let fixture = start_at(&collector, 1);
    for _ in 0..5 {
        infer(&fixture, &[("traceparent", NOT_SAMPLED)]).await;
    }
    fixture.shutdown().await;
    assert_eq!(collector.requests(), []);
}

#[tokio::test]
async fn what_is_no_traceparent_begins_a_trace_here() {
    let collector = Collector::http().await;
    let fixture = start_at(&collector, 1);
    let bad =
        ["ff-", "00-0-0-01", &SAMPLED.to_uppercase(), &format!("{SAMPLED}-x")].map(str::to_owned);
    for traceparent in &bad {
        infer(&fixture, &[("traceparent", traceparent)]).await;
    }
    fixture.shutdown().await;
    let requests = collector.requests();
    assert_eq!(requests.len(), bad.len());
    assert!(requests.iter().all(|request| request.parent_span_id.is_empty()));
    assert_ne!(requests[0].trace_id, requests[1].trace_id);
}

#[tokio::test]
async fn one_of_n_is_exact() {
    let collector = Collector::http().await;
    let fixture = start_at(&collector, 4);
    for _ in 0..11 {
        infer(&fixture, &[]).await;
    }
    let mut client = client(fixture.grpc()).await;
    client.model_infer(echo_request("", 1, &[1.0])).await.unwrap();
    fixture.shutdown().await;
    assert_eq!(collector.requests().len(), 3);
}

#[tokio::test]
async fn rpcs_and_streams_are_traced_over_grpc_too() {
    let collector = Collector::grpc().await;
    let fixture = start(&format!("grpc://{}", collector.address), 1_000_000);
    let mut client = client(fixture.grpc()).await;
    let mut request = Request::new(echo_request("unary", 2, &[1.0; 2]));
    request.metadata_mut().insert("traceparent", SAMPLED.parse().unwrap());
    client.model_infer(request).await.unwrap();
    let sent = tokio_stream::iter(["a", "b"].map(|id| echo_request(id, 1, &[1.0])));
    let mut request = Request::new(sent);
    request.metadata_mut().insert("traceparent", SAMPLED.parse().unwrap());
    let mut answers = client.model_stream_infer(request).await.unwrap().into_inner();
    while let Some(answer) = answers.message().await.unwrap() {
        assert_eq!(answer.error_message, "");
    }
    fixture.shutdown().await;
    let requests = collector.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(stages(&collector, request), STAGES, "{}", request.name);
        let said = attributes(request);
        assert_eq!((&*said["rpc.system"], &*said["rpc.grpc.status_code"]), ("grpc", "0"));
    }
    let mut methods: Vec<_> =
        requests.iter().map(|r| attributes(r)["rpc.method"].clone()).collect();
    methods.sort();
    assert_eq!(methods, ["ModelInfer", "ModelStreamInfer", "ModelStreamInfer"]);
    let mut ids: Vec<_> =
        requests.iter().map(|r| attributes(r)["triton.request_id"].clone()).collect();
    ids.sort();
    assert_eq!(ids, ["a", "b", "unary"]);
}

#[tokio::test]
async fn what_goes_wrong_is_traced_as_such() {
    let collector = Collector::http().await;
    let fixture = start_at(&collector, 1);
    let missing = "POST /v2/models/missing/infer";
    let mut http = Client::connect(fixture.http()).await;
    http.call(missing, &[], b"{}").await;
    fixture.controls.set(Behaviour::Panic);
    infer(&fixture, &[]).await;
    fixture.controls.set(Behaviour::Hold);
    let mut gone = Client::connect(fixture.http()).await;
    let body = echo_json(&[1.0]);
    let text =
        format!("{INFER} HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    gone.send(text).await.unwrap();
    fixture.until_in_flight(1).await;
    drop(gone);
    collector.until_requests(3).await;
    fixture.shutdown().await;
    let mut errors: Vec<_> = collector
        .requests()
        .iter()
        .map(|request| {
            let said = attributes(request);
            let reached = stages(&collector, request);
            let is_error = request.status.as_ref().is_some_and(|status| status.code == 2);
            (
                said["error.type"].clone(),
                said["http.response.status_code"].clone(),
                is_error,
                reached.join(" "),
            )
        })
        .collect();
    errors.sort();
    let reached = "receive decode model";
    let expected = [
        ("cancelled", "499", true, reached),
        ("internal", "500", true, reached),
        ("not_found", "404", false, ""),
    ];
    let expected = expected.map(|(kind, status, is_error, reached)| {
        (kind.to_owned(), status.to_owned(), is_error, reached.to_owned())
    });
    assert_eq!(errors, expected);
}

#[tokio::test]
async fn a_collector_that_is_down_slows_nothing_and_losses_are_counted() {
    let nobody = nobody();
    let fixture = start(&format!("http://{nobody}"), 1);
    let mut connection = Client::connect(fixture.http()).await;
    let body = echo_json(&[1.0]);
    // More than the queue and what the thread has taken out of it can hold.
    for _ in 0..200 {
        let answer = connection.call(INFER, &[], body.as_bytes()).await;
        assert_eq!(answer.status, 200);
    }
    let (exported, dropped) = counts(&fixture).await;
    assert!(exported == 0.0 && dropped >= 9.0 * 100.0, "{exported} {dropped}");
    let begun = SystemTime::now();
    fixture.shutdown().await;
    assert!(begun.elapsed().unwrap() < Duration::from_secs(4));
}

#[tokio::test]
async fn traces_wait_for_a_collector_that_comes_back() {
    let address = nobody();
    let fixture = start(&format!("http://{address}"), 1);
    infer(&fixture, &[]).await;
    crate::fixture::pause(Duration::from_millis(1_200)).await;
    let collector = Collector::http_at(address).await;
    collector.until_requests(1).await;
    eventually_exported(&fixture, 9.0, 0.0).await;
    fixture.shutdown().await;
}

async fn eventually_exported(fixture: &Fixture, exported: f64, dropped: f64) {
    for _ in 0..500 {
        if counts(fixture).await == (exported, dropped) {
            return;
        }
        crate::fixture::pause(Duration::from_millis(10)).await;
    }
    assert_eq!(counts(fixture).await, (exported, dropped));
}

#[tokio::test]
async fn what_the_collector_does_not_take_is_counted() {
    let collector = Collector::http().await;
    let fixture = start_at(&collector, 1);
    collector.reject(4);
    infer(&fixture, &[]).await;
    collector.until_requests(1).await;
    eventually_exported(&fixture, 5.0, 4.0).await;
    collector.answer_with(Some(400));
    infer(&fixture, &[]).await;
    eventually(|| collector.refused() == 1).await;
    eventually_exported(&fixture, 5.0, 13.0).await;
    collector.answer_with(Some(503));
    infer(&fixture, &[]).await;
    eventually(|| collector.refused() == 2).await;
    collector.answer_with(None);
    collector.reject(0);
    eventually_exported(&fixture, 14.0, 13.0).await;
    fixture.shutdown().await;
}
