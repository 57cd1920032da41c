use std::{net::SocketAddr, time::Duration};

use serving::{ErrorKind, Model, ServeError};
use tracing::{info, warn};

/// Target of the access log's events, for filters.
pub(crate) const TARGET: &str = "hone::access";

/// One request, as it is logged when it has been answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'a> {
    /// `http` or `grpc`.
    pub(crate) protocol: &'static str,
    /// Method and path, or the RPC's path.
    pub(crate) call: &'a str,
    /// Model asked for; empty if the call is about none.
    pub(crate) model: &'a str,
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
    /// The client.
    pub(crate) peer: SocketAddr,
}

/// Writes one line of the access log.
pub(crate) fn log(access: &Access<'_>) {
    let Access { protocol, call, model, request_id, status, bytes_in, bytes_out, duration, peer } =
        *access;
    let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    info!(
        target: TARGET,
        protocol, call, model, request_id, status, bytes_in, bytes_out, duration_us, %peer
    );
}

/// Writes down that a model failed a request: the client is told, and so is whoever runs the server.
/// What the client did wrong is its own affair.
pub(crate) fn log_failure(model: &Model, request_id: &str, error: &ServeError) {
    if error.kind() == ErrorKind::Internal {
        warn!(model = model.name(), version = model.version(), request_id, %error, "request failed");
    }
}
