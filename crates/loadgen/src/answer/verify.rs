use half::{bf16, f16};
use prost::Message;
use protocol::grpc::{ModelInferResponse, ModelStreamInferResponse};
use serde_json::Value;
use tensor::{DataType, StringElements};

use super::Answer;

/// What an answer has to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// Outputs that are looked at; others may be there.
    pub outputs: Vec<ExpectedOutput>,
    /// Largest difference of two numbers, absolute or relative to the expected one, whichever is larger.
    pub tolerance: f64,
}

/// One output.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedOutput {
    /// Name.
    pub name: String,
    /// Elements, row-major.
    pub values: ExpectedValues,
}

/// Elements of an output.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpectedValues {
    /// Of any numeric type; booleans are 0 and 1.
    Numbers(Vec<f64>),
    /// Strings.
    Strings(Vec<String>),
}

impl ExpectedValues {
    /// Singles, as the shortest decimals that mean them.
    #[must_use]
    pub fn of_f32(values: &[f32]) -> Self {
        Self::Numbers(values.iter().map(|value| shortest(*value)).collect())
    }

    /// Rounds numbers to singles, however many digits they were written with.
    #[expect(clippy::cast_possible_truncation, reason = "the tensor's elements are singles")]
    fn rounded_to_f32(self) -> Self {
        match self {
            Self::Numbers(values) => {
                Self::Numbers(values.iter().map(|value| shortest(*value as f32)).collect())
            }
            strings @ Self::Strings(_) => strings,
        }
    }
}

impl Expectation {
    /// Says what is wrong with an answer.
    pub(crate) fn check(&self, answer: Answer<'_>) -> Result<(), String> {
        for expected in &self.outputs {
            let name = &expected.name;
            let found = output(answer, name)?;
            self.compare(&expected.values, &found)
                .map_err(|what| format!("output '{name}': {what}"))?;
        }
        Ok(())
    }

    fn compare(&self, expected: &ExpectedValues, found: &ExpectedValues) -> Result<(), String> {
        match (expected, found) {
            (ExpectedValues::Numbers(want), ExpectedValues::Numbers(got)) => {
                same_length(want.len(), got.len())?;
                let differs = |(want, got): (&f64, &f64)| !self.is_close(*want, *got);
                match want.iter().zip(got).position(differs) {
                    Some(at) => Err(unlike(at, &want[at], &got[at])),
                    None => Ok(()),
                }
            }
            (ExpectedValues::Strings(want), ExpectedValues::Strings(got)) => {
                same_length(want.len(), got.len())?;
                match want.iter().zip(got).position(|(want, got)| want != got) {
                    Some(at) => Err(unlike(at, &want[at], &got[at])),
                    None => Ok(()),
                }
            }
            (ExpectedValues::Numbers(_), _) => Err("strings where numbers are expected".to_owned()),
            (ExpectedValues::Strings(_), _) => Err("numbers where strings are expected".to_owned()),
        }
    }

    fn is_close(&self, want: f64, got: f64) -> bool {
        // Infinities and NaN are close to themselves.
        want.total_cmp(&got).is_eq()
            || want == got
            || (want - got).abs() <= self.tolerance * want.abs().max(1.0)
    }
}

fn same_length(want: usize, got: usize) -> Result<(), String> {
    if want == got { Ok(()) } else { Err(format!("expected {want} elements, got {got}")) }
}

fn unlike(at: usize, want: &impl std::fmt::Debug, got: &impl std::fmt::Debug) -> String {
    format!("element {at}: expected {want:?}, got {got:?}")
}

/// One output's elements.
fn output(answer: Answer<'_>, name: &str) -> Result<ExpectedValues, String> {
    match answer {
        Answer::Http(None, body) => json_output(&parse(body)?, name),
        Answer::Http(Some(head), body) => binary_output(head, body, name),
        Answer::Grpc(message) => {
            let response =
                ModelInferResponse::decode(message).map_err(|error| error.to_string())?;
            grpc_output(&response, name)
        }
        Answer::GrpcStream(message) => {
            let response = ModelStreamInferResponse::decode(message);
            let response = response.map_err(|error| error.to_string())?;
            grpc_output(&response.infer_response.unwrap_or_default(), name)
        }
    }
}

fn parse(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| format!("the answer is no JSON: {error}"))
}

fn outputs(answer: &Value) -> Result<&Vec<Value>, String> {
    answer["outputs"].as_array().ok_or_else(|| "the answer has no outputs".to_owned())
}

fn missing(name: &str) -> String {
    format!("the answer has no output '{name}'")
}

fn json_output(answer: &Value, name: &str) -> Result<ExpectedValues, String> {
    let output = outputs(answer)?.iter().find(|output| output["name"] == name);
    let output = output.ok_or_else(|| missing(name))?;
    let values = values_of_json(&output["data"]);
    let values = values.ok_or_else(|| format!("output '{name}' has no data that could be read"))?;
    Ok(if output["datatype"] == "FP32" { values.rounded_to_f32() } else { values })
}

/// Numbers, booleans or strings, however they are nested; `None` if they are mixed or something else.
pub(crate) fn values_of_json(data: &Value) -> Option<ExpectedValues> {
    let mut flat = Vec::new();
    flatten(data, &mut flat)?;
    if flat.first().is_some_and(|value| value.is_string()) {
        let strings = flat.iter().map(|value| value.as_str().map(str::to_owned));
        return strings.collect::<Option<_>>().map(ExpectedValues::Strings);
    }
    let number = |value: &&Value| match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        value => value.as_f64(),
    };
    flat.iter().map(number).collect::<Option<_>>().map(ExpectedValues::Numbers)
}

fn flatten<'a>(data: &'a Value, into: &mut Vec<&'a Value>) -> Option<()> {
    match data {
        Value::Array(values) => values.iter().try_for_each(|value| flatten(value, into)),
        Value::Null | Value::Object(_) => None,
        value => {
            into.push(value);
            Some(())
        }
    }
}

/// Binary outputs stand one behind another, in the order in which the JSON lists them.
fn binary_output(head: usize, body: &[u8], name: &str) -> Result<ExpectedValues, String> {
    let (json, mut rest) = body.split_at_checked(head).ok_or("the answer's JSON is cut off")?;
    let answer = parse(json)?;
    for output in outputs(&answer)? {
        let size = output["parameters"]["binary_data_size"].as_u64();
        let Some(size) = size.and_then(|size| usize::try_from(size).ok()) else {
            if output["name"] == name {
                return json_output(&answer, name);
            }
            continue;
        };
        let (data, behind) =
            rest.split_at_checked(size).ok_or("the answer's tensors are cut off")?;
        if output["name"] == name {
            return decode(output["datatype"].as_str().unwrap_or_default(), data);
        }
        rest = behind;
    }
    Err(missing(name))
}

fn grpc_output(response: &ModelInferResponse, name: &str) -> Result<ExpectedValues, String> {
    let index = response.outputs.iter().position(|output| output.name == name);
    let index = index.ok_or_else(|| missing(name))?;
    let raw = response.raw_output_contents.get(index);
    let raw = raw.ok_or("the answer's tensors are not raw")?;
    decode(&response.outputs[index].datatype, raw)
}

fn decode(data_type: &str, data: &[u8]) -> Result<ExpectedValues, String> {
    let data_type = DataType::from_name(data_type);
    let data_type = data_type.ok_or("the answer has a tensor of no known type")?;
    if data_type == DataType::Bytes {
        let strings = StringElements::new(data);
        let strings = strings.map(|text| String::from_utf8_lossy(text).into_owned());
        return Ok(ExpectedValues::Strings(strings.collect()));
    }
    let values = numbers(data_type, data);
    let number = |value: &Value| match value {
        Value::Bool(value) => f64::from(u8::from(*value)),
        value => value.as_f64().unwrap_or(f64::NAN),
    };
    Ok(ExpectedValues::Numbers(values.iter().map(number).collect()))
}

/// Little-endian elements as JSON numbers or booleans; what JSON cannot write is null.
pub(crate) fn numbers(data_type: DataType, data: &[u8]) -> Vec<Value> {
    match data_type {
        DataType::Bool => data.iter().map(|value| Value::from(*value != 0)).collect(),
        DataType::Uint8 => each(data, u8::from_le_bytes),
        DataType::Uint16 => each(data, u16::from_le_bytes),
        DataType::Uint32 => each(data, u32::from_le_bytes),
        DataType::Uint64 => each(data, u64::from_le_bytes),
        DataType::Int8 => each(data, i8::from_le_bytes),
        DataType::Int16 => each(data, i16::from_le_bytes),
        DataType::Int32 => each(data, i32::from_le_bytes),
        DataType::Int64 => each(data, i64::from_le_bytes),
        DataType::Fp16 => each(data, |bytes| f16::from_le_bytes(bytes).to_f64()),
        DataType::Bf16 => each(data, |bytes| bf16::from_le_bytes(bytes).to_f64()),
        DataType::Fp32 => each(data, |bytes| shortest(f32::from_le_bytes(bytes))),
        DataType::Fp64 => each(data, f64::from_le_bytes),
        DataType::Bytes => Vec::new(),
    }
}

fn each<const N: usize, T: Into<Value>>(data: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<Value> {
    data.as_chunks::<N>().0.iter().map(|bytes| value(*bytes).into()).collect()
}

/// The double whose shortest text is that of the single: JSON with the digits that matter.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

#[cfg(test)]
mod tests;
