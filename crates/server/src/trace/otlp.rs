//! A request as spans: one for the server's part of it, and one below it for each stage.
//!
//! Attributes have the names of OpenTelemetry's semantic conventions (HTTP, RPC), of Triton's own
//! spans where it has them, and `hone.` otherwise.

use bytes::Bytes;
use protocol::otlp::{
    AnyValue, ExportTraceServiceRequest, InstrumentationScope, KeyValue, Resource, ResourceSpans,
    ScopeSpans, Span, Status, any_value::Value, span::SpanKind, status::StatusCode,
};

use super::{Epoch, SpanContext, context::SpanId, stages::stages};
use crate::{
    record::{Protocol, Record},
    state::{SERVER_NAME, SERVER_VERSION},
    status::error_name,
};

/// Longest text from a client in an attribute, in characters.
const TEXT_MAX: usize = 256;

/// The trace is recorded.
const FLAG_SAMPLED: u32 = 1;

/// It is known whether the parent is in another process.
const FLAG_HAS_IS_REMOTE: u32 = 0x100;

/// It is.
const FLAG_IS_REMOTE: u32 = 0x200;

/// What the spans of this process have in common.
pub(super) fn resource(service_name: &str, others: &[(String, String)]) -> Resource {
    let mut attributes = vec![
        text("service.name", service_name),
        text("service.version", SERVER_VERSION),
        text("service.instance.id", &instance_id()),
        text("telemetry.sdk.name", SERVER_NAME),
        text("telemetry.sdk.language", "rust"),
        text("telemetry.sdk.version", SERVER_VERSION),
    ];
    for (key, value) in others {
        attributes.retain(|attribute| attribute.key != *key);
        attributes.push(text(key, value));
    }
    Resource { attributes }
}

/// A random UUID (version 4): two servers of one name are told apart.
fn instance_id() -> String {
    let random = fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{random:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The message that carries `records`.
pub(super) fn request(
    resource: &Resource,
    records: &[Record],
    epoch: Epoch,
) -> ExportTraceServiceRequest {
    let spans = records.iter().flat_map(|record| spans(record, epoch)).collect();
    let scope =
        InstrumentationScope { name: SERVER_NAME.to_owned(), version: SERVER_VERSION.to_owned() };
    let scope_spans = ScopeSpans { scope: Some(scope), spans, schema_url: String::new() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans: vec![scope_spans],
            schema_url: String::new(),
        }],
    }
}

/// The spans of one request, its own first; none if it is not part of a trace.
fn spans(record: &Record, epoch: Epoch) -> Vec<Span> {
    let context = record.sample.as_ref().and_then(|sample| sample.span.as_ref());
    let Some(context) = context else { return Vec::new() };
    let SpanContext { trace_id, span_id, parent } = context;
    let state = parent.as_ref().map_or("", |parent| &parent.state);
    let mut spans = vec![request_span(record, context, epoch)];
    spans.extend(stages(record).map(|stage| Span {
        trace_id: Bytes::copy_from_slice(trace_id.bytes()),
        span_id: Bytes::copy_from_slice(SpanId::random().bytes()),
        parent_span_id: Bytes::copy_from_slice(span_id.bytes()),
        trace_state: state.to_owned(),
        name: stage.name.to_owned(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: epoch.unix_nanos(stage.start),
        end_time_unix_nano: epoch.unix_nanos(stage.end),
        flags: FLAG_SAMPLED | FLAG_HAS_IS_REMOTE,
        ..Span::default()
    }));
    spans
}

fn request_span(record: &Record, context: &SpanContext, epoch: Epoch) -> Span {
    let SpanContext { trace_id, span_id, parent } = context;
    let (parent_span_id, state, remote) = match parent {
        Some(parent) => (parent.span_id.bytes(), &*parent.state, FLAG_IS_REMOTE),
        None => (&[][..], "", 0),
    };
    Span {
        trace_id: Bytes::copy_from_slice(trace_id.bytes()),
        span_id: Bytes::copy_from_slice(span_id.bytes()),
        parent_span_id: Bytes::copy_from_slice(parent_span_id),
        trace_state: state.to_owned(),
        name: name(record),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: epoch.unix_nanos(record.stopwatch.received),
        end_time_unix_nano: epoch.unix_nanos(record.outcome.ended),
        attributes: attributes(record),
        status: is_failure(record)
            .then(|| Status { code: StatusCode::Error.into(), message: String::new() }),
        flags: FLAG_SAMPLED | FLAG_HAS_IS_REMOTE | remote,
    }
}

/// Few names for many requests: the route, not the path.
fn name(record: &Record) -> String {
    match record.protocol {
        Protocol::Http => format!("POST {}", route(&record.call)),
        Protocol::Grpc => record.call.trim_start_matches('/').to_owned(),
    }
}

fn route(call: &str) -> &'static str {
    if call.contains("/versions/") {
        "/v2/models/{model}/versions/{version}/infer"
    } else {
        "/v2/models/{model}/infer"
    }
}

/// What the conventions call an error: HTTP's 5xx, and the gRPC codes that are the server's fault.
fn is_failure(record: &Record) -> bool {
    let status = record.outcome.status;
    match record.protocol {
        Protocol::Http => status >= 499,
        Protocol::Grpc => matches!(status, 1 | 2 | 4 | 12..=15),
    }
}

fn attributes(record: &Record) -> Vec<KeyValue> {
    let Record { outcome, timing, .. } = record;
    let mut attributes = match record.protocol {
        Protocol::Http => http_attributes(record),
        Protocol::Grpc => grpc_attributes(record),
    };
    attributes.push(text("client.address", &record.peer.ip().to_string()));
    attributes.push(number("client.port", record.peer.port()));
    attributes.push(text("triton.model_name", &record.model));
    attributes.extend(record.version.map(|version| number("triton.model_version", version)));
    if !record.request_id.is_empty() {
        attributes.push(text("triton.request_id", &record.request_id));
    }
    let error = error_name(record.protocol, outcome.status);
    attributes.extend(error.map(|error| text("error.type", error)));
    if timing.is_known() {
        attributes.push(number("hone.batch.rows", timing.batch_rows as u64));
        attributes.push(number("hone.batch.requests", timing.batch_requests as u64));
        attributes.push(text("hone.batch.reason", timing.batch_reason.name()));
    }
    attributes
}

fn http_attributes(record: &Record) -> Vec<KeyValue> {
    let Record { outcome, call, .. } = record;
    let path = call.strip_prefix("POST ").unwrap_or(call);
    vec![
        text("http.request.method", "POST"),
        text("http.route", route(call)),
        text("url.path", path),
        text("url.scheme", "http"),
        number("http.response.status_code", outcome.status),
        number("http.request.body.size", outcome.bytes_in as u64),
        number("http.response.body.size", outcome.bytes_out as u64),
    ]
}

fn grpc_attributes(record: &Record) -> Vec<KeyValue> {
    let Record { outcome, call, .. } = record;
    let (service, method) = call.trim_start_matches('/').split_once('/').unwrap_or((call, ""));
    vec![
        text("rpc.system", "grpc"),
        text("rpc.service", service),
        text("rpc.method", method),
        number("rpc.grpc.status_code", outcome.status),
    ]
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = match value.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => &value[..end],
        None => value,
    };
    attribute(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: impl Into<u64>) -> KeyValue {
    attribute(key, Value::IntValue(i64::try_from(value.into()).unwrap_or(i64::MAX)))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

#[cfg(test)]
mod tests;
