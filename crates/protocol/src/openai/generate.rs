//! Triton's generate extension: `POST /v2/models/M/generate` of language models.

use serde_json::{Map, Value, json};

use super::{
    Answer, Dialect, ErrorBody, GenerationFields, Piece, RequestFault, Step, StreamFields, Usage,
    fields::{Fields, text},
};
use crate::{json_text::push_text, rest::ErrorDocument};

/// Tokens of an answer to a request that does not say.
const MAX_TOKENS_DEFAULT: usize = 16;

/// Texts that may end an answer.
const STOP_WORDS_MAX: usize = 64;

/// A request of the generate extension.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerateRequest {
    /// What is generated and how.
    pub generation: GenerationFields,
    /// The client's name for the request; empty if it gave none.
    pub id: String,
    /// What is continued.
    pub text_input: String,
    /// Whether the answer begins with it.
    pub echo: bool,
}

impl GenerateRequest {
    /// Reads a body: parameters stand in `parameters` or beside `text_input`.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong.
    pub fn read(body: &[u8], is_streamed: bool) -> Result<Self, RequestFault> {
        let mut fields = Fields::read(body)?;
        if let Some(parameters) = fields.object("parameters")? {
            fields.add(parameters)?;
        }
        let text_input = fields.string("text_input")?;
        let text_input = text_input.ok_or_else(|| fields.fault("text_input", "is missing"))?;
        let id = fields.string("id")?.unwrap_or_default();
        fields.only("n", &json!(1))?;
        // The path says whether it is streamed.
        fields.ignore(&["stream"]);
        let echo = !fields.flag("exclude_input_in_output")?.unwrap_or(true);
        let stop_words = fields.list("stop_words", STOP_WORDS_MAX, text)?.unwrap_or_default();
        let mut generation = GenerationFields::read(&mut fields, &["max_tokens"], 1)?;
        generation.stop.stop.extend(stop_words);
        let default = MAX_TOKENS_DEFAULT.max(generation.stop.min_tokens);
        generation.max_tokens_default = Some(default);
        generation.stream = is_streamed.then(StreamFields::default);
        fields.finish()?;
        Ok(Self { generation, id, text_input, echo })
    }
}

/// Answers of the generate extension.
#[derive(Debug)]
pub struct GenerateDialect {
    /// All but the text: `{"model_name": ..., "model_version": ..., "text_output":`.
    prefix: Vec<u8>,
    /// What the answer begins with.
    echo: String,
}

impl GenerateDialect {
    /// For a model's answers to a request.
    #[must_use]
    pub fn new(model: &str, version: &str, request: &GenerateRequest) -> Self {
        let mut prefix = b"{".to_vec();
        let id = Some(("id", &*request.id)).filter(|(_, id)| !id.is_empty());
        let named = [("model_name", model), ("model_version", version)];
        for (name, value) in id.into_iter().chain(named) {
            push_text(&mut prefix, name);
            prefix.push(b':');
            push_text(&mut prefix, value);
            prefix.push(b',');
        }
        prefix.extend_from_slice(b"\"text_output\":");
        let echo = if request.echo { request.text_input.clone() } else { String::new() };
        Self { prefix, echo }
    }

    fn push(&mut self, out: &mut Vec<u8>, text: &str) {
        let echo = std::mem::take(&mut self.echo);
        out.extend_from_slice(&self.prefix);
        push_text(out, &(echo + text));
        out.push(b'}');
    }
}

impl Dialect for GenerateDialect {
    fn begin(&mut self, _out: &mut Vec<u8>, _usage: &Usage) {}

    fn step(&mut self, out: &mut Vec<u8>, step: &Step, _usage: &Usage) {
        for piece in &step.pieces {
            if let Piece::Text(text) = piece {
                out.extend_from_slice(b"data: ");
                self.push(out, text);
                out.extend_from_slice(b"\n\n");
            }
        }
    }

    fn end(&mut self, _out: &mut Vec<u8>, _usage: &Usage) {}

    fn fail(&mut self, out: &mut Vec<u8>, error: ErrorBody<'_>) {
        let document = serde_json::to_vec(&ErrorDocument { error: error.message });
        out.extend_from_slice(b"data: ");
        out.extend(document.expect("an error has string keys only"));
        out.extend_from_slice(b"\n\n");
    }

    fn whole(&mut self, answer: &Answer) -> Vec<u8> {
        let mut out = Vec::new();
        let text = answer.choices.first().map_or("", |choice| &*choice.text);
        self.push(&mut out, text);
        out
    }
}

/// The same for models of tensors: what names an input becomes one, all else is a parameter.
/// The request is told in the form of an inference.
///
/// # Errors
///
/// The body is no object, or an input's value has no shape.
pub fn generate_to_inference(
    body: &[u8],
    inputs: &[(&str, &str)],
    batches: bool,
) -> Result<Vec<u8>, RequestFault> {
    let mut fields = Fields::read(body)?;
    let mut tensors = Vec::new();
    for (name, data_type) in inputs {
        let Some(value) = fields.value(name) else { continue };
        let mut shape = shape(&value, name)?;
        if batches {
            shape.insert(0, 1);
        }
        let data = if value.is_array() { value } else { json!([value]) };
        tensors.push(json!({"name": name, "datatype": data_type, "shape": shape, "data": data}));
    }
    let mut request = Map::new();
    request.extend(fields.value("id").map(|id| ("id".to_owned(), id)));
    if let Some(inner) = fields.object("parameters")? {
        fields.add(inner)?;
    }
    request.insert("parameters".to_owned(), Value::Object(fields.entries()));
    request.insert("inputs".to_owned(), Value::Array(tensors));
    serde_json::to_vec(&request).map_err(|error| RequestFault::new("", error.to_string()))
}

/// One value is a list of one; lists within lists must be of the same length.
fn shape(value: &Value, name: &str) -> Result<Vec<usize>, RequestFault> {
    let Value::Array(values) = value else { return Ok(vec![1]) };
    let mut dims = vec![values.len()];
    if let Some(first @ Value::Array(_)) = values.first() {
        let inner = shape(first, name)?;
        for other in &values[1..] {
            if !other.is_array() || shape(other, name)? != inner {
                return Err(RequestFault::wrong(name, "has lists of different lengths"));
            }
        }
        dims.extend(inner);
    }
    Ok(dims)
}

/// The answer of a model of tensors: an inference's outputs as fields, single values without a list.
#[must_use]
pub fn inference_to_generated(answer: &[u8]) -> Vec<u8> {
    let Ok(Value::Object(mut answer)) = serde_json::from_slice(answer) else { return Vec::new() };
    let outputs = answer.remove("outputs");
    for output in outputs.as_ref().and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = output["name"].as_str() else { continue };
        let data = match output["data"].as_array().map(Vec::as_slice) {
            Some([single]) => single.clone(),
            Some(values) => Value::Array(values.to_vec()),
            None => Value::Null,
        };
        answer.insert(name.to_owned(), data);
    }
    Value::Object(answer).to_string().into_bytes()
}

#[cfg(test)]
mod tests;
