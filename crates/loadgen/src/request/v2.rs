use bytes::Bytes;
use prost::Message;
use protocol::grpc::{InferParameter, ModelInferRequest, infer_parameter, model_infer_request};
use serde_json::{Value, json};
use tensor::{DataType, StringElements, push_string};

use super::{
    Endpoint, Request, Slot, ValueRange,
    fill::{Fill, json_fill},
};
use crate::{BuildError, Protocol};

/// Bytes in front of a gRPC message.
const PREFIX_BYTES: usize = 5;

/// Bytes of one request at most.
const REQUEST_BYTES_MAX: usize = 1 << 30;

/// One V2 inference, in no protocol's form yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferRequest {
    /// Model name.
    pub model: String,
    /// Version; empty leaves it to the server.
    pub version: String,
    /// Inputs in any order.
    pub inputs: Vec<InputTensor>,
    /// Outputs wanted; empty asks for all.
    pub outputs: Vec<String>,
    /// Parameters of the request, as JSON.
    pub parameters: serde_json::Map<String, Value>,
}

/// One input.
#[derive(Clone, Debug, PartialEq)]
pub struct InputTensor {
    /// Name.
    pub name: String,
    /// Element type.
    pub data_type: DataType,
    /// Dimensions, the batch's too.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: InputData,
}

/// Elements of an input.
#[derive(Clone, Debug, PartialEq)]
pub enum InputData {
    /// Fresh random values for each request; strings have so many bytes.
    Random(ValueRange, usize),
    /// Little-endian, row-major; strings with their lengths in front.
    Given(Vec<u8>),
}

impl InputTensor {
    fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Appends the binary form; a slot if it is random.
    fn write_binary(&self, body: &mut Vec<u8>, slots: &mut Vec<Slot>) {
        let start = body.len();
        let fill = match (&self.data, self.data_type.size()) {
            (InputData::Given(bytes), _) => {
                body.extend_from_slice(bytes);
                return;
            }
            (InputData::Random(range, _), Some(size)) => {
                body.resize(start + self.elements() * size, 0);
                Fill::Binary(self.data_type, *range)
            }
            (InputData::Random(_, bytes), None) => {
                (0..self.elements()).for_each(|_| push_string(body, &vec![b'a'; *bytes]));
                Fill::BinaryStrings(*bytes)
            }
        };
        slots.push(Slot { bytes: start..body.len(), fill });
    }

    fn binary_len(&self) -> usize {
        match (&self.data, self.data_type.size()) {
            (InputData::Given(bytes), _) => bytes.len(),
            (InputData::Random(..), Some(size)) => self.elements() * size,
            (InputData::Random(_, bytes), None) => self.elements() * (4 + bytes),
        }
    }

    /// Appends the elements as a JSON array.
    fn write_json(&self, body: &mut Vec<u8>, slots: &mut Vec<Slot>) -> Result<(), BuildError> {
        if matches!(self.data_type, DataType::Fp16 | DataType::Bf16) {
            return Err(BuildError(format!(
                "input '{}' is {}, which has no JSON form; use --protocol http or grpc",
                self.name, self.data_type
            )));
        }
        body.push(b'[');
        match &self.data {
            InputData::Given(bytes) => write_elements(self.data_type, bytes, body),
            InputData::Random(range, string_bytes) => {
                let (fill, width) = json_fill(self.data_type, *range, *string_bytes);
                let start = body.len();
                body.resize(start + (self.elements() * (width + 1)).saturating_sub(1), b'"');
                slots.push(Slot { bytes: start..body.len(), fill });
            }
        }
        body.push(b']');
        Ok(())
    }

    fn head(&self) -> Value {
        json!({"name": self.name, "shape": self.shape, "datatype": self.data_type.name()})
    }
}

/// Elements as JSON, a comma between each two.
fn write_elements(data_type: DataType, bytes: &[u8], body: &mut Vec<u8>) {
    let values: Vec<Value> = match data_type {
        DataType::Bytes => StringElements::new(bytes)
            .map(|text| Value::from(String::from_utf8_lossy(text).into_owned()))
            .collect(),
        _ => crate::answer::numbers(data_type, bytes),
    };
    let text = Value::from(values).to_string();
    body.extend_from_slice(&text.as_bytes()[1..text.len() - 1]);
}

impl InferRequest {
    /// Builds the request's bytes for a protocol.
    ///
    /// # Errors
    ///
    /// An input cannot travel so, or the request would be too large.
    pub fn build(&self, protocol: Protocol, endpoint: &Endpoint) -> Result<Request, BuildError> {
        let bytes: usize = self.inputs.iter().map(InputTensor::binary_len).sum();
        if bytes > REQUEST_BYTES_MAX {
            return Err(BuildError(format!("a request of {bytes} bytes is too large to be sent")));
        }
        match protocol {
            Protocol::Http => Ok(self.binary(endpoint)),
            Protocol::HttpJson => self.json(endpoint),
            Protocol::Grpc | Protocol::GrpcStream => Ok(self.grpc()),
            _ => Err(BuildError(format!("{} sends no tensors", protocol.name()))),
        }
    }

    fn path(&self) -> String {
        match &*self.version {
            "" => format!("/v2/models/{}/infer", self.model),
            version => format!("/v2/models/{}/versions/{version}/infer", self.model),
        }
    }

    /// Everything of the JSON but the inputs.
    fn envelope(&self, binary: bool) -> Value {
        let mut document = json!({});
        let outputs: Vec<Value> = self.outputs.iter().map(|name| json!({"name": name})).collect();
        if !outputs.is_empty() {
            document["outputs"] = Value::from(outputs);
        }
        let mut parameters = self.parameters.clone();
        if binary {
            parameters.insert("binary_data_output".into(), Value::from(true));
        }
        if !parameters.is_empty() {
            document["parameters"] = Value::from(parameters);
        }
        document
    }

    fn binary(&self, endpoint: &Endpoint) -> Request {
        let mut document = self.envelope(true);
        let inputs = self.inputs.iter().map(|input| {
            let mut head = input.head();
            head["parameters"] = json!({"binary_data_size": input.binary_len()});
            head
        });
        document["inputs"] = inputs.collect();
        let mut body = document.to_string().into_bytes();
        let json_len = body.len().to_string();
        let mut slots = Vec::new();
        self.inputs.iter().for_each(|input| input.write_binary(&mut body, &mut slots));
        let headers = [
            ("content-type", "application/octet-stream"),
            ("inference-header-content-length", &*json_len),
        ];
        let request = Request::post(endpoint, &self.path(), &headers, Bytes::from(body));
        Request { slots, ..request }
    }

    fn json(&self, endpoint: &Endpoint) -> Result<Request, BuildError> {
        let mut body = br#"{"inputs":["#.to_vec();
        let mut slots = Vec::new();
        for (index, input) in self.inputs.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            let head = input.head().to_string();
            body.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
            body.extend_from_slice(br#","data":"#);
            input.write_json(&mut body, &mut slots)?;
            body.push(b'}');
        }
        body.push(b']');
        let envelope = self.envelope(false).to_string();
        match &envelope[1..] {
            "}" => body.push(b'}'),
            rest => {
                body.push(b',');
                body.extend_from_slice(rest.as_bytes());
            }
        }
        let headers = [("content-type", "application/json")];
        let request = Request::post(endpoint, &self.path(), &headers, Bytes::from(body));
        Ok(Request { slots, ..request })
    }

    fn grpc(&self) -> Request {
        let mut raw = Vec::new();
        let mut places = Vec::new();
        for input in &self.inputs {
            let mut slots = Vec::new();
            let mut bytes = Vec::new();
            input.write_binary(&mut bytes, &mut slots);
            places.push(slots);
            raw.push(Bytes::from(bytes));
        }
        let message = ModelInferRequest {
            model_name: self.model.clone(),
            model_version: self.version.clone(),
            parameters: self.grpc_parameters(),
            inputs: self.inputs.iter().map(grpc_input).collect(),
            outputs: self.outputs.iter().map(|name| grpc_output(name)).collect(),
            raw_input_contents: raw.clone(),
            ..ModelInferRequest::default()
        };
        let message = message.encode_to_vec();
        let length = u32::try_from(message.len()).expect("requests are smaller than 4 GiB");
        let mut body = vec![0];
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(&message);
        debug_assert_eq!(body.len(), PREFIX_BYTES + message.len());
        let slots = moved_slots(&raw, places, body.len());
        Request { body: Bytes::from(body), slots, ..Request::default() }
    }

    fn grpc_parameters(&self) -> std::collections::HashMap<String, InferParameter> {
        let parameter = |value: &Value| {
            let choice = match value {
                Value::Bool(value) => infer_parameter::ParameterChoice::BoolParam(*value),
                Value::Number(value) if value.is_i64() => {
                    infer_parameter::ParameterChoice::Int64Param(value.as_i64().unwrap_or_default())
                }
                Value::Number(value) => infer_parameter::ParameterChoice::DoubleParam(
                    value.as_f64().unwrap_or_default(),
                ),
                Value::String(value) => {
                    infer_parameter::ParameterChoice::StringParam(value.clone())
                }
                other => infer_parameter::ParameterChoice::StringParam(other.to_string()),
            };
            InferParameter { parameter_choice: Some(choice) }
        };
        self.parameters.iter().map(|(name, value)| (name.clone(), parameter(value))).collect()
    }
}

/// Where the raw inputs stand in the whole message: they are the last field, each with its tag and
/// length in front, so they are found from behind.
fn moved_slots(raw: &[Bytes], places: Vec<Vec<Slot>>, end: usize) -> Vec<Slot> {
    let mut at = end;
    let mut moved = Vec::new();
    for (bytes, slots) in raw.iter().zip(places).rev() {
        at -= bytes.len();
        moved.extend(slots.into_iter().map(|slot| Slot {
            bytes: slot.bytes.start + at..slot.bytes.end + at,
            fill: slot.fill,
        }));
        at -= 1 + prost::encoding::encoded_len_varint(bytes.len() as u64);
    }
    moved
}

fn grpc_input(input: &InputTensor) -> model_infer_request::InferInputTensor {
    model_infer_request::InferInputTensor {
        name: input.name.clone(),
        datatype: input.data_type.name().to_owned(),
        shape: input.shape.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)).collect(),
        ..Default::default()
    }
}

fn grpc_output(name: &str) -> model_infer_request::InferRequestedOutputTensor {
    model_infer_request::InferRequestedOutputTensor { name: name.to_owned(), ..Default::default() }
}

#[cfg(test)]
mod tests;
