use anyhow::{Context, Result};
use bytes::{BufMut, Bytes, BytesMut};
use clap::ValueEnum;
use prost::Message;
use protocol::grpc::{
    ModelInferRequest,
    model_infer_request::{InferInputTensor, InferRequestedOutputTensor},
};
use serde::Serialize;

use super::{Input, Payload, Values};

/// How a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// REST, tensors behind the JSON.
    Binary,
    /// REST, tensors in the JSON.
    Json,
    /// gRPC, raw tensors.
    Grpc,
}

impl Protocol {
    /// Every one, in the order of the tables.
    pub(crate) const ALL: [Self; 3] = [Self::Binary, Self::Json, Self::Grpc];

    /// For tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Binary => "binary REST",
            Self::Json => "JSON",
            Self::Grpc => "gRPC",
        }
    }
}

/// One request as it is written to a connection.
#[derive(Clone, Debug)]
pub(crate) enum Wire {
    /// A whole HTTP/1.1 request.
    Http(Bytes),
    /// A length-prefixed gRPC message.
    Grpc(Bytes),
}

impl Wire {
    /// Builds the request.
    pub(crate) fn new(payload: &Payload, protocol: Protocol) -> Result<Self> {
        match protocol {
            Protocol::Binary => Ok(Self::Http(binary(payload)?)),
            Protocol::Json => Ok(Self::Http(json(payload)?)),
            Protocol::Grpc => Ok(Self::Grpc(grpc(payload)?)),
        }
    }

    /// A request without a body.
    pub(crate) fn get(path: &str) -> Self {
        Self::Http(format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").into())
    }
}

/// The JSON of a request, its keys in the order in which Triton's own clients write them.
#[derive(Serialize)]
struct JsonRequest<'a> {
    inputs: Vec<JsonInput<'a>>,
    outputs: [JsonOutput<'a>; 1],
}

#[derive(Serialize)]
struct JsonInput<'a> {
    name: &'a str,
    shape: &'a [usize],
    datatype: &'a str,
    #[serde(flatten)]
    content: JsonContent<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum JsonContent<'a> {
    Data(&'a Values),
    Parameters { binary_data_size: usize },
}

#[derive(Serialize)]
struct JsonOutput<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<JsonOutputParameters>,
}

#[derive(Serialize)]
struct JsonOutputParameters {
    binary_data: bool,
}

fn binary(payload: &Payload) -> Result<Bytes> {
    let content =
        |input: &Input| JsonContent::Parameters { binary_data_size: input.values.to_bytes().len() };
    let parameters = Some(JsonOutputParameters { binary_data: true });
    let outputs = [JsonOutput { name: &payload.output, parameters }];
    let inputs = payload.inputs.iter().map(|input| json_input(input, content(input))).collect();
    let mut body = serde_json::to_vec(&JsonRequest { inputs, outputs })?;
    let header_length = format!("inference-header-content-length: {}\r\n", body.len());
    payload.inputs.iter().for_each(|input| body.extend(input.values.to_bytes()));
    Ok(post(&payload.model, "application/octet-stream", &header_length, &body))
}

fn json(payload: &Payload) -> Result<Bytes> {
    let inputs = payload.inputs.iter();
    let inputs = inputs.map(|input| json_input(input, JsonContent::Data(&input.values))).collect();
    let outputs = [JsonOutput { name: &payload.output, parameters: None }];
    let body = serde_json::to_vec(&JsonRequest { inputs, outputs })?;
    Ok(post(&payload.model, "application/json", "", &body))
}

fn json_input<'a>(input: &'a Input, content: JsonContent<'a>) -> JsonInput<'a> {
    let datatype = input.values.datatype();
    JsonInput { name: &input.name, shape: &input.shape, datatype, content }
}

fn post(model: &str, content_type: &str, headers: &str, body: &[u8]) -> Bytes {
    let mut request = BytesMut::from(
        format!(
            "POST /v2/models/{model}/infer HTTP/1.1\r\nhost: 127.0.0.1\r\n\
             content-type: {content_type}\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        )
        .as_bytes(),
    );
    request.extend_from_slice(body);
    request.freeze()
}

fn grpc(payload: &Payload) -> Result<Bytes> {
    let mut inputs = Vec::with_capacity(payload.inputs.len());
    for input in &payload.inputs {
        let shape = input.shape.iter().map(|dim| i64::try_from(*dim));
        inputs.push(InferInputTensor {
            name: input.name.clone(),
            datatype: input.values.datatype().to_owned(),
            shape: shape.collect::<Result<_, _>>()?,
            ..InferInputTensor::default()
        });
    }
    let request = ModelInferRequest {
        model_name: payload.model.clone(),
        inputs,
        outputs: vec![InferRequestedOutputTensor {
            name: payload.output.clone(),
            ..InferRequestedOutputTensor::default()
        }],
        raw_input_contents: payload
            .inputs
            .iter()
            .map(|input| input.values.to_bytes().into())
            .collect(),
        ..ModelInferRequest::default()
    };
    framed(&request)
}

/// A gRPC message with its prefix: not compressed, and its length.
fn framed(message: &impl Message) -> Result<Bytes> {
    let length = u32::try_from(message.encoded_len()).context("the message exceeds 4 GiB")?;
    let mut frame = BytesMut::with_capacity(5 + message.encoded_len());
    frame.put_u8(0);
    frame.put_u32(length);
    message.encode(&mut frame)?;
    Ok(frame.freeze())
}
