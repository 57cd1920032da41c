use std::{
    convert::Infallible, future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration,
};

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use prost::Message;
use serving::{Clock, Timestamp, Timing};
use tonic::{Code, Status, codegen::Service as _};

use super::{
    control, encoding, health,
    infer::{self, Identity},
    message::MessageReader,
    reply::{self, Outgoing, ReplyBody},
    repository, stream, trace,
};
use crate::{
    GrpcLimits, StartError,
    access::{self, Access},
    compression::Encoding,
    record::{Outcome, Protocol},
    state::State,
    status::control_status,
};

const INFERENCE: &str = "/inference.GRPCInferenceService/";
const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION_V1: &str = "/grpc.reflection.v1.ServerReflection/";
const REFLECTION_V1ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/";

/// What every call of the front end is answered from.
pub(crate) struct Context {
    pub(crate) state: Arc<State>,
    pub(crate) limits: GrpcLimits,
    reflection_v1: Reflection,
    reflection_v1alpha: Reflection,
}

/// A reflection service, whose own type has no name.
type Reflection = Box<dyn Fn(Request<Incoming>) -> Answer + Send + Sync>;
type Answer = Pin<Box<dyn Future<Output = Response<tonic::body::Body>> + Send>>;

impl Context {
    /// # Errors
    ///
    /// The descriptors of the services do not describe themselves, which tests rule out.
    pub(crate) fn new(state: Arc<State>, limits: GrpcLimits) -> Result<Self, StartError> {
        let builder = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(protocol::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let failed = |error: tonic_reflection::server::Error| StartError::Start {
            what: "gRPC reflection",
            source: std::io::Error::other(error),
        };
        let v1 = builder().build_v1().map_err(failed)?;
        let v1alpha = builder().build_v1alpha().map_err(failed)?;
        Ok(Self {
            state,
            limits,
            reflection_v1: Box::new(move |request| answer_by(v1.clone().call(request))),
            reflection_v1alpha: Box::new(move |request| answer_by(v1alpha.clone().call(request))),
        })
    }
}

fn answer_by(
    answer: impl Future<Output = Result<Response<tonic::body::Body>, Infallible>> + Send + 'static,
) -> Answer {
    Box::pin(async {
        match answer.await {
            Ok(response) => response,
        }
    })
}

/// One call: its headers are there, its messages are still to be read.
pub(super) struct Call {
    pub(super) context: Arc<Context>,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) reader: MessageReader<Incoming>,
    /// Compression of the answer.
    pub(super) encoding: Option<Encoding>,
    pub(super) received: Timestamp,
    /// How long the client will wait from `received` on, if it says.
    pub(super) timeout: Option<Duration>,
    pub(super) peer: SocketAddr,
}

/// Answers one call, whatever it is.
pub(super) async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    context: Arc<Context>,
) -> Result<Response<ReplyBody>, Infallible> {
    let received = Clock::now();
    if let Some(refusal) = refuse_other_http(&request) {
        return Ok(refusal);
    }
    if request.uri().path().starts_with("/grpc.reflection.") {
        return Ok(reflect(request, &context).await);
    }
    let call = match Call::new(request, peer, context, received) {
        Ok(call) => call,
        Err(status) => return Ok(reply::error(&status)),
    };
    // The other calls are rare and boxed, so that the common one's future stays small.
    Ok(match call.path.strip_prefix(INFERENCE) {
        Some("ModelInfer") => infer::model_infer(call).await,
        Some("ModelStreamInfer") => stream::model_stream_infer(call),
        Some(_) => Box::pin(inference(call)).await,
        None => Box::pin(health(call)).await,
    })
}

/// The calls about the server and its models.
async fn inference(call: Call) -> Response<ReplyBody> {
    let name = call.path.strip_prefix(INFERENCE).unwrap_or_default();
    if matches!(name, "RepositoryModelLoad" | "RepositoryModelUnload")
        && let Err(status) = call.may_change()
    {
        return call.refuse(&status);
    }
    match name {
        "ServerLive" => call.unary(control::server_live).await,
        "ServerReady" => call.unary(control::server_ready).await,
        "ModelReady" => call.unary(control::model_ready).await,
        "ServerMetadata" => call.unary(control::server_metadata).await,
        "ModelMetadata" => call.unary(control::model_metadata).await,
        "ModelConfig" => call.unary(control::model_config).await,
        "ModelStatistics" => call.unary(control::model_statistics).await,
        "LogSettings" => {
            let may_change = call.may_change();
            call.unary(|request, context| control::log_settings(request, context, may_change)).await
        }
        "RepositoryIndex" => call.unary(repository::index).await,
        "RepositoryModelLoad" => call.unary(repository::load).await,
        "RepositoryModelUnload" => call.unary(repository::unload).await,
        "SystemSharedMemoryStatus"
        | "SystemSharedMemoryRegister"
        | "SystemSharedMemoryUnregister"
        | "CudaSharedMemoryStatus"
        | "CudaSharedMemoryRegister"
        | "CudaSharedMemoryUnregister" => {
            let why = "shared memory is not supported; send tensors in the messages";
            call.refuse(&Status::unimplemented(why))
        }
        "TraceSetting" => {
            let may_change = call.may_change();
            call.unary(|request, context| trace::setting(request, context, may_change)).await
        }
        _ => call.refuse_unknown(),
    }
}

async fn health(call: Call) -> Response<ReplyBody> {
    match call.path.strip_prefix(HEALTH) {
        Some("Check") => call.unary(health::check).await,
        Some("Watch") => health::watch(call).await,
        _ => call.refuse_unknown(),
    }
}

async fn reflect(request: Request<Incoming>, context: &Context) -> Response<ReplyBody> {
    let path = request.uri().path();
    let reflection = if path.starts_with(REFLECTION_V1) {
        &context.reflection_v1
    } else if path.starts_with(REFLECTION_V1ALPHA) {
        &context.reflection_v1alpha
    } else {
        return reply::error(&Status::unimplemented(format!("unknown method {path}")));
    };
    reflection(request).await.map(ReplyBody::Foreign)
}

/// The answer to what is HTTP/2, but not gRPC.
fn refuse_other_http(request: &Request<Incoming>) -> Option<Response<ReplyBody>> {
    let content_type = request.headers().get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    let status = if request.method() != Method::POST {
        StatusCode::METHOD_NOT_ALLOWED
    } else if content_type.is_none_or(|value| !value.starts_with(b"application/grpc")) {
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    } else {
        return None;
    };
    let mut response = Response::new(ReplyBody::Empty);
    *response.status_mut() = status;
    Some(response)
}

impl Call {
    fn new(
        request: Request<Incoming>,
        peer: SocketAddr,
        context: Arc<Context>,
        received: Timestamp,
    ) -> Result<Self, Status> {
        let (parts, body) = request.into_parts();
        let request_encoding = encoding::of_request(&parts.headers)?;
        Ok(Self {
            reader: MessageReader::new(body, request_encoding, context.limits.message_bytes_max),
            path: parts.uri.path().to_owned(),
            encoding: encoding::of_response(request_encoding, &parts.headers),
            timeout: timeout(&parts.headers)?,
            headers: parts.headers,
            context,
            received,
            peer,
        })
    }

    /// Reads the only message of the call.
    pub(super) async fn message<M: Message + Default>(&mut self) -> Result<M, Status> {
        let message = self.reader.only(self.context.limits.body_idle_timeout).await?;
        M::decode(message)
            .map_err(|error| Status::invalid_argument(format!("message is not valid: {error}")))
    }

    /// Answers a call of one message by one message.
    async fn unary<Q, R, F>(
        mut self,
        handle: impl FnOnce(Q, Arc<Context>) -> F,
    ) -> Response<ReplyBody>
    where
        Q: Message + Default,
        R: Message,
        F: Future<Output = Result<R, Status>>,
    {
        let timeout = self.timeout;
        let answer = within(timeout, async {
            let request = self.message().await?;
            handle(request, Arc::clone(&self.context)).await
        });
        let answer = answer.await.and_then(|message| self.outgoing(&message));
        self.log(&mut Identity::default(), &answer);
        match answer {
            Ok(message) => reply::unary(message, self.encoding),
            Err(status) => reply::error(&status),
        }
    }

    fn outgoing(&self, message: &impl Message) -> Result<Outgoing, Status> {
        Outgoing::new(message, &[], self.encoding, self.context.limits.message_bytes_max)
    }

    /// Whether the caller may change models and settings.
    fn may_change(&self) -> Result<(), Status> {
        let allowed = self.context.state.control.check(&self.headers);
        allowed.map_err(|forbidden| control_status(&forbidden))
    }

    fn refuse(self, status: &Status) -> Response<ReplyBody> {
        self.log(&mut Identity::default(), &Err(status.clone()));
        reply::error(status)
    }

    fn refuse_unknown(self) -> Response<ReplyBody> {
        let why = format!("unknown method {}", self.path);
        self.refuse(&Status::unimplemented(why))
    }

    /// Writes down how it went, where anybody wants to know.
    pub(super) fn log(&self, identity: &mut Identity, answer: &Result<Outgoing, Status>) {
        let Self { path, peer, received, .. } = self;
        let bytes_in = self.reader.bytes_read();
        let logged = Logged { path, peer: *peer, received: *received, bytes_in };
        log_call(&self.context, &logged, identity, answer);
    }
}

/// What the access log says of a call besides its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Logged<'a> {
    pub(super) path: &'a str,
    pub(super) peer: SocketAddr,
    pub(super) received: Timestamp,
    pub(super) bytes_in: usize,
}

/// Writes down how a call went, where anybody wants to know.
pub(super) fn log_call(
    context: &Context,
    logged: &Logged<'_>,
    identity: &mut Identity,
    answer: &Result<Outgoing, Status>,
) {
    let observed = identity.observed.take();
    if observed.is_none() && !context.state.access_log {
        return;
    }
    let code = answer.as_ref().err().map_or(Code::Ok, Status::code);
    let outcome = Outcome {
        status: u16::try_from(code as i32).unwrap_or(0),
        bytes_in: logged.bytes_in,
        bytes_out: answer.as_ref().map_or(0, Outgoing::len),
        ended: Clock::now(),
    };
    match observed {
        Some(observed) => observed.finish(identity.stopwatch, outcome),
        None => log_other(logged, identity, outcome),
    }
}

/// Writes a line about a call that is no inference, or whose message says nothing.
fn log_other(logged: &Logged<'_>, identity: &Identity, outcome: Outcome) {
    let Outcome { status, bytes_in, bytes_out, ended } = outcome;
    access::log(&Access {
        protocol: Protocol::Grpc,
        call: logged.path,
        model: &identity.model,
        version: None,
        request_id: &identity.id,
        status,
        bytes_in,
        bytes_out,
        duration: ended.since(logged.received),
        timing: Timing::default(),
        trace_id: None,
        peer: logged.peer,
    });
}

/// Drops `work` when the client's time is over: nobody waits for its result.
pub(super) async fn within<T>(
    timeout: Option<Duration>,
    work: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    let Some(timeout) = timeout else { return work.await };
    match tokio::time::timeout(timeout, work).await {
        Ok(result) => result,
        Err(_) => Err(deadline_exceeded()),
    }
}

pub(super) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("the call's deadline has passed")
}

/// Value of `grpc-timeout`: at most eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(parse_timeout);
    parsed.map(Some).ok_or_else(|| {
        Status::invalid_argument(format!(
            "grpc-timeout {value:?} must be 1 to 8 digits and one of H, M, S, m, u, n"
        ))
    })
}

fn parse_timeout(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
