//! Inference responses.

use bytes::Bytes;
use smallvec::SmallVec;
use tensor::{DataType, StringElements, Tensor};

use super::ParameterValue;
use crate::json_text::{Numbers, push_float, push_integer, push_list, push_text};

/// What stands before the outputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResponseHead<'a> {
    /// The request's; left out if empty.
    pub id: &'a str,
    /// Name of the model that answered.
    pub model_name: &'a str,
    /// Its version.
    pub model_version: &'a str,
    /// Left out if empty.
    pub parameters: &'a [(String, ParameterValue)],
}

/// One output.
#[derive(Clone, Copy, Debug)]
pub struct ResponseOutput<'a> {
    /// The model's name for it.
    pub name: &'a str,
    /// The value.
    pub tensor: &'a Tensor,
    /// Whether it goes behind the JSON as it is.
    pub binary: bool,
}

/// A response's body in pieces.
#[derive(Clone, Debug, Default)]
pub struct Encoded {
    /// What comes first. There is room behind it for a few small outputs.
    pub json: Vec<u8>,
    /// What follows: the binary outputs' data, shared with their tensors.
    pub binary: SmallVec<[Bytes; 2]>,
    /// Value of `Inference-Header-Content-Length`; `None` if all of the body is JSON.
    pub header_length: Option<usize>,
}

impl Encoded {
    /// Size of the body.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.json.len() + self.binary.iter().map(Bytes::len).sum::<usize>()
    }
}

/// Why an output has no JSON form. The caller may ask for binary data instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A type that JSON has no form for.
    #[error(
        "output `{name}` is {data_type}, which JSON cannot carry; ask for it with `binary_data`: true"
    )]
    DataType {
        /// Output name.
        name: String,
        /// Its element type.
        data_type: DataType,
    },
    /// A string that is not text.
    #[error("element {index} of output `{name}` is not UTF-8; ask for it with `binary_data`: true")]
    NotUtf8 {
        /// Output name.
        name: String,
        /// Position of the element.
        index: usize,
    },
}

/// Writes an inference response.
///
/// # Errors
///
/// An output that is not asked for as binary data cannot be written as JSON.
pub fn encode_infer(
    head: &ResponseHead<'_>,
    outputs: &[ResponseOutput<'_>],
) -> Result<Encoded, EncodeError> {
    let mut encoded = Encoded::default();
    let mut json = Vec::with_capacity(capacity(outputs));
    json.push(b'{');
    if !head.id.is_empty() {
        json.extend_from_slice(b"\"id\":");
        push_text(&mut json, head.id);
        json.push(b',');
    }
    json.extend_from_slice(b"\"model_name\":");
    push_text(&mut json, head.model_name);
    json.extend_from_slice(b",\"model_version\":");
    push_text(&mut json, head.model_version);
    if !head.parameters.is_empty() {
        json.extend_from_slice(b",\"parameters\":");
        push_parameters(&mut json, head.parameters);
    }
    json.extend_from_slice(b",\"outputs\":[");
    for (index, output) in outputs.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        push_output(&mut json, output)?;
        if output.binary {
            encoded.binary.push(output.tensor.data().clone());
        }
    }
    json.extend_from_slice(b"]}");
    encoded.header_length = outputs.iter().any(|output| output.binary).then_some(json.len());
    encoded.json = json;
    Ok(encoded)
}

/// Binary outputs up to this size get room behind the JSON.
const SMALL_BYTES: usize = 4096;

/// Generous for what is usual, so that the buffer rarely moves.
fn capacity(outputs: &[ResponseOutput<'_>]) -> usize {
    let data = |output: &ResponseOutput<'_>| match (output.binary, output.tensor.data_type()) {
        (true, _) => output.tensor.data().len().min(SMALL_BYTES),
        (false, DataType::Fp32) => output.tensor.shape().elements() * 12,
        (false, DataType::Fp64) => output.tensor.shape().elements() * 20,
        (false, _) => output.tensor.data().len() * 4,
    };
    outputs.iter().map(|output| 160 + data(output)).sum::<usize>() + 160
}

fn push_output(json: &mut Vec<u8>, output: &ResponseOutput<'_>) -> Result<(), EncodeError> {
    let ResponseOutput { name, tensor, binary } = *output;
    json.extend_from_slice(b"{\"name\":");
    push_text(json, name);
    json.extend_from_slice(b",\"datatype\":\"");
    json.extend_from_slice(tensor.data_type().name().as_bytes());
    json.extend_from_slice(b"\",\"shape\":[");
    push_list(json, tensor.shape().iter(), |json, dim| push_integer(json, *dim));
    if binary {
        json.extend_from_slice(b"],\"parameters\":{\"binary_data_size\":");
        push_integer(json, tensor.data().len());
        json.push(b'}');
    } else {
        json.extend_from_slice(b"],\"data\":[");
        push_data(json, name, tensor)?;
        json.push(b']');
    }
    json.push(b'}');
    Ok(())
}

fn push_data(json: &mut Vec<u8>, name: &str, tensor: &Tensor) -> Result<(), EncodeError> {
    let data: &[u8] = tensor.data();
    macro_rules! numbers {
        ($type:ty, $push:expr) => {{
            let mut numbers = Numbers::new(json);
            for bytes in data.as_chunks().0 {
                $push(&mut numbers, <$type>::from_le_bytes(*bytes));
            }
            numbers.finish();
        }};
    }
    match tensor.data_type() {
        DataType::Bool => push_list(json, data.iter(), |json, value| {
            json.extend_from_slice(if *value == 0 { b"false" } else { b"true" });
        }),
        DataType::Uint8 => numbers!(u8, Numbers::integer),
        DataType::Uint16 => numbers!(u16, Numbers::integer),
        DataType::Uint32 => numbers!(u32, Numbers::integer),
        DataType::Uint64 => numbers!(u64, Numbers::integer),
        DataType::Int8 => numbers!(i8, Numbers::integer),
        DataType::Int16 => numbers!(i16, Numbers::integer),
        DataType::Int32 => numbers!(i32, Numbers::integer),
        DataType::Int64 => numbers!(i64, Numbers::integer),
        DataType::Fp32 => numbers!(f32, Numbers::float),
        DataType::Fp64 => numbers!(f64, Numbers::float),
        DataType::Bytes => push_strings(json, name, data)?,
        data_type @ (DataType::Fp16 | DataType::Bf16) => {
            return Err(EncodeError::DataType { name: name.to_owned(), data_type });
        }
    }
    Ok(())
}

fn push_strings(json: &mut Vec<u8>, name: &str, framed: &[u8]) -> Result<(), EncodeError> {
    for (index, element) in StringElements::new(framed).enumerate() {
        if index > 0 {
            json.push(b',');
        }
        let text = str::from_utf8(element)
            .map_err(|_| EncodeError::NotUtf8 { name: name.to_owned(), index })?;
        push_text(json, text);
    }
    Ok(())
}

fn push_parameters(json: &mut Vec<u8>, parameters: &[(String, ParameterValue)]) {
    json.push(b'{');
    push_list(json, parameters.iter(), |json, (key, value)| {
        push_text(json, key);
        json.push(b':');
        match value {
            ParameterValue::Bool(value) => {
                json.extend_from_slice(if *value { b"true" } else { b"false" });
            }
            ParameterValue::Int(value) => push_integer(json, *value),
            ParameterValue::Uint(value) => push_integer(json, *value),
            ParameterValue::Double(value) => push_float(json, *value),
            ParameterValue::String(value) => push_text(json, value),
        }
    });
    json.push(b'}');
}

#[cfg(test)]
mod tests;
