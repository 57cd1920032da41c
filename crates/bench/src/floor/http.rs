use std::convert::Infallible;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};

const HEADER_LENGTH: &str = "inference-header-content-length";

/// Bytes of a request that are held; more than any payload here.
const BODY_BYTES_MAX: usize = 64 << 20;

#[derive(Deserialize)]
struct InferRequest {
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

/// Answers `POST .../infer` with its own tensors and every `GET` with an empty 200.
pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream));
    }
}

async fn connection(stream: TcpStream) {
    // A client that goes away is no event here.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(handle)).await;
}

async fn handle(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::GET {
        return Ok(Response::default());
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
    let body = response(model, outputs.collect())?;
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
    let mut body = response(model, outputs)?;
    let header_length = HeaderValue::from(body.len());
    body.reserve_exact(tensors.iter().map(Vec::len).sum());
    tensors.iter().for_each(|tensor| body.extend_from_slice(tensor));
    let mut response = Response::new(Full::from(body));
    let content_type = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(HEADER_LENGTH, header_length);
    Ok(response)
}

fn response(model: &str, outputs: Vec<OutputTensor>) -> Result<Vec<u8>> {
    let response = InferResponse { model_name: model, model_version: "1", outputs };
    Ok(serde_json::to_vec(&response)?)
}
