//! From a request's message to what the core takes. Raw tensors are slices of the message.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use protocol::grpc::{
    InferParameter, InferTensorContents, ModelInferRequest,
    infer_parameter::ParameterChoice,
    model_infer_request::{InferInputTensor, InferRequestedOutputTensor},
};
use serving::{ErrorKind, InferRequest, NamedTensor, ParameterValue, ServeError, Timestamp};
use tensor::{DataType, Shape, Tensor, push_string};

/// A decoded request.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) model: String,
    /// Empty for the newest.
    pub(super) version: String,
    pub(super) request: InferRequest,
    /// Outputs that are wanted as classes, and how many.
    pub(super) classifications: Vec<(String, usize)>,
}

/// Takes a message apart.
///
/// # Errors
///
/// Names the field that is wrong and what would be right.
pub(super) fn infer_request(
    message: ModelInferRequest,
    received: Timestamp,
) -> Result<Decoded, ServeError> {
    let ModelInferRequest { model_name, model_version, id, .. } = message;
    let mut request = InferRequest { id, received, ..InferRequest::default() };
    apply_parameters(message.parameters, &mut request)?;
    request.inputs = inputs(message.inputs, message.raw_input_contents)?;
    let mut classifications = Vec::new();
    for output in message.outputs {
        if let Some(classes) = classes(&output)? {
            classifications.push((output.name.clone(), classes));
        }
        request.outputs.push(output.name);
    }
    Ok(Decoded { model: model_name, version: model_version, request, classifications })
}

fn apply_parameters(
    parameters: HashMap<String, InferParameter>,
    request: &mut InferRequest,
) -> Result<(), ServeError> {
    for (name, parameter) in parameters {
        let Some(choice) = parameter.parameter_choice else {
            return Err(ServeError::invalid(format!("parameter '{name}' has no value")));
        };
        match (&*name, choice) {
            ("priority", choice) => {
                request.priority = unsigned(&choice).ok_or_else(|| {
                    wrong_type("priority", "int64_param of 0 or more, or uint64_param")
                })?;
            }
            ("timeout", choice) => {
                let micros = unsigned(&choice).ok_or_else(|| {
                    wrong_type("timeout", "int64_param of microseconds, 0 or more")
                })?;
                request.timeout = (micros > 0).then(|| Duration::from_micros(micros));
            }
            ("sequence_id", choice) => check_no_sequence(&choice)?,
            // They say something about a sequence, and there is none.
            ("sequence_start" | "sequence_end", ParameterChoice::BoolParam(_)) => {}
            ("sequence_start" | "sequence_end", _) => return Err(wrong_type(&name, "bool_param")),
            // Nothing is final but the one answer.
            ("triton_enable_empty_final_response", ParameterChoice::BoolParam(_)) => {}
            ("triton_enable_empty_final_response", _) => {
                return Err(wrong_type(&name, "bool_param"));
            }
            (reserved, _) if reserved.starts_with("triton_") => {
                return Err(ServeError::invalid(format!(
                    "parameter keys starting with 'triton_' are reserved, but parameter '{reserved}' \
                     was given"
                )));
            }
            (_, choice) => request.parameters.push((name, value(choice))),
        }
    }
    // The message's map has no order; give the backend one.
    request.parameters.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(())
}

/// An id of 0 or without a character says that the request belongs to no sequence.
fn check_no_sequence(id: &ParameterChoice) -> Result<(), ServeError> {
    match id {
        ParameterChoice::Int64Param(0) => Ok(()),
        ParameterChoice::StringParam(id) if id.is_empty() => Ok(()),
        ParameterChoice::Int64Param(_) | ParameterChoice::StringParam(_) => Err(ServeError::new(
            ErrorKind::Unsupported,
            "parameter 'sequence_id': sequences are not supported; leave the parameter out",
        )),
        ParameterChoice::BoolParam(_)
        | ParameterChoice::Uint64Param(_)
        | ParameterChoice::DoubleParam(_) => {
            Err(wrong_type("sequence_id", "int64_param or string_param"))
        }
    }
}

fn unsigned(choice: &ParameterChoice) -> Option<u64> {
    match choice {
        ParameterChoice::Uint64Param(value) => Some(*value),
        ParameterChoice::Int64Param(value) => u64::try_from(*value).ok(),
        ParameterChoice::BoolParam(_)
        | ParameterChoice::StringParam(_)
        | ParameterChoice::DoubleParam(_) => None,
    }
}

fn wrong_type(name: &str, expected: &str) -> ServeError {
    ServeError::invalid(format!("invalid value for parameter '{name}': expected {expected}"))
}

fn value(choice: ParameterChoice) -> ParameterValue {
    match choice {
        ParameterChoice::BoolParam(value) => ParameterValue::Bool(value),
        ParameterChoice::Int64Param(value) => ParameterValue::Int(value),
        ParameterChoice::Uint64Param(value) => ParameterValue::Uint(value),
        ParameterChoice::DoubleParam(value) => ParameterValue::Double(value),
        ParameterChoice::StringParam(value) => ParameterValue::String(value),
    }
}

fn classes(output: &InferRequestedOutputTensor) -> Result<Option<usize>, ServeError> {
    check_no_shared_memory("output", &output.name, &output.parameters)?;
    let Some(parameter) = output.parameters.get("classification") else { return Ok(None) };
    let number = match &parameter.parameter_choice {
        Some(ParameterChoice::Int64Param(classes)) => usize::try_from(*classes).ok(),
        _ => None,
    };
    match number {
        Some(classes) if classes > 0 => Ok(Some(classes)),
        _ => Err(ServeError::invalid(format!(
            "invalid value for parameter 'classification' of output '{}': expected int64_param of 1 \
             or more",
            output.name
        ))),
    }
}

fn check_no_shared_memory(
    kind: &str,
    name: &str,
    parameters: &HashMap<String, InferParameter>,
) -> Result<(), ServeError> {
    if parameters.is_empty() || !parameters.contains_key("shared_memory_region") {
        return Ok(());
    }
    Err(ServeError::new(
        ErrorKind::Unsupported,
        format!("{kind} '{name}': shared memory is not supported; send the tensor in the message"),
    ))
}

fn inputs(inputs: Vec<InferInputTensor>, raw: Vec<Bytes>) -> Result<Vec<NamedTensor>, ServeError> {
    let is_raw = !raw.is_empty();
    if is_raw && raw.len() != inputs.len() {
        return Err(ServeError::invalid(format!(
            "raw_input_contents has {} elements for {} inputs; it must have one for each, in their \
             order, or be left empty",
            raw.len(),
            inputs.len()
        )));
    }
    let mut raw = raw.into_iter();
    let named = inputs.into_iter().map(|input| named_tensor(input, raw.next()));
    named.collect()
}

fn named_tensor(input: InferInputTensor, raw: Option<Bytes>) -> Result<NamedTensor, ServeError> {
    let InferInputTensor { name, datatype, shape, parameters, contents } = input;
    check_no_shared_memory("input", &name, &parameters)?;
    let invalid = |text: String| ServeError::invalid(format!("input '{name}': {text}"));
    let data_type = DataType::from_name(&datatype).ok_or_else(|| {
        let known = DataType::ALL.map(DataType::name).join(", ");
        invalid(format!("datatype '{datatype}' is unknown; it must be one of {known}"))
    })?;
    let shape = Shape::from_wire(&shape).map_err(|error| invalid(error.to_string()))?;
    let data = match (raw, contents) {
        (Some(_), Some(_)) => {
            return Err(invalid(
                "contents field must not be specified when using raw_input_contents".to_owned(),
            ));
        }
        (Some(raw), None) => raw,
        (None, contents) => {
            let contents = contents.unwrap_or_default();
            typed_contents(data_type, &contents).map_err(invalid)?.into()
        }
    };
    let tensor = Tensor::new(data_type, shape, data)
        .map_err(|error| ServeError::invalid(format!("input '{name}': {error}")))?;
    Ok(NamedTensor { name, tensor })
}

/// Writes the elements of the one field that belongs to the type.
fn typed_contents(data_type: DataType, contents: &InferTensorContents) -> Result<Vec<u8>, String> {
    let field = field_of(data_type).ok_or_else(|| {
        format!("{data_type} has no field in contents; send it in raw_input_contents")
    })?;
    if let Some(other) = filled_fields(contents).find(|filled| *filled != field) {
        return Err(format!("{data_type} belongs into {field} of contents, but {other} is filled"));
    }
    match data_type {
        DataType::Bool => Ok(contents.bool_contents.iter().map(|value| u8::from(*value)).collect()),
        DataType::Int8 => narrow(data_type, &contents.int_contents, i8::to_le_bytes),
        DataType::Int16 => narrow(data_type, &contents.int_contents, i16::to_le_bytes),
        DataType::Uint8 => narrow(data_type, &contents.uint_contents, u8::to_le_bytes),
        DataType::Uint16 => narrow(data_type, &contents.uint_contents, u16::to_le_bytes),
        DataType::Int32 => Ok(bytes_of(&contents.int_contents, i32::to_le_bytes)),
        DataType::Int64 => Ok(bytes_of(&contents.int64_contents, i64::to_le_bytes)),
        DataType::Uint32 => Ok(bytes_of(&contents.uint_contents, u32::to_le_bytes)),
        DataType::Uint64 => Ok(bytes_of(&contents.uint64_contents, u64::to_le_bytes)),
        DataType::Fp32 => Ok(bytes_of(&contents.fp32_contents, f32::to_le_bytes)),
        DataType::Fp64 => Ok(bytes_of(&contents.fp64_contents, f64::to_le_bytes)),
        DataType::Bytes => Ok(framed(&contents.bytes_contents)),
        DataType::Fp16 | DataType::Bf16 => Ok(Vec::new()),
    }
}

/// The field of contents that holds a type's elements.
const fn field_of(data_type: DataType) -> Option<&'static str> {
    Some(match data_type {
        DataType::Bool => "bool_contents",
        DataType::Int8 | DataType::Int16 | DataType::Int32 => "int_contents",
        DataType::Int64 => "int64_contents",
        DataType::Uint8 | DataType::Uint16 | DataType::Uint32 => "uint_contents",
        DataType::Uint64 => "uint64_contents",
        DataType::Fp32 => "fp32_contents",
        DataType::Fp64 => "fp64_contents",
        DataType::Bytes => "bytes_contents",
        DataType::Fp16 | DataType::Bf16 => return None,
    })
}

fn filled_fields(contents: &InferTensorContents) -> impl Iterator<Item = &'static str> {
    let filled = [
        ("bool_contents", !contents.bool_contents.is_empty()),
        ("int_contents", !contents.int_contents.is_empty()),
        ("int64_contents", !contents.int64_contents.is_empty()),
        ("uint_contents", !contents.uint_contents.is_empty()),
        ("uint64_contents", !contents.uint64_contents.is_empty()),
        ("fp32_contents", !contents.fp32_contents.is_empty()),
        ("fp64_contents", !contents.fp64_contents.is_empty()),
        ("bytes_contents", !contents.bytes_contents.is_empty()),
    ];
    filled.into_iter().filter(|(_, filled)| *filled).map(|(field, _)| field)
}

fn bytes_of<T: Copy, const N: usize>(values: &[T], to_bytes: fn(T) -> [u8; N]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() * N);
    for value in values {
        bytes.extend_from_slice(&to_bytes(*value));
    }
    bytes
}

fn narrow<W, T, const N: usize>(
    data_type: DataType,
    values: &[W],
    to_bytes: fn(T) -> [u8; N],
) -> Result<Vec<u8>, String>
where
    W: Copy + std::fmt::Display,
    T: TryFrom<W>,
{
    let mut bytes = Vec::with_capacity(values.len() * N);
    for (index, value) in values.iter().enumerate() {
        let narrow = T::try_from(*value)
            .map_err(|_| format!("element {index} is {value}, which {data_type} cannot hold"))?;
        bytes.extend_from_slice(&to_bytes(narrow));
    }
    Ok(bytes)
}

fn framed(elements: &[Bytes]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(elements.iter().map(|element| element.len() + 4).sum());
    for element in elements {
        push_string(&mut bytes, element);
    }
    bytes
}

#[cfg(test)]
mod tests;
