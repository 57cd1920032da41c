//! `ModelInfer`, and what it shares with `ModelStreamInfer`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use prost::Message as _;
use protocol::grpc::ModelInferRequest;
use serving::{InferResponse, Model, Timestamp};
use tonic::Status;

use super::{
    decode::{self, Decoded},
    dispatch::{Call, Context, within},
    encode,
    reply::{self, ReplyBody},
};
use crate::{
    access,
    status::grpc_status,
    timing::{EXPLAIN_HEADER, Stopwatch, TIMING_HEADER, server_timing},
};

/// A model's answer, not yet encoded.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) model: Arc<Model>,
    pub(super) id: String,
    pub(super) classifications: Vec<(String, usize)>,
    pub(super) response: InferResponse,
}

/// What is known of a request, for logs, also if it fails.
#[derive(Debug, Default)]
pub(super) struct Identity {
    pub(super) model: String,
    pub(super) id: String,
}

/// Answers one inference.
pub(super) async fn model_infer(mut call: Call) -> Response<ReplyBody> {
    let mut identity = Identity::default();
    let timeout = call.timeout;
    let mut stopwatch = Stopwatch::new(is_explained(&call.headers), call.received);
    let answered = within(timeout, run_call(&mut call, &mut identity, &mut stopwatch)).await;
    stopwatch.note_resumed();
    let mut explanation = None;
    let answer = answered.and_then(|answered| {
        let timing = answered.response.timing;
        let message =
            encode::unary(answered, call.encoding, call.context.limits.message_bytes_max)?;
        stopwatch.note_encoded();
        explanation = stopwatch.is_on().then(|| server_timing(&timing, &stopwatch));
        Ok(message)
    });
    call.log(&identity, &answer);
    let mut response = match answer {
        Ok(message) => reply::unary(message, call.encoding),
        Err(status) => reply::error(&status),
    };
    if let Some(value) = explanation.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(TIMING_HEADER, value);
    }
    response
}

async fn run_call(
    call: &mut Call,
    identity: &mut Identity,
    stopwatch: &mut Stopwatch,
) -> Result<Answered, Status> {
    let message = call.reader.only(call.context.limits.body_idle_timeout).await?;
    stopwatch.note_read();
    run(&call.context, message, call.received, call.timeout, identity).await
}

/// Whether the client wants to know where its time goes.
pub(super) fn is_explained(headers: &HeaderMap) -> bool {
    headers.get(EXPLAIN_HEADER).is_some_and(|value| value == "1")
}

/// Decodes a message, infers and returns the answer.
///
/// # Errors
///
/// As the client is to get them.
pub(super) async fn run(
    context: &Context,
    message: Bytes,
    received: Timestamp,
    timeout: Option<Duration>,
    identity: &mut Identity,
) -> Result<Answered, Status> {
    let message = ModelInferRequest::decode(message)
        .map_err(|error| Status::invalid_argument(format!("message is not valid: {error}")))?;
    identity.model.clone_from(&message.model_name);
    identity.id.clone_from(&message.id);
    let decoded = decode::infer_request(message, received).map_err(|error| grpc_status(&error))?;
    let Decoded { model, version, mut request, classifications } = decoded;
    let model =
        context.state.repository.model(&model, &version).map_err(|error| grpc_status(&error))?;
    if model.is_decoupled() {
        return Err(Status::unimplemented(
            "ModelInfer RPC doesn't support models with decoupled transaction policy",
        ));
    }
    request.timeout = sooner(request.timeout, timeout);
    let id = std::mem::take(&mut request.id);
    let response = model.infer(request).await.map_err(|error| {
        access::log_failure(&model, &id, &error);
        grpc_status(&error)
    })?;
    Ok(Answered { model, id, classifications, response })
}

fn sooner(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
