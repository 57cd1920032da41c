//! Generation over tensors, with the inputs that Triton's vLLM backend has.

use serde_json::{Map, Value};
use serving::{
    GenerationRequest, InferRequest, InferResponse, NamedTensor, ParameterValue, Responder,
    ServeError, Signature, TensorSpec, Timing,
};
use tensor::{DataType, Shape, StringElements, Tensor, push_string};

use super::{
    backend::TextBackend,
    requests,
    sink::{Sink, TensorSink},
};
use serving::{EncodeOptions, LanguageModel};

const TEXT: &str = "text_input";
const PARAMETERS: &str = "sampling_parameters";
const EXCLUDE_INPUT: &str = "exclude_input_in_output";
const ANSWER: &str = "text_output";

/// Tokens of an answer whose length is not given, as vLLM has it.
const MAX_TOKENS: usize = 16;

/// The model's inputs and outputs.
pub(super) fn signature() -> Signature {
    let spec = |name: &str, data_type, optional| TensorSpec {
        name: name.to_owned(),
        data_type,
        dims: vec![1],
        optional,
    };
    Signature {
        inputs: vec![
            spec(TEXT, DataType::Bytes, false),
            spec(PARAMETERS, DataType::Bytes, true),
            spec(EXCLUDE_INPUT, DataType::Bool, true),
        ],
        outputs: vec![spec(ANSWER, DataType::Bytes, false)],
    }
}

/// Takes a request and answers it when its text is complete.
pub(super) fn submit(backend: &TextBackend, request: &InferRequest, responder: Responder) {
    match prepare(backend, request) {
        Err(error) => {
            responder.finish(Err(error));
        }
        Ok((generation, prefix)) => {
            let refused = responder.clone();
            let sink = Sink::Tensor(TensorSink { responder, text: prefix });
            if let Err(error) = requests::submit(backend, &generation, sink) {
                refused.finish(Err(error));
            }
        }
    }
}

/// The answer to a request.
pub(super) fn answer(text: &str) -> InferResponse {
    let mut framed = Vec::with_capacity(text.len() + 4);
    push_string(&mut framed, text.as_bytes());
    let tensor = Tensor::new(DataType::Bytes, Shape::from([1]), framed.into())
        .expect("one string is one element");
    let outputs = vec![NamedTensor { name: ANSWER.to_owned(), tensor }];
    InferResponse { outputs, timing: Timing::default() }
}

/// The generation that a request asks for, and what its answer begins with.
fn prepare(
    backend: &TextBackend,
    request: &InferRequest,
) -> Result<(GenerationRequest, String), ServeError> {
    let known = [TEXT, PARAMETERS, EXCLUDE_INPUT];
    if let Some(input) = request.inputs.iter().find(|input| !known.contains(&&*input.name)) {
        let message = format!("there is no input `{}`; there are {}", input.name, known.join(", "));
        return Err(ServeError::invalid(message));
    }
    let text = string(request, TEXT)?
        .ok_or_else(|| ServeError::invalid(format!("input `{TEXT}` is missing")))?;
    let options = EncodeOptions { add_special: true, parse_special: true };
    let mut generation = GenerationRequest {
        prompt: backend.encode(text, options)?,
        choices: 1,
        skip_special_tokens: true,
        received: request.received,
        queue_timeout: request.timeout,
        ..GenerationRequest::default()
    };
    generation.stop.max_tokens = Some(MAX_TOKENS);
    for (name, value) in parameters(request)? {
        set(&mut generation, &name, &value)?;
    }
    let prefix = if excludes_input(request)? { String::new() } else { text.to_owned() };
    Ok((generation, prefix))
}

/// What is said of sampling: in the tensor of JSON, and as parameters of the request.
fn parameters(request: &InferRequest) -> Result<Map<String, Value>, ServeError> {
    let mut all = match string(request, PARAMETERS)? {
        None | Some("") => Map::new(),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            ServeError::invalid(format!("input `{PARAMETERS}` is no JSON object: {error}"))
        })?,
    };
    for (name, value) in &request.parameters {
        let value = match value {
            ParameterValue::Bool(value) => Value::from(*value),
            ParameterValue::Int(value) => Value::from(*value),
            ParameterValue::Uint(value) => Value::from(*value),
            ParameterValue::Double(value) => Value::from(*value),
            ParameterValue::String(value) => Value::from(value.as_str()),
        };
        all.insert(name.clone(), value);
    }
    Ok(all)
}

/// Numbers may come as text.
#[expect(clippy::cast_possible_truncation, reason = "parameters are single floats")]
fn set(generation: &mut GenerationRequest, name: &str, value: &Value) -> Result<(), ServeError> {
    let wrong = || {
        ServeError::invalid(format!("{name} is {value}, which it cannot be")).with_parameter(name)
    };
    let number = || {
        let text = value.as_str().and_then(|text| text.trim().parse().ok());
        value.as_f64().or(text).ok_or_else(wrong)
    };
    let count = || {
        let text = value.as_str().and_then(|text| text.trim().parse().ok());
        let count = value.as_u64().or(text).ok_or_else(wrong)?;
        usize::try_from(count).map_err(|_| wrong())
    };
    let (sampling, stop) = (&mut generation.sampling, &mut generation.stop);
    match name {
        "temperature" => sampling.temperature = number()? as f32,
        "top_p" => sampling.top_p = number()? as f32,
        "min_p" => sampling.min_p = number()? as f32,
        "presence_penalty" => sampling.presence_penalty = number()? as f32,
        "frequency_penalty" => sampling.frequency_penalty = number()? as f32,
        "repetition_penalty" => sampling.repetition_penalty = number()? as f32,
        "top_k" => sampling.top_k = count()?,
        "seed" => sampling.seed = Some(count()? as u64),
        "max_tokens" => stop.max_tokens = Some(count()?),
        "min_tokens" => stop.min_tokens = count()?,
        "ignore_eos" => stop.ignore_end = value.as_bool().ok_or_else(wrong)?,
        "stop" => stop.strings = strings(value).ok_or_else(wrong)?,
        _ => {
            let message = format!("there is no sampling parameter `{name}`");
            return Err(ServeError::invalid(message).with_parameter(name));
        }
    }
    Ok(())
}

fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(texts) => texts.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn excludes_input(request: &InferRequest) -> Result<bool, ServeError> {
    let Some(tensor) = find(request, EXCLUDE_INPUT, DataType::Bool)? else { return Ok(false) };
    Ok(tensor.data().first().is_some_and(|byte| *byte != 0))
}

/// The only element of a tensor of strings.
fn string<'a>(request: &'a InferRequest, name: &str) -> Result<Option<&'a str>, ServeError> {
    let Some(tensor) = find(request, name, DataType::Bytes)? else { return Ok(None) };
    let element = StringElements::new(tensor.data()).next();
    let text = element.and_then(|element| std::str::from_utf8(element).ok());
    text.map(Some).ok_or_else(|| ServeError::invalid(format!("input `{name}` is not UTF-8")))
}

/// A tensor of one element.
fn find<'a>(
    request: &'a InferRequest,
    name: &str,
    data_type: DataType,
) -> Result<Option<&'a Tensor>, ServeError> {
    let Some(input) = request.inputs.iter().find(|input| input.name == name) else {
        return Ok(None);
    };
    let tensor = &input.tensor;
    if tensor.data_type() != data_type || tensor.shape().elements() != 1 {
        return Err(ServeError::invalid(format!(
            "input `{name}` is {:?} {}; it takes {data_type:?} [1]",
            tensor.data_type(),
            tensor.shape()
        )));
    }
    Ok(Some(tensor))
}
