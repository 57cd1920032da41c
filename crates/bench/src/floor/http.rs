use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};

use super::documents;
use crate::clock::now;

const HEADER_LENGTH: &str = "inference-header-content-length";

/// Bytes of a request that are held; more than any payload here.
const BODY_BYTES_MAX: usize = 64 << 20;

#[derive(Deserialize)]
struct InferRequest {
    #[serde(default)]
    id: String,
    inputs: Vec<InputTensor>,
}

#[derive(Deserialize)]
struct InputTensor {
    datatype: String,
    shape: Vec<i64>,
    #[serde(default)]
    data: Vec<f32>,
    #[serde(default)]
    parameters: TensorParameters,
}

#[derive(Default, Deserialize, Serialize)]
struct TensorParameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_data_size: Option<usize>,
}

#[derive(Serialize)]
struct InferResponse<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    model_name: &'a str,
    model_version: &'a str,
    outputs: Vec<OutputTensor>,
}

#[derive(Serialize)]
struct OutputTensor {
    name: String,
    datatype: String,
    shape: Vec<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Vec<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<TensorParameters>,
}

/// A time in which the server answers no inference: what a load generator must not overlook.
#[derive(Debug)]
pub(crate) struct Stall {
    /// From the first inference to its begin.
    pub(crate) after: Duration,
    /// How long it lasts.
    pub(crate) length: Duration,
    begin: OnceLock<Instant>,
}

impl Stall {
    /// A stall that has not begun.
    pub(crate) fn new(after: Duration, length: Duration) -> Self {
        Self { after, length, begin: OnceLock::new() }
    }

    /// Waits if the server stalls now.
    async fn pass(&self) {
        let begin = *self.begin.get_or_init(|| now() + self.after);
        let (now, end) = (now(), begin + self.length);
        if now >= begin && now < end {
            tokio::time::sleep_until(end.into()).await;
        }
    }
}

/// Answers `POST .../infer` with its own tensors, and what it is asked about itself.
pub(crate) async fn serve(listener: TcpListener, stall: Option<Arc<Stall>>) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, stall.clone()));
    }
}

async fn connection(stream: TcpStream, stall: Option<Arc<Stall>>) {
    let service = service_fn(|request| handle(request, stall.as_deref()));
    // A client that goes away is no event here.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn handle(
    request: Request<Incoming>,
    stall: Option<&Stall>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if model_name(request.uri().path()).is_none() {
        let document = documents::document(request.method(), request.uri().path());
        let (status, text) = documents::answer(document);
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        return Ok(response);
    }
    if let Some(stall) = stall {
        stall.pass().await;
    }
    Ok(infer(request).await.unwrap_or_else(|error| {
        let mut response = Response::new(Full::from(error.to_string()));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
    }))
}

async fn infer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let model = model_name(head.uri.path()).context("the path is not /v2/models/NAME/infer")?;
    let body = http_body_util::Limited::new(body, BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
    match head.headers.get(HEADER_LENGTH) {
        Some(length) => echo_binary(model, length.to_str()?.parse()?, &body),
        None => echo_json(model, &body),
    }
}

fn model_name(path: &str) -> Option<&str> {
    path.strip_prefix("/v2/models/")?.strip_suffix("/infer")
}

fn echo_json(model: &str, body: &[u8]) -> Result<Response<Full<Bytes>>> {
    let request: InferRequest = serde_json::from_slice(body)?;
    let outputs = request.inputs.into_iter().enumerate();
    let outputs = outputs.map(|(index, input)| OutputTensor {
        name: format!("OUTPUT{index}"),
        datatype: input.datatype,
        shape: input.shape,
        data: Some(input.data),
        parameters: None,
    });
    let body = response(model, &request.id, outputs.collect())?;
    let mut response = Response::new(Full::from(body));
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

fn echo_binary(model: &str, head: usize, body: &[u8]) -> Result<Response<Full<Bytes>>> {
    let (head, mut rest) = body.split_at_checked(head).context("the header is cut off")?;
    let request: InferRequest = serde_json::from_slice(head)?;
    let mut tensors: Vec<Vec<u8>> = Vec::with_capacity(request.inputs.len());
    let mut outputs = Vec::with_capacity(request.inputs.len());
    for (index, input) in request.inputs.into_iter().enumerate() {
        let size = input.parameters.binary_data_size.context("binary_data_size is missing")?;
        let (data, tail) = rest.split_at_checked(size).context("the tensors are cut off")?;
        rest = tail;
        // The buffer that an engine would read from, and write to.
        tensors.push(data.to_vec());
        outputs.push(OutputTensor {
            name: format!("OUTPUT{index}"),
            datatype: input.datatype,
            shape: input.shape,
            data: None,
            parameters: Some(TensorParameters { binary_data_size: Some(size) }),
        });
    }
    let mut body = response(model, &request.id, outputs)?;
    let header_length = HeaderValue::from(body.len());
    body.reserve_exact(tensors.iter().map(Vec::len).sum());
    tensors.iter().for_each(|tensor| body.extend_from_slice(tensor));
    let mut response = Response::new(Full::from(body));
    let content_type = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(HEADER_LENGTH, header_length);
    Ok(response)
}

fn response(model: &str, id: &str, outputs: Vec<OutputTensor>) -> Result<Vec<u8>> {
    let response = InferResponse { id, model_name: model, model_version: "1", outputs };
    Ok(serde_json::to_vec(&response)?)
}
