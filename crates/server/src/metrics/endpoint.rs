use std::{
    convert::Infallible,
    net::TcpListener as StdListener,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::oneshot,
};

use super::{
    exposition::CONTENT_TYPE,
    families::{ModelSample, ServerSample, render},
    process::UsageReader,
};
use crate::{
    StartError,
    listen::Acceptor,
    shutdown::{Phase, Shutdown, ShutdownControl},
    state::State,
};

/// Scrapers and probes at a time.
const CONNECTIONS_MAX: usize = 64;

/// A request's headers and the pause between two requests of a connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(120);

/// How long answers that are being written may take at the end.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The thread that answers `/metrics` and health.
#[derive(Debug)]
pub(crate) struct MetricsThread {
    control: ShutdownControl,
    stopped: oneshot::Receiver<()>,
}

impl MetricsThread {
    /// Starts the thread on a bound listener.
    ///
    /// # Errors
    ///
    /// The system refuses a thread or a runtime.
    pub(crate) fn start(listener: StdListener, state: Arc<State>) -> Result<Self, StartError> {
        let failed = |source| StartError::Start { what: "the metrics thread", source };
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener).map_err(failed)?
        };
        let (control, shutdown) = ShutdownControl::new();
        let (sender, stopped) = oneshot::channel();
        let endpoint = Arc::new(Endpoint::new(state));
        thread::Builder::new()
            .name("hone-metrics".into())
            .spawn(move || {
                runtime.block_on(accept(listener, endpoint, shutdown));
                drop(runtime);
                // Nobody listens if the server was dropped.
                let _ = sender.send(());
            })
            .map_err(failed)?;
        Ok(Self { control, stopped })
    }

    /// Ends what is being answered and the thread.
    pub(crate) async fn stop(mut self) {
        self.control.enter(Phase::Closing);
        let ended = tokio::time::timeout(STOP_TIMEOUT, &mut self.stopped).await;
        if ended.is_err() {
            self.control.enter(Phase::Aborting);
            let _ = tokio::time::timeout(STOP_TIMEOUT, self.stopped).await;
        }
    }
}

async fn accept(listener: TcpListener, endpoint: Arc<Endpoint>, shutdown: Shutdown) {
    let acceptor = Acceptor {
        listener,
        connections_max: CONNECTIONS_MAX,
        shutdown: shutdown.clone(),
        refusal: b"",
        last_call: Duration::ZERO,
        is_full: AtomicBool::new(false),
        network: None,
    };
    acceptor.run(|stream, _peer| connection(stream, Arc::clone(&endpoint), shutdown.clone())).await;
}

async fn connection(stream: TcpStream, endpoint: Arc<Endpoint>, mut shutdown: Shutdown) {
    let service = service_fn(move |request| {
        let response = endpoint.answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
    );
    // A connection that breaks has nobody left to be told.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = shutdown.reached(Phase::Closing) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// What the thread answers from.
#[derive(Debug)]
struct Endpoint {
    state: Arc<State>,
    started: SystemTime,
    usage: Mutex<UsageReader>,
    /// Size of the last page, a guess at the next one's.
    page_bytes: AtomicUsize,
}

impl Endpoint {
    fn new(state: Arc<State>) -> Self {
        let started = SystemTime::now();
        Self { state, started, usage: Mutex::default(), page_bytes: AtomicUsize::new(0) }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return reply(StatusCode::METHOD_NOT_ALLOWED, "application/json", METHOD_NOT_ALLOWED);
        }
        match request.uri().path() {
            "/metrics" | "/metrics/" => reply(StatusCode::OK, CONTENT_TYPE, self.page()),
            "/v2/health/live" => reply(StatusCode::OK, "text/plain", ""),
            "/v2/health/ready" => match self.state.repository.readiness() {
                Ok(()) => reply(StatusCode::OK, "text/plain", ""),
                Err(_) => reply(StatusCode::BAD_REQUEST, "text/plain", ""),
            },
            _ => reply(StatusCode::NOT_FOUND, "application/json", NOT_FOUND),
        }
    }

    fn page(&self) -> String {
        let repository = &self.state.repository;
        let server = ServerSample {
            usage: self.usage.lock().read(),
            started: self
                .started
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs_f64(),
            ready: repository.readiness().is_ok(),
            in_flight: repository.in_flight(),
            traces: self.state.tracer.counts(),
        };
        let models: Vec<_> =
            repository.models().iter().map(|model| ModelSample::of(model)).collect();
        let capacity = self.page_bytes.load(Ordering::Relaxed);
        let page = render(&server, &models, capacity + capacity / 8);
        self.page_bytes.store(page.len(), Ordering::Relaxed);
        page
    }
}

const METHOD_NOT_ALLOWED: &str = r#"{"error":"Method Not Allowed"}"#;
const NOT_FOUND: &str = r#"{"error":"Not Found"}"#;

fn reply(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let content_type = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
