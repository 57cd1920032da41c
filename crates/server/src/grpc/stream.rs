//! `ModelStreamInfer`: requests of one stream run at the same time, answers come in their order.

use std::{
    collections::VecDeque,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{self, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use hyper::body::Incoming;
use serving::{Clock, Timestamp};
use tokio::{
    task::{JoinError, JoinHandle},
    time::Sleep,
};
use tokio_stream::Stream;
use tonic::Status;

use super::{
    Context,
    dispatch::{Call, Logged, deadline_exceeded, log_call},
    encode,
    infer::{self, Arrival, Identity},
    message::MessageReader,
    reply::{self, Outgoing, ReplyBody},
};
use crate::{
    compression::Encoding,
    shutdown::Phase,
    timing::{Stopwatch, server_timing},
};

/// Metadata that makes an error end the stream with its status.
const STATUS_METADATA: &str = "triton_grpc_error";

/// Tells when the server stops taking requests; may be asked again and again.
pub(super) struct Closing(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Closing {
    pub(super) fn new(context: &Context) -> Self {
        let mut shutdown = context.state.shutdown.clone();
        Self(Some(Box::pin(async move { shutdown.reached(Phase::Closing).await })))
    }

    /// Whether it is so; wakes the task when it becomes so.
    pub(super) fn poll(&mut self, context: &mut task::Context<'_>) -> bool {
        let Some(reached) = &mut self.0 else { return true };
        let is_closing = reached.as_mut().poll(context).is_ready();
        if is_closing {
            self.0 = None;
        }
        is_closing
    }
}

/// The end of a stream that outlives the server.
pub(super) fn shutting_down() -> Status {
    Status::unavailable("GRPC server is shutting down and has stopped accepting new requests.")
}

/// Answers a stream of inferences.
pub(super) fn model_stream_infer(call: Call) -> Response<ReplyBody> {
    let Call { context, headers, reader, encoding, received, timeout, peer, path } = call;
    let deadline = timeout.map(|timeout| received + timeout);
    let settings = Settings {
        is_explained: infer::is_explained(&headers),
        ends_with_status: headers.get(STATUS_METADATA).is_some_and(|value| value == "true"),
        encoding,
        deadline,
        path,
        headers,
        peer,
    };
    let stream = InferStream {
        running: VecDeque::new(),
        running_max: context.limits.stream_requests_max.max(1),
        input: Input::Open,
        closing: Closing::new(&context),
        deadline: deadline.map(|at| Box::pin(tokio::time::sleep_until(Clock::instant(at).into()))),
        settings: Arc::new(settings),
        context,
        reader,
    };
    reply::streaming(Box::pin(stream), encoding)
}

/// What holds for every request of a stream.
#[derive(Debug)]
struct Settings {
    is_explained: bool,
    /// An error ends the stream with its status, instead of being one of its messages.
    ends_with_status: bool,
    encoding: Option<Encoding>,
    deadline: Option<Timestamp>,
    path: String,
    headers: HeaderMap,
    peer: SocketAddr,
}

/// The answers of one stream.
struct InferStream {
    context: Arc<Context>,
    settings: Arc<Settings>,
    reader: MessageReader<Incoming>,
    /// In the order of the requests; at most `running_max`.
    running: VecDeque<Running>,
    running_max: usize,
    input: Input,
    closing: Closing,
    deadline: Option<Pin<Box<Sleep>>>,
}

/// Whether more requests will come.
enum Input {
    Open,
    /// Ends the call once everything before it is answered.
    Ended(Option<Status>),
}

/// A request that is being answered; dropping it cancels it.
struct Running(JoinHandle<Result<Outgoing, Failure>>);

/// A request without an answer.
struct Failure {
    identity: Identity,
    status: Status,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Stream for InferStream {
    type Item = Result<Outgoing, Status>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        if self.deadline.as_mut().is_some_and(|at| at.as_mut().poll(context).is_ready()) {
            return Poll::Ready(Some(Err(deadline_exceeded())));
        }
        self.start_requests(context);
        let Some(first) = self.running.front_mut() else {
            return match &mut self.input {
                Input::Open => Poll::Pending,
                Input::Ended(status) => Poll::Ready(status.take().map(Err)),
            };
        };
        let finished = ready!(Pin::new(&mut first.0).poll(context));
        self.running.pop_front();
        // There is room for another request; have its arrival wake this task.
        self.start_requests(context);
        Poll::Ready(Some(self.answer(finished)))
    }
}

impl InferStream {
    /// Starts every request that is there, up to the maximum.
    fn start_requests(&mut self, context: &mut task::Context<'_>) {
        while matches!(self.input, Input::Open) && self.running.len() < self.running_max {
            match self.reader.poll_next(context) {
                Poll::Ready(Some(Ok(message))) => self.start(message),
                Poll::Ready(Some(Err(status))) => self.input = Input::Ended(Some(status)),
                Poll::Ready(None) => self.input = Input::Ended(None),
                // What had arrived when the server closed has been taken by now.
                Poll::Pending if self.closing.poll(context) => {
                    self.input = Input::Ended(Some(shutting_down()));
                }
                Poll::Pending => return,
            }
        }
    }

    fn start(&mut self, message: Bytes) {
        let request = run(Arc::clone(&self.context), Arc::clone(&self.settings), message);
        self.running.push_back(Running(tokio::spawn(request)));
    }

    fn answer(
        &self,
        finished: Result<Result<Outgoing, Failure>, JoinError>,
    ) -> Result<Outgoing, Status> {
        let failure = match finished {
            Ok(Ok(message)) => return Ok(message),
            Ok(Err(failure)) => failure,
            Err(error) => {
                let status = Status::internal(format!("the request's task failed: {error}"));
                Failure { identity: Identity::default(), status }
            }
        };
        if self.settings.ends_with_status {
            return Err(failure.status);
        }
        let bytes_max = self.context.limits.message_bytes_max;
        encode::streamed_error(failure.identity, &failure.status, self.settings.encoding, bytes_max)
    }
}

/// Answers one request of a stream.
async fn run(
    context: Arc<Context>,
    settings: Arc<Settings>,
    message: Bytes,
) -> Result<Outgoing, Failure> {
    let received = Clock::now();
    let bytes_in = message.len();
    let mut identity = Identity::default();
    let is_timed = settings.is_explained || context.state.tracer.is_on();
    identity.stopwatch = Stopwatch::new(is_timed, received);
    identity.stopwatch.read = received;
    let timeout = settings.deadline.map(|deadline| deadline.since(received));
    let Settings { path, headers, peer, .. } = &*settings;
    let arrival = Arrival { path, headers, peer: *peer, received, timeout };
    let answered = infer::run(&context, message, arrival, &mut identity).await;
    identity.stopwatch.note_resumed();
    let answer = answered.and_then(|answered| {
        let timing = answered.response.timing;
        // The message that tells the time of encoding is what is encoded.
        identity.stopwatch.encoded = identity.stopwatch.resumed;
        let timing = settings.is_explained.then(|| server_timing(&timing, &identity.stopwatch));
        let bytes_max = context.limits.message_bytes_max;
        encode::streamed(answered, timing, settings.encoding, bytes_max)
    });
    identity.stopwatch.note_encoded();
    let logged = Logged { path, peer: *peer, received, bytes_in };
    log_call(&context, &logged, &mut identity, &answer);
    answer.map_err(|status| Failure { identity, status })
}
