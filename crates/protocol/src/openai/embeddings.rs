//! `POST /v1/embeddings`.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    Prompt, RequestFault, completion_request::prompts, fields::Fields, generation::priority,
};
use crate::json_text::{push_float, push_integer, push_list, push_text};

/// A request for embeddings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EmbeddingsRequest {
    /// The model's name; empty if the request leaves it open.
    pub model: String,
    /// What is embedded.
    pub inputs: Vec<Prompt>,
    /// Whether vectors are told as base64 of their bytes.
    pub base64: bool,
    /// Numbers of a vector, if the request says how many it expects.
    pub dimensions: Option<usize>,
    /// Whether vectors get the length 1.
    pub normalize: bool,
    /// Whether tokens around a text are added.
    pub add_special_tokens: bool,
    /// So many of an input's first tokens are used.
    pub truncate_prompt_tokens: Option<usize>,
    /// Lower comes first.
    pub priority: i32,
    /// Inputs with other salts share no memory.
    pub cache_salt: String,
}

impl EmbeddingsRequest {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong.
    pub fn read(body: &[u8]) -> Result<Self, RequestFault> {
        let mut fields = Fields::read(body)?;
        let base64 = match fields.string("encoding_format")?.as_deref() {
            None | Some("float") => false,
            Some("base64") => true,
            Some(_) => return Err(fields.fault("encoding_format", "must be float or base64")),
        };
        fields.ignore(&["user", "request_id"]);
        let request = Self {
            model: fields.string("model")?.unwrap_or_default(),
            inputs: prompts(&mut fields, "input")?,
            base64,
            dimensions: fields.count("dimensions", 1..=i32::MAX as usize)?,
            normalize: fields.flag("normalize")?.unwrap_or(true),
            add_special_tokens: fields.flag("add_special_tokens")?.unwrap_or(true),
            truncate_prompt_tokens: fields
                .count("truncate_prompt_tokens", 1..=i32::MAX as usize)?,
            priority: priority(&mut fields)?,
            cache_salt: fields.string("cache_salt")?.unwrap_or_default(),
        };
        fields.finish()?;
        Ok(request)
    }
}

/// The answer: vectors in the order of the inputs.
#[must_use]
pub fn embeddings_json(
    model: &str,
    vectors: &[Vec<f32>],
    base64: bool,
    prompt_tokens: usize,
) -> Vec<u8> {
    let mut out = b"{\"object\":\"list\",\"data\":[".to_vec();
    push_list(&mut out, vectors.iter().enumerate(), |out, (index, vector)| {
        out.extend_from_slice(b"{\"object\":\"embedding\",\"index\":");
        push_integer(out, index);
        out.extend_from_slice(b",\"embedding\":");
        push_vector(out, vector, base64);
        out.push(b'}');
    });
    out.extend_from_slice(b"],\"model\":");
    push_text(&mut out, model);
    out.extend_from_slice(b",\"usage\":{\"prompt_tokens\":");
    push_integer(&mut out, prompt_tokens);
    out.extend_from_slice(b",\"total_tokens\":");
    push_integer(&mut out, prompt_tokens);
    out.extend_from_slice(b"}}");
    out
}

fn push_vector(out: &mut Vec<u8>, vector: &[f32], base64: bool) {
    if base64 {
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        return push_text(out, &BASE64_STANDARD.encode(bytes));
    }
    out.push(b'[');
    push_list(out, vector.iter(), |out, number| push_float(out, *number));
    out.push(b']');
}

#[cfg(test)]
mod tests;
