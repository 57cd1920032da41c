//! An OpenTelemetry collector that keeps what it is sent, over HTTP or gRPC.

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use prost::Message as _;
use protocol::otlp::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse, Resource,
    Span, any_value::Value,
};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::eventually;

const GRPC_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A collector that listens; it ends with the test.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    store: Arc<Store>,
}

#[derive(Debug, Default)]
struct Store {
    taken: Mutex<Vec<ExportTraceServiceRequest>>,
    /// What it answers over HTTP in place of 200.
    status: Mutex<Option<u16>>,
    /// How many spans it says it has rejected.
    rejected: Mutex<i64>,
    refused: Mutex<usize>,
}

impl Collector {
    /// Takes OTLP/HTTP.
    pub(crate) async fn http() -> Self {
        Self::http_at(([127, 0, 0, 1], 0).into()).await
    }

    pub(crate) async fn http_at(address: SocketAddr) -> Self {
        Self::start(address, |stream, store| async move {
            let service = service_fn(move |request| answer_http(request, store.clone()));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        })
        .await
    }

    /// Takes OTLP/gRPC.
    pub(crate) async fn grpc() -> Self {
        Self::start(([127, 0, 0, 1], 0).into(), |stream, store| async move {
            let service = service_fn(move |request| answer_grpc(request, store.clone()));
            let builder = http2::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        })
        .await
    }

    async fn start<F>(
        address: SocketAddr,
        serve: impl Fn(TcpStream, Arc<Store>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let store = Arc::<Store>::default();
        let kept = store.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, kept.clone()));
            }
        });
        Self { address, store }
    }

    /// Answers with this status from now on; `None` is 200.
    pub(crate) fn answer_with(&self, status: Option<u16>) {
        *self.store.status.lock() = status;
    }

    /// Says from now on that it has rejected so many spans of each message.
    pub(crate) fn reject(&self, spans: i64) {
        *self.store.rejected.lock() = spans;
    }

    /// Messages that were not taken.
    pub(crate) fn refused(&self) -> usize {
        *self.store.refused.lock()
    }

    /// Every span that was taken.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let taken = self.store.taken.lock();
        let resources = taken.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The resource of the first message.
    pub(crate) fn resource(&self) -> Resource {
        self.store.taken.lock()[0].resource_spans[0].resource.clone().unwrap()
    }

    /// Waits until so many requests' spans are there.
    #[track_caller]
    pub(crate) fn until_requests(&self, requests: usize) -> impl Future<Output = ()> + '_ {
        eventually(move || self.requests().len() == requests)
    }

    /// The first span of each request.
    pub(crate) fn requests(&self) -> Vec<Span> {
        let server = 2;
        self.spans().into_iter().filter(|span| span.kind == server).collect()
    }
}

/// A span's attributes, as text.
pub(crate) fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let pairs = span.attributes.iter();
    pairs.map(|pair| (pair.key.clone(), text(pair.value.clone().unwrap().value.unwrap()))).collect()
}

async fn answer_http(
    request: Request<Incoming>,
    store: Arc<Store>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/v1/traces"));
    assert_eq!(request.headers()["content-type"], "application/x-protobuf");
    assert!(request.headers().contains_key("host"));
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut response = Response::new(Full::default());
    if let Some(status) = *store.status.lock() {
        *response.status_mut() = status.try_into().unwrap();
        *store.refused.lock() += 1;
        return Ok(response);
    }
    let rejected_spans = *store.rejected.lock();
    let partial = ExportTracePartialSuccess { rejected_spans, error_message: String::new() };
    let answer = ExportTraceServiceResponse { partial_success: Some(partial) };
    *response.body_mut() = Full::new(answer.encode_to_vec().into());
    store.taken.lock().push(ExportTraceServiceRequest::decode(body).unwrap());
    Ok(response)
}

type Trailed = http_body_util::combinators::WithTrailers<
    Full<Bytes>,
    std::future::Ready<Option<Result<HeaderMap, Infallible>>>,
>;

async fn answer_grpc(
    request: Request<Incoming>,
    store: Arc<Store>,
) -> Result<Response<Trailed>, Infallible> {
    assert_eq!(request.uri().path(), GRPC_PATH);
    assert_eq!(request.headers()["content-type"], "application/grpc");
    let mut body = request.into_body().collect().await.unwrap().to_bytes();
    assert_eq!((body.get_u8(), body.get_u32() as usize), (0, body.len()));
    store.taken.lock().push(ExportTraceServiceRequest::decode(body).unwrap());
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    let empty = Full::new(Bytes::from_static(&[0; 5]));
    Ok(Response::new(empty.with_trailers(std::future::ready(Some(Ok(trailers))))))
}
