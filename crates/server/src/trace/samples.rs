//! Records for tests.

use http::{HeaderMap, HeaderValue};
use serving::{BatchReason, Timestamp, Timing};

use super::{
    Parent, Sample, SpanContext, TraceId,
    context::SpanId,
    settings::{Settings, TraceLevel, TraceMode},
};
use crate::{
    record::{Outcome, Protocol, Record},
    timing::Stopwatch,
};

/// A request that went well, not yet traced.
pub(super) fn record() -> Record {
    let mut stopwatch = Stopwatch::new(true, Timestamp(1_000));
    (stopwatch.read, stopwatch.resumed) = (Timestamp(1_100), Timestamp(1_700));
    stopwatch.encoded = Timestamp(1_800);
    Record {
        protocol: Protocol::Http,
        call: "POST /v2/models/echo/infer".to_owned(),
        model: "echo".to_owned(),
        version: Some(3),
        request_id: "a \"b\"".to_owned(),
        peer: ([127, 0, 0, 1], 5000).into(),
        stopwatch,
        submitted: Timestamp(1_150),
        timing: Timing {
            queued: Timestamp(1_200),
            started: Timestamp(1_300),
            inputs_ready: Timestamp(1_400),
            outputs_start: Timestamp(1_500),
            ended: Timestamp(1_600),
            batch_rows: 8,
            batch_requests: 4,
            batch_reason: BatchReason::Full,
        },
        outcome: Outcome { status: 200, bytes_in: 10, bytes_out: 20, ended: Timestamp(1_900) },
        trace_id: None,
        sample: None,
        tensors: Vec::new(),
    }
}

/// On its way to a collector.
pub(super) fn collected(record: Record) -> Record {
    sampled(record, TraceMode::OpenTelemetry, None)
}

/// The same as a part of somebody else's trace.
pub(super) fn with_parent(record: Record) -> Record {
    let mut headers = HeaderMap::new();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    headers.insert("traceparent", HeaderValue::from_static(parent));
    headers.insert("tracestate", HeaderValue::from_static("a=1"));
    sampled(record, TraceMode::OpenTelemetry, Parent::of(&headers))
}

/// On its way to a file.
pub(super) fn filed(record: Record, log_frequency: u32) -> Record {
    let mut record = sampled(record, TraceMode::Triton, None);
    let sample = record.sample.as_mut().unwrap();
    (sample.settings.log_frequency, sample.span) = (log_frequency, None);
    record
}

fn sampled(record: Record, mode: TraceMode, parent: Option<Parent>) -> Record {
    let settings =
        Settings { level: TraceLevel::TIMESTAMPS, rate: 1, count: -1, log_frequency: 0, mode };
    let trace_id = parent.as_ref().map_or_else(TraceId::random, |parent| parent.trace_id);
    let span = SpanContext { trace_id, span_id: SpanId::random(), parent };
    Record { sample: Some(Sample { id: 7, settings, span: Some(span) }), ..record }
}
