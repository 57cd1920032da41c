//! `ModelInfer`, and what it shares with `ModelStreamInfer`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

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
    record::{Beginning, Observed, Protocol},
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

/// What is known of a request, also if it fails.
#[derive(Debug, Default)]
pub(super) struct Identity {
    pub(super) model: String,
    pub(super) id: String,
    /// What is written down of it, if anybody wants to know.
    pub(super) observed: Option<Observed>,
    pub(super) stopwatch: Stopwatch,
}

/// How a request came in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) peer: SocketAddr,
    pub(super) received: Timestamp,
    /// How long the client will wait from `received` on, if it says.
    pub(super) timeout: Option<Duration>,
}

/// Answers one inference.
pub(super) async fn model_infer(mut call: Call) -> Response<ReplyBody> {
    let mut identity = Identity::default();
    let timeout = call.timeout;
    let is_explained = is_explained(&call.headers);
    // Which model it is about, and so whether it is traced, is in the message.
    let is_timed = is_explained || call.context.state.tracer.is_on();
    identity.stopwatch = Stopwatch::new(is_timed, call.received);
    let answered = within(timeout, run_call(&mut call, &mut identity)).await;
    identity.stopwatch.note_resumed();
    let mut explanation = None;
    let answer = answered.and_then(|answered| {
        let timing = answered.response.timing;
        let message =
            encode::unary(answered, call.encoding, call.context.limits.message_bytes_max)?;
        identity.stopwatch.note_encoded();
        explanation = is_explained.then(|| server_timing(&timing, &identity.stopwatch));
        Ok(message)
    });
    call.log(&mut identity, &answer);
    let mut response = match answer {
        Ok(message) => reply::unary(message, call.encoding),
        Err(status) => reply::error(&status),
    };
    if let Some(value) = explanation.and_then(|text| HeaderValue::try_from(text).ok()) {
        response.headers_mut().insert(TIMING_HEADER, value);
    }
    response
}

async fn run_call(call: &mut Call, identity: &mut Identity) -> Result<Answered, Status> {
    let message = call.reader.only(call.context.limits.body_idle_timeout).await?;
    identity.stopwatch.note_read();
    let Call { path, headers, peer, received, timeout, .. } = call;
    let arrival = Arrival { path, headers, peer: *peer, received: *received, timeout: *timeout };
    run(&call.context, message, arrival, identity).await
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
    arrival: Arrival<'_>,
    identity: &mut Identity,
) -> Result<Answered, Status> {
    let Arrival { received, timeout, .. } = arrival;
    let message = ModelInferRequest::decode(message)
        .map_err(|error| Status::invalid_argument(format!("message is not valid: {error}")))?;
    identity.model.clone_from(&message.model_name);
    identity.id.clone_from(&message.id);
    identity.observe(context, arrival);
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
    if let Some(observed) = &mut identity.observed {
        observed.note_request(identity.stopwatch, &model, &id, &request.inputs);
    }
    let response = model.infer(request).await.map_err(|error| {
        access::log_failure(&model, &id, &error);
        grpc_status(&error)
    })?;
    if let Some(observed) = &mut identity.observed {
        observed.note_response(&response);
    }
    Ok(Answered { model, id, classifications, response })
}

impl Identity {
    /// Starts a record of the request, if anybody wants to know.
    fn observe(&mut self, context: &Context, arrival: Arrival<'_>) {
        let Arrival { path, headers, peer, received, .. } = arrival;
        self.observed = Observed::begin(
            &context.state,
            Beginning {
                protocol: Protocol::Grpc,
                method: "",
                path,
                model: &self.model,
                headers,
                peer,
                received,
            },
        );
    }
}

fn sooner(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
