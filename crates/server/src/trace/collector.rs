//! One connection to a collector, made when there is something to send and kept while it works.

use std::io;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use protocol::otlp::ExportTraceServiceResponse;
use tokio::net::TcpStream;

use super::{TraceEndpoint, TraceProtocol};

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Bytes before a gRPC message: a flag and the length.
const GRPC_PREFIX_LEN: usize = 5;

/// Sends messages to one collector.
#[derive(Debug)]
pub(super) struct Collector {
    endpoint: TraceEndpoint,
    connection: Option<Connection>,
}

#[derive(Debug)]
enum Connection {
    Http(http1::SendRequest<Full<Bytes>>),
    Grpc(http2::SendRequest<Full<Bytes>>),
}

/// Why a message did not get there.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// It may, another time.
    #[error("{0}")]
    NotNow(String),
    /// It will not, ever.
    #[error("{0}")]
    Refused(String),
}

type Answer = Result<(http::response::Parts, Bytes, HeaderMap), SendError>;

impl Collector {
    pub(super) fn new(endpoint: TraceEndpoint) -> Self {
        Self { endpoint, connection: None }
    }

    /// Sends an encoded `ExportTraceServiceRequest` and returns how many of its spans were not taken.
    ///
    /// # Errors
    ///
    /// The collector is not there, or does not want it.
    pub(super) async fn send(&mut self, message: Bytes) -> Result<u64, SendError> {
        let mut connection = match self.connection.take() {
            Some(connection) if !connection.is_closed() => connection,
            _ => Connection::open(&self.endpoint).await.map_err(|error| not_now(&error))?,
        };
        let answer = match &mut connection {
            Connection::Http(sender) => {
                let request = self.request(message, "application/x-protobuf");
                sender.ready().await.map_err(|error| not_now(&error))?;
                read(sender.send_request(request).await).await
            }
            Connection::Grpc(sender) => {
                let request = self.request(with_prefix(&message), "application/grpc");
                sender.ready().await.map_err(|error| not_now(&error))?;
                read(sender.send_request(request).await).await
            }
        };
        let (head, body, trailers) = answer?;
        self.connection = Some(connection);
        match self.endpoint.protocol {
            TraceProtocol::Http => http_outcome(head.status, &body),
            TraceProtocol::Grpc => grpc_outcome(&head, &body, &trailers),
        }
    }

    fn request(&self, body: Bytes, content_type: &'static str) -> Request<Full<Bytes>> {
        let is_grpc = self.endpoint.protocol == TraceProtocol::Grpc;
        // HTTP/2 takes host and path together.
        let host =
            if is_grpc { format!("http://{}", self.endpoint.authority()) } else { String::new() };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = format!("{host}{}", self.endpoint.path).parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let agent = concat!("hone/", env!("CARGO_PKG_VERSION"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        if is_grpc {
            headers.insert(header::TE, HeaderValue::from_static("trailers"));
        } else if let Ok(host) = HeaderValue::try_from(self.endpoint.authority()) {
            headers.insert(header::HOST, host);
        }
        request
    }
}

impl Connection {
    async fn open(endpoint: &TraceEndpoint) -> io::Result<Self> {
        let stream = TcpStream::connect((&*endpoint.host, endpoint.port)).await?;
        let stream = TokioIo::new(stream);
        // The connection's task ends with it.
        Ok(match endpoint.protocol {
            TraceProtocol::Http => {
                let (sender, connection) =
                    http1::handshake(stream).await.map_err(io::Error::other)?;
                tokio::spawn(connection);
                Self::Http(sender)
            }
            TraceProtocol::Grpc => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
                    .await
                    .map_err(io::Error::other)?;
                tokio::spawn(connection);
                Self::Grpc(sender)
            }
        })
    }

    fn is_closed(&self) -> bool {
        match self {
            Self::Http(sender) => sender.is_closed(),
            Self::Grpc(sender) => sender.is_closed(),
        }
    }
}

fn with_prefix(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(GRPC_PREFIX_LEN + message.len());
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    bytes.put_slice(message);
    bytes.freeze()
}

async fn read(response: hyper::Result<http::Response<Incoming>>) -> Answer {
    let (head, body) = response.map_err(|error| not_now(&error))?.into_parts();
    let body =
        Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| not_now(&error))?;
    let trailers = body.trailers().cloned().unwrap_or_default();
    Ok((head, body.to_bytes(), trailers))
}

fn http_outcome(status: StatusCode, body: &[u8]) -> Result<u64, SendError> {
    match status {
        StatusCode::OK => rejected(body),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Err(not_now(&format!("it answers {status}"))),
        _ => Err(SendError::Refused(format!("it answers {status}"))),
    }
}

fn grpc_outcome(
    head: &http::response::Parts,
    body: &[u8],
    trailers: &HeaderMap,
) -> Result<u64, SendError> {
    if head.status != StatusCode::OK {
        return http_outcome(head.status, body).and_then(|_| Err(no_status()));
    }
    // An answer without a message has its status among the headers.
    let status = trailers.get("grpc-status").or_else(|| head.headers.get("grpc-status"));
    match status.map(HeaderValue::as_bytes) {
        Some(b"0") => rejected(body.get(GRPC_PREFIX_LEN..).unwrap_or_default()),
        // Cancelled, deadline exceeded, resource exhausted, aborted, out of range, unavailable, data loss.
        Some(b"1" | b"4" | b"8" | b"10" | b"11" | b"14" | b"15") => {
            Err(not_now(&format!("it answers gRPC code {}", shown(status))))
        }
        Some(_) => Err(SendError::Refused(format!("it answers gRPC code {}", shown(status)))),
        None => Err(no_status()),
    }
}

fn no_status() -> SendError {
    SendError::Refused("it does not answer as gRPC does".to_owned())
}

fn shown(status: Option<&HeaderValue>) -> &str {
    status.and_then(|status| status.to_str().ok()).unwrap_or("?")
}

/// How many spans the collector says it has not taken.
fn rejected(body: &[u8]) -> Result<u64, SendError> {
    // What is no such message says nothing of the kind.
    let answer = ExportTraceServiceResponse::decode(body).unwrap_or_default();
    let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
    Ok(u64::try_from(rejected).unwrap_or(0))
}

fn not_now(error: &impl ToString) -> SendError {
    SendError::NotNow(error.to_string())
}
