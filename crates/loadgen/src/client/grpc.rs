use std::{future::poll_fn, net::SocketAddr};

use bytes::{Buf, Bytes, BytesMut};
use h2::{RecvStream, SendStream, client::SendRequest};
use http::{HeaderMap, Request};
use prost::Message;
use protocol::grpc::ModelStreamInferResponse;
use tokio::net::TcpStream;

use super::{CallError, Called, Stamps, http::excerpt};
use crate::{FailureKind, answer::ServerTiming, clock::now};

/// Flow-control window, so that a large answer never waits for the client.
const WINDOW_BYTES: u32 = 16 << 20;

/// Bytes of an answer that are accepted.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Bytes in front of a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

const INFER: &str = "ModelInfer";
const STREAM_INFER: &str = "ModelStreamInfer";

/// An HTTP/2 connection that carries one unary call at a time.
#[derive(Debug)]
pub(crate) struct GrpcConnection {
    address: SocketAddr,
    sender: Option<SendRequest<Bytes>>,
    /// The message of the last answer, with its prefix.
    message: BytesMut,
}

/// One `ModelStreamInfer` call on a connection of its own, on which each request waits for its answer.
#[derive(Debug)]
pub(crate) struct GrpcStream {
    address: SocketAddr,
    open: Option<(SendStream<Bytes>, Receiving)>,
    /// The last message, without its prefix.
    message: Bytes,
}

/// The answers of a stream: those that come with the first one's head, or that head's future.
#[derive(Debug)]
enum Receiving {
    Waiting(h2::client::ResponseFuture),
    Open(RecvStream, BytesMut),
}

fn broken(error: &impl std::fmt::Display) -> CallError {
    CallError::transport(error)
}

async fn handshake(address: SocketAddr) -> Result<SendRequest<Bytes>, CallError> {
    let failed =
        |error: &dyn std::fmt::Display| CallError::new(FailureKind::Connect, error.to_string());
    let stream = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
    stream.set_nodelay(true).map_err(|error| failed(&error))?;
    let (sender, driver) = h2::client::Builder::new()
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .handshake(stream)
        .await
        .map_err(|error| failed(&error))?;
    // Ends when the sender is dropped; what goes wrong is seen by the call.
    tokio::task::spawn_local(async move { drop(driver.await) });
    Ok(sender)
}

fn head(address: SocketAddr, method: &str, explain: bool) -> Request<()> {
    let mut request =
        Request::post(format!("http://{address}/inference.GRPCInferenceService/{method}"))
            .version(http::Version::HTTP_2)
            .header("content-type", "application/grpc")
            .header("te", "trailers");
    if explain {
        request = request.header("hone-explain", "1");
    }
    request.body(()).expect("an address makes a valid URI")
}

impl GrpcConnection {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, sender: None, message: BytesMut::new() }
    }

    pub(crate) async fn connect(&mut self) -> Result<(), CallError> {
        if self.sender.is_none() {
            self.sender = Some(handshake(self.address).await?);
        }
        Ok(())
    }

    pub(crate) fn close(&mut self) {
        self.sender = None;
    }

    pub(crate) async fn call(
        &mut self,
        message: &Bytes,
        explain: bool,
    ) -> Result<Called, CallError> {
        self.call_method(INFER, message, explain).await
    }

    /// Calls any unary method of the service.
    pub(crate) async fn call_method(
        &mut self,
        method: &str,
        message: &Bytes,
        explain: bool,
    ) -> Result<Called, CallError> {
        self.connect().await?;
        self.message.clear();
        let sender = self.sender.as_mut().expect("the connection was just made");
        poll_fn(|context| sender.poll_ready(context)).await.map_err(|error| broken(&error))?;
        let sent = now();
        let request = head(self.address, method, explain);
        let (answer, mut body) = sender.send_request(request, false).map_err(|e| broken(&e))?;
        body.send_data(message.clone(), true).map_err(|error| broken(&error))?;
        let written = now();
        let (head, stream) = answer.await.map_err(|error| broken(&error))?.into_parts();
        let first_byte = now();
        if head.status != 200 {
            return Err(broken(&format!("HTTP status {}", head.status)));
        }
        let trailers = receive_all(stream, &mut self.message).await?;
        check_status(trailers.as_ref().unwrap_or(&head.headers))?;
        let timing = head.headers.get("server-timing").and_then(|value| value.to_str().ok());
        let timing = timing.and_then(ServerTiming::parse);
        Ok(Called { stamps: Stamps { sent, written, first_byte }, timing, generation: None })
    }

    /// The last answer, without its prefix.
    pub(crate) fn message(&self) -> &[u8] {
        self.message.get(PREFIX_BYTES..).unwrap_or_default()
    }
}

async fn receive_all(
    mut stream: RecvStream,
    message: &mut BytesMut,
) -> Result<Option<HeaderMap>, CallError> {
    while let Some(frame) = stream.data().await {
        take_frame(frame, &mut stream, message)?;
    }
    stream.trailers().await.map_err(|error| broken(&error))
}

fn take_frame(
    frame: Result<Bytes, h2::Error>,
    stream: &mut RecvStream,
    message: &mut BytesMut,
) -> Result<(), CallError> {
    let frame = frame.map_err(|error| broken(&error))?;
    stream.flow_control().release_capacity(frame.len()).map_err(|error| broken(&error))?;
    if message.len() + frame.len() > ANSWER_BYTES_MAX {
        return Err(broken(&"the answer is too long"));
    }
    message.extend_from_slice(&frame);
    Ok(())
}

/// Turns a status that is not OK into a failure.
fn check_status(headers: &HeaderMap) -> Result<(), CallError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let status = text("grpc-status").ok_or_else(|| broken(&"the answer has no grpc-status"))?;
    let kind = match status {
        "0" => return Ok(()),
        // RESOURCE_EXHAUSTED, UNAVAILABLE; DEADLINE_EXCEEDED; INVALID_ARGUMENT, NOT_FOUND, ...
        "8" | "14" => FailureKind::Overloaded,
        "4" => FailureKind::Timeout,
        "3" | "5" | "6" | "7" | "9" | "11" | "12" | "16" => FailureKind::Refused,
        _ => FailureKind::Server,
    };
    let message = text("grpc-message").unwrap_or_default();
    Err(CallError::new(kind, format!("gRPC status {status}: {}", excerpt(message))))
}

impl GrpcStream {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, open: None, message: Bytes::new() }
    }

    pub(crate) async fn connect(&mut self) -> Result<(), CallError> {
        if self.open.is_some() {
            return Ok(());
        }
        let mut sender = handshake(self.address).await?;
        poll_fn(|context| sender.poll_ready(context)).await.map_err(|error| broken(&error))?;
        let request = head(self.address, STREAM_INFER, false);
        let (answer, body) = sender.send_request(request, false).map_err(|error| broken(&error))?;
        self.open = Some((body, Receiving::Waiting(answer)));
        Ok(())
    }

    pub(crate) fn close(&mut self) {
        self.open = None;
    }

    pub(crate) async fn call(&mut self, message: &Bytes) -> Result<Called, CallError> {
        self.connect().await?;
        let (body, receiving) = self.open.as_mut().expect("the stream was just opened");
        let sent = now();
        body.send_data(message.clone(), false).map_err(|error| broken(&error))?;
        let written = now();
        let answer = receiving.next().await;
        let first_byte = now();
        self.message = answer.inspect_err(|_| self.open = None)?;
        let answer = ModelStreamInferResponse::decode(self.message.clone());
        let answer = answer.map_err(|error| broken(&error))?;
        if !answer.error_message.is_empty() {
            return Err(CallError::new(FailureKind::Server, excerpt(&answer.error_message)));
        }
        let stamps = Stamps { sent, written, first_byte };
        Ok(Called { stamps, timing: None, generation: None })
    }

    /// The last answer: a `ModelStreamInferResponse`.
    pub(crate) fn message(&self) -> &[u8] {
        &self.message
    }
}

impl Receiving {
    /// The next whole message.
    async fn next(&mut self) -> Result<Bytes, CallError> {
        if let Self::Waiting(answer) = self {
            let answer = answer.await.map_err(|error| broken(&error))?;
            if let Some(status) = answer.headers().get("grpc-status")
                && status != "0"
            {
                check_status(answer.headers())?;
            }
            *self = Self::Open(answer.into_body(), BytesMut::new());
        }
        let Self::Open(stream, held) = self else { unreachable!("it was just opened") };
        loop {
            if let Some(message) = take_message(held)? {
                return Ok(message);
            }
            match stream.data().await {
                Some(frame) => take_frame(frame, stream, held)?,
                None => return Err(ended(stream).await),
            }
        }
    }
}

/// Why a stream ended that was to go on.
async fn ended(stream: &mut RecvStream) -> CallError {
    let trailers = stream.trailers().await.ok().flatten();
    let failed = trailers.map(|trailers| check_status(&trailers));
    match failed {
        Some(Err(error)) => CallError { kind: FailureKind::Transport, ..error },
        _ => broken(&"the server ended the stream"),
    }
}

/// Cuts the first message off, if it is whole.
fn take_message(held: &mut BytesMut) -> Result<Option<Bytes>, CallError> {
    let Some(prefix) = held.first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
    let [compressed, length @ ..] = *prefix;
    let length = u32::from_be_bytes(length) as usize;
    if compressed != 0 {
        return Err(broken(&"the message is compressed, which was not asked for"));
    }
    if held.len() < PREFIX_BYTES + length {
        return Ok(None);
    }
    held.advance(PREFIX_BYTES);
    Ok(Some(held.split_to(length).freeze()))
}
