use std::{net::SocketAddr, time::Duration};

use serving::{ErrorKind, Model, ServeError, Timing};
use tracing::{info, warn};

use crate::{
    record::{Protocol, Record},
    status::error_name,
    trace::TraceId,
};

/// Target of the access log's events, for filters.
pub(crate) const TARGET: &str = "hone::access";

/// One request, as it is logged when it has been answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'a> {
    pub(crate) protocol: Protocol,
    /// Method and path, or the RPC's path.
    pub(crate) call: &'a str,
    /// Model asked for; empty if the call is about none.
    pub(crate) model: &'a str,
    /// Version that answered, if one was found.
    pub(crate) version: Option<u64>,
    /// The client's name for the request; empty if it gave none.
    pub(crate) request_id: &'a str,
    /// HTTP status, or gRPC code.
    pub(crate) status: u16,
    /// Size of the request's body, as it came over the wire.
    pub(crate) bytes_in: usize,
    /// Size of the answer's body, as it goes over the wire.
    pub(crate) bytes_out: usize,
    /// From the request's headers to its answer being ready to be sent.
    pub(crate) duration: Duration,
    /// Where the time went; of no use unless it is known.
    pub(crate) timing: Timing,
    /// The trace that the request is a part of.
    pub(crate) trace_id: Option<TraceId>,
    /// The client.
    pub(crate) peer: SocketAddr,
}

impl<'a> Access<'a> {
    /// An inference that is over.
    pub(crate) fn of(record: &'a Record) -> Self {
        Self {
            protocol: record.protocol,
            call: &record.call,
            model: &record.model,
            version: record.version,
            request_id: &record.request_id,
            status: record.outcome.status,
            bytes_in: record.outcome.bytes_in,
            bytes_out: record.outcome.bytes_out,
            duration: record.outcome.ended.since(record.stopwatch.received),
            timing: record.timing,
            trace_id: record.trace_id,
            peer: record.peer,
        }
    }
}

/// Writes one line of the access log. What is not known of a request is left out.
pub(crate) fn log(access: &Access<'_>) {
    let Access { call, model, version, request_id, status, bytes_in, bytes_out, .. } = *access;
    let timing = access.timing.is_known().then_some(access.timing);
    info!(
        target: TARGET,
        protocol = access.protocol.name(),
        call,
        model,
        request_id,
        status,
        bytes_in,
        bytes_out,
        duration_us = micros(access.duration),
        error = error_name(access.protocol, status),
        version,
        queue_us = timing.map(|timing| micros(timing.queue())),
        compute_us = timing.map(|timing| micros(timing.ended.since(timing.started))),
        batch_rows = timing.map(|timing| timing.batch_rows),
        trace_id = access.trace_id.map(|id| id.to_string()),
        peer = %access.peer,
    );
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Writes down that a model failed a request: the client is told, and so is whoever runs the server.
/// What the client did wrong is its own affair.
pub(crate) fn log_failure(model: &Model, request_id: &str, error: &ServeError) {
    if error.kind() == ErrorKind::Internal {
        warn!(model = model.name(), version = model.version(), request_id, %error, "request failed");
    }
}
