//! Inference requests.

use std::time::Duration;

use bytes::Bytes;
use tensor::Tensor;

use super::{
    DecodeError, DecodeLimits, ParameterValue,
    input::{self, Supply, once},
    parameters,
    scanner::Scanner,
};

/// An inference request: decoded, and not compared with any model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RestInferRequest {
    /// The client's name for the request; empty if it gave none.
    pub id: String,
    /// Inputs, in the client's order; no name comes twice.
    pub inputs: Vec<RestInput>,
    /// Outputs wanted, in the client's order; no name comes twice. Empty means all.
    pub outputs: Vec<RequestedOutput>,
    /// Whether outputs that do not say so themselves are wanted as binary data.
    pub binary_data_output: bool,
    /// 1 is the highest; 0 is the model's default.
    pub priority: u64,
    /// The client's limit on the time in the queue.
    pub timeout: Option<Duration>,
    /// Parameters that are not the protocol's own.
    pub parameters: Vec<(String, ParameterValue)>,
}

/// An input.
#[derive(Clone, Debug, PartialEq)]
pub struct RestInput {
    /// The model's name for it.
    pub name: String,
    /// The value; a slice of the body if it came as binary data.
    pub tensor: Tensor,
}

/// An output that the client wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestedOutput {
    /// The model's name for it.
    pub name: String,
    /// As binary data or not; nothing leaves it to the request.
    pub binary_data: Option<bool>,
    /// How many classes are wanted in place of the values; 0 is the values.
    pub classification: usize,
}

/// Reads an inference request.
///
/// `header_length` is the value of `Inference-Header-Content-Length`: how much of the body is JSON,
/// the rest being binary data. Without it all of the body is JSON. 0 is a raw request, which is for
/// [`decode_raw`](super::decode_raw).
///
/// # Errors
///
/// Says what is wrong with which member, or which limit would be passed.
pub fn decode_infer(
    body: Bytes,
    header_length: Option<usize>,
    limits: &DecodeLimits,
) -> Result<RestInferRequest, DecodeError> {
    let mut binary = body;
    let json = match header_length {
        None => binary.split_off(0),
        Some(len) if len <= binary.len() => binary.split_to(len),
        Some(len) => {
            return Err(DecodeError::Malformed(format!(
                "Inference-Header-Content-Length is {len}, but the body has only {} bytes",
                binary.len()
            )));
        }
    };
    let supply = Supply { json_bytes: limits.json_tensor_bytes, binary };
    let mut draft = Draft { supply, ..Draft::default() };
    let mut scanner = Scanner::new(&json);
    draft.read(&mut scanner, limits)?;
    scanner.end()?;
    draft.finish()
}

#[derive(Default)]
struct Draft {
    id: Option<String>,
    inputs: Option<Vec<RestInput>>,
    supply: Supply,
    outputs: Option<Vec<RequestedOutput>>,
    has_parameters: Option<()>,
    parameters: Parameters,
}

/// The request's parameters; those of the protocol are taken out.
#[derive(Default)]
struct Parameters {
    binary_data_output: Option<bool>,
    priority: Option<u64>,
    timeout: Option<u64>,
    others: Vec<(String, ParameterValue)>,
}

impl Draft {
    fn read(
        &mut self,
        scanner: &mut Scanner<'_>,
        limits: &DecodeLimits,
    ) -> Result<(), DecodeError> {
        scanner.object(|scanner, key| match key {
            b"id" => {
                once(&mut self.id, "id", || Ok(scanner.string("`id` in quotes")?.into_owned()))
            }
            b"inputs" => {
                let supply = &mut self.supply;
                once(&mut self.inputs, "inputs", || inputs(scanner, limits.inputs, supply))
            }
            b"outputs" => once(&mut self.outputs, "outputs", || outputs(scanner, limits.outputs)),
            b"parameters" => {
                let parameters = &mut self.parameters;
                once(&mut self.has_parameters, "parameters", || {
                    parameters.read(scanner, limits.parameters)
                })
            }
            _ => scanner.skip().map(drop),
        })
    }

    fn finish(self) -> Result<RestInferRequest, DecodeError> {
        let inputs = self.inputs.ok_or_else(|| DecodeError::malformed("`inputs` is missing"))?;
        let unclaimed = self.supply.binary.len();
        if unclaimed > 0 {
            return Err(DecodeError::Malformed(format!(
                "unexpected additional input data: {unclaimed} bytes of binary data belong to no input"
            )));
        }
        let Parameters { binary_data_output, priority, timeout, others } = self.parameters;
        Ok(RestInferRequest {
            id: self.id.unwrap_or_default(),
            inputs,
            outputs: self.outputs.unwrap_or_default(),
            binary_data_output: binary_data_output.unwrap_or(false),
            priority: priority.unwrap_or(0),
            timeout: timeout.filter(|micros| *micros > 0).map(Duration::from_micros),
            parameters: others,
        })
    }
}

fn inputs(
    scanner: &mut Scanner<'_>,
    inputs_max: usize,
    supply: &mut Supply,
) -> Result<Vec<RestInput>, DecodeError> {
    let mut inputs: Vec<RestInput> = Vec::new();
    scanner.array("an array for `inputs`", |scanner, index| {
        if index == inputs_max {
            return Err(DecodeError::Malformed(format!("more than {inputs_max} `inputs`")));
        }
        let input = input::read(scanner, index, supply)?;
        if inputs.iter().any(|other| other.name == input.name) {
            let name = input.name.escape_debug();
            return Err(DecodeError::Malformed(format!(
                "inputs[{index}]: `{name}` is given twice"
            )));
        }
        inputs.push(input);
        Ok(())
    })?;
    Ok(inputs)
}

fn outputs(
    scanner: &mut Scanner<'_>,
    outputs_max: usize,
) -> Result<Vec<RequestedOutput>, DecodeError> {
    let mut outputs: Vec<RequestedOutput> = Vec::new();
    scanner.array("an array for `outputs`", |scanner, index| {
        if index == outputs_max {
            return Err(DecodeError::Malformed(format!("more than {outputs_max} `outputs`")));
        }
        let output = output(scanner).map_err(|error| error.within(&format!("outputs[{index}]")))?;
        if outputs.iter().any(|other| other.name == output.name) {
            let name = output.name.escape_debug();
            return Err(DecodeError::Malformed(format!(
                "outputs[{index}]: `{name}` is given twice"
            )));
        }
        outputs.push(output);
        Ok(())
    })?;
    Ok(outputs)
}

fn output(scanner: &mut Scanner<'_>) -> Result<RequestedOutput, DecodeError> {
    let mut name = None;
    let mut binary_data = None;
    let mut classification = None;
    scanner.object(|scanner, key| match key {
        b"name" => once(&mut name, "name", || {
            Ok(scanner.string("the output's name in quotes")?.into_owned())
        }),
        b"parameters" => parameters::each(scanner, |key, value| match key {
            "binary_data" => once(&mut binary_data, key, || parameters::boolean(value.as_ref())),
            "classification" => once(&mut classification, key, || parameters::size(value.as_ref())),
            "shared_memory_region" | "shared_memory_byte_size" | "shared_memory_offset" => {
                Err(parameters::shared_memory())
            }
            // Others are for nobody that this server knows.
            _ => Ok(()),
        }),
        _ => scanner.skip().map(drop),
    })?;
    let name = name.ok_or_else(|| DecodeError::malformed("`name` is missing"))?;
    Ok(RequestedOutput { name, binary_data, classification: classification.unwrap_or(0) })
}

impl Parameters {
    fn read(&mut self, scanner: &mut Scanner<'_>, count_max: usize) -> Result<(), DecodeError> {
        parameters::each(scanner, |key, value| match key {
            "binary_data_output" => {
                once(&mut self.binary_data_output, key, || parameters::boolean(value.as_ref()))
            }
            "priority" => once(&mut self.priority, key, || parameters::unsigned(value.as_ref())),
            "timeout" => once(&mut self.timeout, key, || parameters::unsigned(value.as_ref())),
            "sequence_id" => no_sequence(value.as_ref()),
            // They say something about a sequence, and there is none.
            "sequence_start" | "sequence_end" => parameters::boolean(value.as_ref()).map(drop),
            "headers" => Err(DecodeError::malformed("the name is reserved")),
            _ if key.starts_with("triton_") => Err(DecodeError::malformed("the name is reserved")),
            _ => self.other(key, value, count_max),
        })
    }

    fn other(
        &mut self,
        key: &str,
        value: Option<ParameterValue>,
        count_max: usize,
    ) -> Result<(), DecodeError> {
        let value = value
            .ok_or_else(|| DecodeError::malformed("expected a string, a number, true or false"))?;
        if self.others.len() == count_max {
            return Err(DecodeError::Malformed(format!("more than {count_max} parameters")));
        }
        self.others.push((key.to_owned(), value));
        Ok(())
    }
}

fn no_sequence(id: Option<&ParameterValue>) -> Result<(), DecodeError> {
    match id {
        Some(ParameterValue::Int(0)) => Ok(()),
        Some(ParameterValue::String(id)) if id.is_empty() => Ok(()),
        Some(ParameterValue::Int(1..) | ParameterValue::Uint(_) | ParameterValue::String(_)) => {
            Err(DecodeError::Unsupported(
                "sequences are not supported; leave the parameter out".into(),
            ))
        }
        _ => Err(DecodeError::malformed("expected a whole number of 0 or more, or a string")),
    }
}

#[cfg(test)]
mod tests;
