use std::{
    net::{SocketAddr, TcpListener as StdListener},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use serving::Repository;
use tokio::{net::TcpListener, task::JoinHandle};
use tracing::{info, warn};

use crate::{
    Options, StartError,
    api_keys::ApiKeys,
    control_guard::ControlGuard,
    grpc, http,
    listen::{Acceptor, bind},
    metrics::MetricsThread,
    network::NetworkThreads,
    shutdown::{Phase, ShutdownControl},
    state::State,
    trace::Tracer,
};

/// Sent to an HTTP connection that is one too many.
const HTTP_REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\ncontent-length: 32\r\nretry-after: 1\r\n\
    connection: close\r\n\r\n{\"error\":\"too many connections\"}";

/// How long a client's last packet of a handshake may be on its way when the server closes.
const LAST_CALL: Duration = Duration::from_millis(200);

/// How long dropped requests get to fall over after an abort.
const ABORT_WAIT: Duration = Duration::from_secs(1);

/// The running front ends. Dropping it drops their connections; [`shutdown`](Self::shutdown) ends
/// them properly.
#[derive(Debug)]
pub struct Server {
    addresses: Addresses,
    repository: Arc<Repository>,
    state: Arc<State>,
    control: ShutdownControl,
    fronts: Vec<JoinHandle<()>>,
    metrics: Option<MetricsThread>,
    grace: Duration,
    exit_timeout: Duration,
}

/// Where the front ends listen; `None` where one is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// REST.
    pub http: Option<SocketAddr>,
    /// gRPC.
    pub grpc: Option<SocketAddr>,
    /// Metrics and health.
    pub metrics: Option<SocketAddr>,
}

/// How a shutdown went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Requests that were still running when the exit timeout was over, and were dropped.
    pub dropped_requests: usize,
}

/// Listeners that are bound and not served yet.
struct Listeners {
    http: Option<StdListener>,
    grpc: Option<StdListener>,
    metrics: Option<StdListener>,
}

impl Server {
    /// Binds every listener, then accepts connections on the calling task's runtime and drives them on
    /// network threads; metrics get a thread of their own, so that they answer under any load.
    ///
    /// # Errors
    ///
    /// A port is taken, or the system refuses a thread. Nothing is left running.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(repository: Arc<Repository>, options: Options) -> Result<Self, StartError> {
        let listeners = Listeners::bind(&options)?;
        let addresses = listeners.addresses()?;
        let Options { http, grpc, threads, grace, exit_timeout, access_log, log, .. } = options;
        let control_guard = ControlGuard::new(options.control_token);
        let tracer = Tracer::start(options.trace)?;
        let (control, shutdown) = ShutdownControl::new();
        let state = Arc::new(State {
            repository: Arc::clone(&repository),
            log,
            control: control_guard,
            api_keys: ApiKeys::new(options.api_keys),
            access_log,
            tracer,
            shutdown,
        });
        let metrics = listeners
            .metrics
            .map(|listener| MetricsThread::start(listener, Arc::clone(&state)))
            .transpose()?;
        let network = Arc::new(NetworkThreads::start(threads)?);
        let mut fronts = Vec::new();
        if let Some(listener) = listeners.http {
            let context = Arc::new(http::Context::new(Arc::clone(&state), http));
            let front = serve_http(into_tokio(listener)?, context, Arc::clone(&network));
            fronts.push(tokio::spawn(front));
        }
        if let Some(listener) = listeners.grpc {
            let context = Arc::new(grpc::Context::new(Arc::clone(&state), grpc)?);
            fronts.push(tokio::spawn(serve_grpc(into_tokio(listener)?, context, network)));
        }
        info!(?addresses, "listening");
        Ok(Self { addresses, repository, state, control, fronts, metrics, grace, exit_timeout })
    }

    /// Where the front ends listen.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Stops without losing a request: readiness goes off, connections are accepted for the grace
    /// time, then no more; what is in flight ends, or is dropped when the exit timeout is over.
    /// Metrics answer until the end.
    pub async fn shutdown(mut self) -> ShutdownReport {
        self.repository.begin_drain();
        self.control.enter(Phase::Draining);
        info!(grace = ?self.grace, "not ready any more, still accepting");
        let never = std::future::pending::<()>();
        let _ = tokio::time::timeout(self.grace, never).await;

        self.control.enter(Phase::Closing);
        info!(in_flight = self.repository.in_flight(), "finishing what is in flight");
        let ended = tokio::time::timeout(self.exit_timeout, wait_all(&mut self.fronts)).await;
        let mut dropped_requests = 0;
        if ended.is_err() {
            dropped_requests = self.repository.in_flight();
            warn!(dropped_requests, exit_timeout = ?self.exit_timeout, "dropping what is in flight");
        }
        self.control.enter(Phase::Aborting);
        let _ = tokio::time::timeout(ABORT_WAIT, wait_all(&mut self.fronts)).await;
        self.state.tracer.stop().await;
        if let Some(metrics) = self.metrics.take() {
            metrics.stop().await;
        }
        ShutdownReport { dropped_requests }
    }
}

/// Waits until every task has ended; those that have are taken off the list.
async fn wait_all(tasks: &mut Vec<JoinHandle<()>>) {
    while let Some(task) = tasks.last_mut() {
        if let Err(error) = task.await {
            warn!(%error, "a front end ended early");
        }
        tasks.pop();
    }
}

impl Listeners {
    fn bind(options: &Options) -> Result<Self, StartError> {
        let bind_to =
            |port: Option<u16>, flag| port.map(|port| bind(options.host, port, flag)).transpose();
        Ok(Self {
            http: bind_to(options.http_port, "--http-port")?,
            grpc: bind_to(options.grpc_port, "--grpc-port")?,
            metrics: bind_to(options.metrics_port, "--metrics-port")?,
        })
    }

    fn addresses(&self) -> Result<Addresses, StartError> {
        let address = |listener: &Option<StdListener>| {
            let address = listener.as_ref().map(StdListener::local_addr).transpose();
            address.map_err(|source| StartError::Start { what: "a listener", source })
        };
        Ok(Addresses {
            http: address(&self.http)?,
            grpc: address(&self.grpc)?,
            metrics: address(&self.metrics)?,
        })
    }
}

fn into_tokio(listener: StdListener) -> Result<TcpListener, StartError> {
    TcpListener::from_std(listener)
        .map_err(|source| StartError::Start { what: "a listener", source })
}

async fn serve_http(
    listener: TcpListener,
    context: Arc<http::Context>,
    network: Arc<NetworkThreads>,
) {
    let acceptor = Acceptor {
        listener,
        connections_max: context.limits.connections_max,
        shutdown: context.state.shutdown.clone(),
        refusal: HTTP_REFUSAL,
        last_call: LAST_CALL,
        is_full: AtomicBool::new(false),
        network: Some(network),
    };
    acceptor.run(|stream, peer| http::serve(stream, peer, Arc::clone(&context))).await;
}

async fn serve_grpc(
    listener: TcpListener,
    context: Arc<grpc::Context>,
    network: Arc<NetworkThreads>,
) {
    let acceptor = Acceptor {
        listener,
        connections_max: context.limits.connections_max,
        shutdown: context.state.shutdown.clone(),
        refusal: b"",
        last_call: LAST_CALL,
        is_full: AtomicBool::new(false),
        network: Some(network),
    };
    acceptor.run(|stream, peer| grpc::serve(stream, peer, Arc::clone(&context))).await;
}
