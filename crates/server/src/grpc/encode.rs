//! From the core's answer to a message. Large output tensors are sent from where they are.

use bytes::Bytes;
use protocol::grpc::{
    InferParameter, ModelInferResponse, ModelStreamInferResponse, infer_parameter::ParameterChoice,
    model_infer_response::InferOutputTensor,
};
use serving::NamedTensor;
use tonic::Status;

use super::{
    infer::{Answered, Identity},
    reply::Outgoing,
};
use crate::{classification::classify, compression::Encoding, status::grpc_status};

/// Parameter of a stream's answer that says whether it is its request's last.
const FINAL_RESPONSE: &str = "triton_final_response";

/// The answer of `ModelInfer`.
///
/// # Errors
///
/// An output has no classes, or the message is too large.
pub(super) fn unary(
    answered: Answered,
    encoding: Option<Encoding>,
    bytes_max: usize,
) -> Result<Outgoing, Status> {
    let (message, raw) = infer_response(answered)?;
    Outgoing::new(&message, &raw, encoding, bytes_max)
}

/// One answer of `ModelStreamInfer`; `timing` is where the request's time went, if it asked.
///
/// # Errors
///
/// See [`unary`].
pub(super) fn streamed(
    answered: Answered,
    timing: Option<String>,
    encoding: Option<Encoding>,
    bytes_max: usize,
) -> Result<Outgoing, Status> {
    let (mut message, raw) = infer_response(answered)?;
    add_parameter(&mut message, FINAL_RESPONSE, ParameterChoice::BoolParam(true));
    if let Some(timing) = timing {
        let name = crate::timing::TIMING_HEADER;
        add_parameter(&mut message, name, ParameterChoice::StringParam(timing));
    }
    Outgoing::nested(&message, &raw, encoding, bytes_max)
}

/// The answer of `ModelStreamInfer` to a request that failed.
///
/// # Errors
///
/// The message is too large.
pub(super) fn streamed_error(
    identity: Identity,
    status: &Status,
    encoding: Option<Encoding>,
    bytes_max: usize,
) -> Result<Outgoing, Status> {
    let mut response = ModelInferResponse {
        model_name: identity.model,
        id: identity.id,
        ..ModelInferResponse::default()
    };
    add_parameter(&mut response, FINAL_RESPONSE, ParameterChoice::BoolParam(true));
    let message = ModelStreamInferResponse {
        error_message: status.message().to_owned(),
        infer_response: Some(response),
    };
    Outgoing::new(&message, &[], encoding, bytes_max)
}

/// The message without its raw contents, and these.
fn infer_response(answered: Answered) -> Result<(ModelInferResponse, Vec<Bytes>), Status> {
    let Answered { model, id, classifications, response } = answered;
    let mut outputs = Vec::with_capacity(response.outputs.len());
    let mut raw = Vec::with_capacity(response.outputs.len());
    for NamedTensor { name, mut tensor } in response.outputs {
        if let Some((_, classes)) = classifications.iter().find(|(output, _)| *output == name) {
            let label = |index| model.label(&name, index);
            tensor = classify(&tensor, *classes, model.batches(), label)
                .map_err(|error| grpc_status(&error))?;
        }
        outputs.push(InferOutputTensor {
            datatype: tensor.data_type().name().to_owned(),
            shape: tensor.shape().wire_dims().collect(),
            name,
            ..InferOutputTensor::default()
        });
        raw.push(tensor.into_data());
    }
    let message = ModelInferResponse {
        model_name: model.name().to_owned(),
        model_version: model.version_text().to_owned(),
        id,
        outputs,
        ..ModelInferResponse::default()
    };
    Ok((message, raw))
}

fn add_parameter(message: &mut ModelInferResponse, name: &str, choice: ParameterChoice) {
    let parameter = InferParameter { parameter_choice: Some(choice) };
    message.parameters.insert(name.to_owned(), parameter);
}
