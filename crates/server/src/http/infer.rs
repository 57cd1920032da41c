//! `POST /v2/models/M/infer`.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use protocol::rest::{
    self, DecodeLimits, Encoded, RequestedOutput, ResponseHead, ResponseOutput, RestInferRequest,
    decode_infer, decode_raw, encode_infer,
};
use serving::{InferRequest, InferResponse, Model, NamedTensor, ParameterValue, Timestamp};
use smallvec::SmallVec;

use super::{
    answer::Exchange,
    encoding,
    refusal::Refusal,
    reply::{JSON, ReplyBody},
};
use crate::{
    access,
    classification::classify,
    compression::Encoding,
    record::Observed,
    timing::{EXPLAIN_HEADER, Stopwatch, TIMING_HEADER, server_timing},
};

const HEADER_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
const EXPLAIN: HeaderName = HeaderName::from_static(EXPLAIN_HEADER);
const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Binary outputs up to this size together are copied behind the JSON: one piece is cheaper to send
/// than two.
const JOIN_BYTES_MAX: usize = 16 << 10;

/// How the client wants its outputs.
#[derive(Debug, Default)]
struct Wishes {
    id: String,
    /// In the order of the outputs; empty if all are wanted.
    outputs: SmallVec<[OutputWish; 4]>,
    /// For outputs that do not say.
    binary: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct OutputWish {
    binary: Option<bool>,
    /// How many classes in place of the values; 0 is the values.
    classes: usize,
}

/// Answers one inference.
pub(super) async fn infer(
    exchange: &mut Exchange,
    name: &str,
    version: &str,
) -> Result<Response<ReplyBody>, Refusal> {
    let model = exchange.context().state.repository.model(name, version)?;
    if model.is_decoupled() {
        return Err(Refusal::unsupported(
            "HTTP end point doesn't support models with decoupled transaction policy",
        ));
    }
    let header_length = header_length(&exchange.headers)?;
    begin(exchange);
    let body = exchange.read_body().await?;
    exchange.stopwatch.note_read();
    run_body(exchange, model, body, header_length).await
}

/// Answers an inference whose body is there already, in JSON.
pub(super) async fn run(
    exchange: &mut Exchange,
    model: Arc<Model>,
    body: Bytes,
) -> Result<Response<ReplyBody>, Refusal> {
    if model.is_decoupled() {
        return Err(Refusal::unsupported(
            "HTTP end point doesn't support models with decoupled transaction policy",
        ));
    }
    begin(exchange);
    // It is read again, so it stays plain.
    exchange.headers.remove(header::ACCEPT_ENCODING);
    exchange.stopwatch.note_read();
    run_body(exchange, model, body, None).await
}

fn begin(exchange: &mut Exchange) {
    let is_traced = exchange.observed.as_ref().is_some_and(Observed::is_traced);
    let is_timed = is_traced || is_explained(exchange);
    exchange.stopwatch = Stopwatch::new(is_timed, exchange.received);
}

async fn run_body(
    exchange: &mut Exchange,
    model: Arc<Model>,
    body: Bytes,
    header_length: Option<usize>,
) -> Result<Response<ReplyBody>, Refusal> {
    let (request, wishes) = decode(exchange, &model, body, header_length).await?;
    if let Some(observed) = &mut exchange.observed {
        observed.note_request(exchange.stopwatch, &model, &wishes.id, &request.inputs);
    }
    let response = model
        .infer(request)
        .await
        .inspect_err(|error| access::log_failure(&model, &wishes.id, error))?;
    if let Some(observed) = &mut exchange.observed {
        observed.note_response(&response);
    }
    answer(exchange, model, wishes, response).await
}

/// Whether the client wants to know where its time goes.
fn is_explained(exchange: &Exchange) -> bool {
    exchange.headers.get(EXPLAIN).is_some_and(|value| value == "1")
}

/// Value of `Inference-Header-Content-Length`.
fn header_length(headers: &HeaderMap) -> Result<Option<usize>, Refusal> {
    let Some(value) = headers.get(HEADER_LENGTH) else { return Ok(None) };
    let text = value.to_str().unwrap_or("?");
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(Some).ok_or_else(|| {
        Refusal::bad_request(format!(
            "Inference-Header-Content-Length is `{text}`; it takes the number of bytes of JSON at \
             the start of the body"
        ))
    })
}

async fn decode(
    exchange: &Exchange,
    model: &Model,
    body: Bytes,
    header_length: Option<usize>,
) -> Result<(InferRequest, Wishes), Refusal> {
    if header_length == Some(0) {
        return decode_only_input(model, body, exchange.received);
    }
    let context = exchange.context();
    let limits = DecodeLimits {
        json_tensor_bytes: context.limits.body_bytes_max,
        ..DecodeLimits::default()
    };
    let json_len = header_length.unwrap_or(body.len());
    let decode = move || decode_infer(body, header_length, &limits);
    let decoded = context.offload.run(json_len, decode).await?;
    Ok(split(decoded, exchange.received))
}

fn decode_only_input(
    model: &Model,
    body: Bytes,
    received: Timestamp,
) -> Result<(InferRequest, Wishes), Refusal> {
    let [input] = model.inputs() else {
        return Err(Refusal::bad_request(format!(
            "a raw request needs a model with one input, '{}' has {}; send JSON before the tensors \
             and its length in Inference-Header-Content-Length",
            model.name(),
            model.inputs().len()
        )));
    };
    let tensor = decode_raw(body, input.data_type, &input.dims, model.batches())?;
    let inputs = vec![NamedTensor { name: input.name.clone(), tensor }];
    let request = InferRequest { inputs, received, ..InferRequest::default() };
    Ok((request, Wishes { binary: true, ..Wishes::default() }))
}

/// What the core has to know, and what only the answer needs.
fn split(decoded: RestInferRequest, received: Timestamp) -> (InferRequest, Wishes) {
    let RestInferRequest { id, inputs, outputs, binary_data_output, .. } = decoded;
    let wish = |output: &RequestedOutput| OutputWish {
        binary: output.binary_data,
        classes: output.classification,
    };
    let wishes = Wishes {
        id: id.clone(),
        outputs: outputs.iter().map(wish).collect(),
        binary: binary_data_output,
    };
    let inputs =
        inputs.into_iter().map(|input| NamedTensor { name: input.name, tensor: input.tensor });
    let parameters = decoded.parameters.into_iter().map(|(name, value)| (name, parameter(value)));
    let request = InferRequest {
        id,
        inputs: inputs.collect(),
        outputs: outputs.into_iter().map(|output| output.name).collect(),
        priority: decoded.priority,
        timeout: decoded.timeout,
        parameters: parameters.collect(),
        received,
    };
    (request, wishes)
}

fn parameter(value: rest::ParameterValue) -> ParameterValue {
    match value {
        rest::ParameterValue::Bool(value) => ParameterValue::Bool(value),
        rest::ParameterValue::Int(value) => ParameterValue::Int(value),
        rest::ParameterValue::Uint(value) => ParameterValue::Uint(value),
        rest::ParameterValue::Double(value) => ParameterValue::Double(value),
        rest::ParameterValue::String(value) => ParameterValue::String(value),
    }
}

async fn answer(
    exchange: &mut Exchange,
    model: Arc<Model>,
    wishes: Wishes,
    response: InferResponse,
) -> Result<Response<ReplyBody>, Refusal> {
    exchange.stopwatch.note_resumed();
    let timing = response.timing;
    let compression = encoding::of_response(&exchange.headers);
    let effort = effort(&wishes, &response, compression.is_some());
    let work = move || encode(&model, &wishes, response, compression);
    let mut response = exchange.context().offload.run(effort, work).await?;
    exchange.stopwatch.note_encoded();
    if exchange.stopwatch.is_on() && is_explained(exchange) {
        let text = server_timing(&timing, &exchange.stopwatch);
        if let Ok(value) = HeaderValue::try_from(text) {
            response.headers_mut().insert(TIMING_HEADER, value);
        }
    }
    Ok(response)
}

/// Bytes that have to be gone through to write the answer.
fn effort(wishes: &Wishes, response: &InferResponse, is_compressed: bool) -> usize {
    let outputs = response.outputs.iter().enumerate();
    let written = outputs.filter(|(index, _)| is_compressed || !wishes.of(*index).0);
    written.map(|(_, output)| output.tensor.data().len()).sum()
}

impl Wishes {
    /// Whether an output is wanted as binary data, and how many classes in place of its values.
    fn of(&self, index: usize) -> (bool, usize) {
        let wish = self.outputs.get(index).copied().unwrap_or_default();
        (wish.binary.unwrap_or(self.binary), wish.classes)
    }
}

fn encode(
    model: &Model,
    wishes: &Wishes,
    mut response: InferResponse,
    compression: Option<Encoding>,
) -> Result<Response<ReplyBody>, Refusal> {
    for (index, output) in response.outputs.iter_mut().enumerate() {
        let (_, classes) = wishes.of(index);
        if classes > 0 {
            let label = |class| model.label(&output.name, class);
            output.tensor = classify(&output.tensor, classes, model.batches(), label)?;
        }
    }
    let head = ResponseHead {
        id: &wishes.id,
        model_name: model.name(),
        model_version: model.version_text(),
        parameters: &[],
    };
    let outputs: SmallVec<[ResponseOutput<'_>; 4]> = response
        .outputs
        .iter()
        .enumerate()
        .map(|(index, NamedTensor { name, tensor })| ResponseOutput {
            name,
            tensor,
            binary: wishes.of(index).0,
        })
        .collect();
    Ok(into_response(encode_infer(&head, &outputs)?, compression))
}

fn into_response(encoded: Encoded, compression: Option<Encoding>) -> Response<ReplyBody> {
    let header_length = encoded.header_length;
    let compression = compression.filter(|_| encoding::pays(encoded.byte_len()));
    let body = match compression {
        Some(encoding) => {
            let binary = encoded.binary.iter().map(|piece| &**piece);
            let mut compressed = Vec::new();
            encoding.compress([&*encoded.json].into_iter().chain(binary), &mut compressed);
            ReplyBody::from(Bytes::from(compressed))
        }
        None => body(encoded),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let content_type = if header_length.is_some() { BINARY } else { JSON };
    headers.insert(header::CONTENT_TYPE, content_type);
    if let Some(header_length) = header_length {
        headers.insert(HEADER_LENGTH, HeaderValue::from(header_length));
    }
    if let Some(encoding) = compression {
        headers.insert(header::CONTENT_ENCODING, encoding.header_value());
    }
    response
}

fn body(encoded: Encoded) -> ReplyBody {
    let Encoded { mut json, binary, .. } = encoded;
    let binary_len: usize = binary.iter().map(Bytes::len).sum();
    if binary_len <= JOIN_BYTES_MAX {
        binary.iter().for_each(|piece| json.extend_from_slice(piece));
        return ReplyBody::from(Bytes::from(json));
    }
    let binary = binary.into_iter().filter(|piece| !piece.is_empty());
    ReplyBody::of_pieces([Bytes::from(json)].into_iter().chain(binary).collect())
}
