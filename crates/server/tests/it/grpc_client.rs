//! Clients and messages for the gRPC tests.

use std::net::SocketAddr;

use bytes::Bytes;
use protocol::grpc::{
    InferParameter, ModelInferRequest, ModelInferResponse,
    grpc_inference_service_client::GrpcInferenceServiceClient, infer_parameter::ParameterChoice,
    model_infer_request::InferInputTensor,
};
use tonic::transport::{Channel, Endpoint};

use crate::fixture::{ECHO, float_bytes};

pub(crate) type Client = GrpcInferenceServiceClient<Channel>;

/// A connection of its own.
pub(crate) async fn channel(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

pub(crate) async fn client(address: SocketAddr) -> Client {
    const MESSAGE_BYTES_MAX: usize = 64 << 20;
    GrpcInferenceServiceClient::new(channel(address).await)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

/// A request for the echo model.
pub(crate) fn echo_request(id: &str, rows: usize, values: &[f32]) -> ModelInferRequest {
    let shape = [rows, values.len() / rows].map(|dim| i64::try_from(dim).unwrap());
    raw_request(ECHO, id, "INPUT", "FP32", &shape, float_bytes(values))
}

/// A request with one raw input.
pub(crate) fn raw_request(
    model: &str,
    id: &str,
    input: &str,
    datatype: &str,
    shape: &[i64],
    raw: Bytes,
) -> ModelInferRequest {
    ModelInferRequest {
        model_name: model.into(),
        id: id.into(),
        inputs: vec![InferInputTensor {
            name: input.into(),
            datatype: datatype.into(),
            shape: shape.to_vec(),
            ..InferInputTensor::default()
        }],
        raw_input_contents: vec![raw],
        ..ModelInferRequest::default()
    }
}

pub(crate) fn with_parameter(
    mut request: ModelInferRequest,
    name: &str,
    choice: ParameterChoice,
) -> ModelInferRequest {
    let parameter = InferParameter { parameter_choice: Some(choice) };
    request.parameters.insert(name.to_owned(), parameter);
    request
}

/// The floats of the first output.
pub(crate) fn floats(response: &ModelInferResponse) -> Vec<f32> {
    let (chunks, []) = response.raw_output_contents[0].as_chunks() else { panic!("not floats") };
    chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// A parameter of a response.
pub(crate) fn parameter(response: &ModelInferResponse, name: &str) -> Option<ParameterChoice> {
    response.parameters.get(name)?.parameter_choice.clone()
}
