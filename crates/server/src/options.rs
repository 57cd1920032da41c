use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZeroUsize,
    sync::Arc,
    thread,
    time::Duration,
};

use crate::{ApiKey, ControlToken, LogControl, TraceOptions};

/// What [`Server::start`](crate::Server::start) is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address that every listener binds to.
    pub host: IpAddr,
    /// Port of the REST front end: `None` is off, 0 is any free one.
    pub http_port: Option<u16>,
    /// Port of the gRPC front end: `None` is off, 0 is any free one.
    pub grpc_port: Option<u16>,
    /// Port of metrics and health on a thread of their own: `None` is off, 0 is any free one.
    pub metrics_port: Option<u16>,
    /// Limits of the REST front end.
    pub http: HttpLimits,
    /// Limits of the gRPC front end.
    pub grpc: GrpcLimits,
    /// Threads that drive connections.
    pub threads: NonZeroUsize,
    /// How long a server that was told to stop still accepts: time for load balancers to see that
    /// it is no longer ready.
    pub grace: Duration,
    /// How long requests in flight may take to end after that.
    pub exit_timeout: Duration,
    /// What whoever changes models or settings has to send; `None` asks for nothing, as the protocol has it.
    pub control_token: Option<ControlToken>,
    /// Who may have text generated; without any key everybody may.
    pub api_keys: Vec<ApiKey>,
    /// Whether every request is logged when it ends.
    pub access_log: bool,
    /// Which requests are traced, and where traces go.
    pub trace: TraceOptions,
    /// Where log settings are read and changed.
    pub log: Arc<dyn LogControl>,
}

impl Options {
    /// Triton's ports on the loopback address, a thread per core, default limits, no grace, 30 s to exit.
    #[must_use]
    pub fn new(log: Arc<dyn LogControl>) -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            http_port: Some(8000),
            grpc_port: Some(8001),
            metrics_port: Some(8002),
            http: HttpLimits::default(),
            grpc: GrpcLimits::default(),
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            grace: Duration::ZERO,
            exit_timeout: Duration::from_secs(30),
            control_token: None,
            api_keys: Vec::new(),
            access_log: false,
            trace: TraceOptions::default(),
            log,
        }
    }
}

/// Limits of the REST front end.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Connections at a time; one more is told 503 and closed.
    pub connections_max: usize,
    /// Bytes of a request's body, before and after decompression, and of each tensor in it.
    pub body_bytes_max: usize,
    /// From the first byte of a request, or from accepting the connection, to the end of its headers.
    pub header_timeout: Duration,
    /// Between two pieces of a request's body.
    pub body_idle_timeout: Duration,
    /// Between two requests of a connection.
    pub keep_alive: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            body_bytes_max: 64 << 20,
            header_timeout: Duration::from_secs(15),
            body_idle_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(120),
        }
    }
}

/// Limits of the gRPC front end.
#[derive(Clone, Copy, Debug)]
pub struct GrpcLimits {
    /// Connections at a time; one more is closed.
    pub connections_max: usize,
    /// Calls at a time on one connection.
    pub streams_max: u32,
    /// Requests of one `ModelStreamInfer` stream that run at a time; later ones are not read.
    pub stream_requests_max: usize,
    /// Bytes of a message, before and after decompression. Memory grows with what arrives, not with
    /// what a message claims.
    pub message_bytes_max: usize,
    /// From accepting a connection to its first bytes of HTTP/2.
    pub handshake_timeout: Duration,
    /// Between two pieces of a unary call's request.
    pub body_idle_timeout: Duration,
}

impl Default for GrpcLimits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            streams_max: 1024,
            stream_requests_max: 64,
            message_bytes_max: i32::MAX as usize,
            handshake_timeout: Duration::from_secs(15),
            body_idle_timeout: Duration::from_secs(30),
        }
    }
}
