//! How tokens are chosen and when an answer ends, under OpenAI's and vLLM's names.

use serde_json::Value;

use super::{
    RequestFault,
    fields::{Fields, single, text, token},
};

/// Tokens whose logits a request may move.
const BIASES_MAX: usize = 1024;

/// Elements of the lists of tokens and words.
const LIST_MAX: usize = 4096;

/// Texts that may end an answer.
const STOPS_MAX: usize = 64;

/// Bytes of such a text.
const STOP_LEN_MAX: usize = 1024;

/// Tokens that an answer may be asked to have; the context is the real limit.
const TOKENS_MAX: usize = i32::MAX as usize;

/// How the next token is chosen; what is `None` is left to the model's defaults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SamplingFields {
    /// 0 takes the most probable token.
    pub temperature: Option<f32>,
    /// Smallest set of tokens with this probability together.
    pub top_p: Option<f32>,
    /// So many tokens at most; 0 is all of them.
    pub top_k: Option<usize>,
    /// Tokens at least this probable, as a share of the most probable one's.
    pub min_p: Option<f32>,
    /// Divides the logits of what has occurred.
    pub repetition_penalty: Option<f32>,
    /// Taken off the logits of what was generated.
    pub presence_penalty: Option<f32>,
    /// Taken off the logits of what was generated, once for each time.
    pub frequency_penalty: Option<f32>,
    /// Added to the logits of single tokens.
    pub logit_bias: Vec<(u32, f32)>,
    /// The only tokens that may come; empty is all of them.
    pub allowed_token_ids: Vec<u32>,
    /// Texts that must not come.
    pub bad_words: Vec<String>,
    /// The same seed draws the same tokens.
    pub seed: Option<u64>,
}

/// When an answer ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopFields {
    /// Tokens of an answer at most.
    pub max_tokens: Option<usize>,
    /// The field that says so, or would.
    pub limit_field: &'static str,
    /// Tokens before which nothing but `max_tokens` ends it.
    pub min_tokens: usize,
    /// Texts that end it.
    pub stop: Vec<String>,
    /// Tokens that end it, besides the model's own.
    pub stop_token_ids: Vec<u32>,
    /// Whether the model's own end is passed over.
    pub ignore_eos: bool,
    /// Whether the text that ended the answer is part of it.
    pub include_stop_str_in_output: bool,
}

impl SamplingFields {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, RequestFault> {
        let biases = fields.object("logit_bias")?;
        Ok(Self {
            temperature: fields.number("temperature", 0.0..=2.0)?,
            top_p: fields.number("top_p", 0.0..=1.0)?,
            top_k: top_k(fields)?,
            min_p: fields.number("min_p", 0.0..=1.0)?,
            repetition_penalty: fields.number("repetition_penalty", 0.01..=100.0)?,
            presence_penalty: fields.number("presence_penalty", -2.0..=2.0)?,
            frequency_penalty: fields.number("frequency_penalty", -2.0..=2.0)?,
            logit_bias: biases.map(logit_bias).transpose()?.unwrap_or_default(),
            allowed_token_ids: fields
                .list("allowed_token_ids", LIST_MAX, token)?
                .unwrap_or_default(),
            bad_words: fields.list("bad_words", LIST_MAX, text)?.unwrap_or_default(),
            seed: seed(fields)?,
        })
    }
}

/// -1 and 0 stand for all tokens.
fn top_k(fields: &mut Fields) -> Result<Option<usize>, RequestFault> {
    let top_k = fields.integer("top_k", -1..=i64::from(u32::MAX))?;
    Ok(top_k.map(|top_k| usize::try_from(top_k).unwrap_or(0)))
}

/// Any whole number of 64 bits, with a sign or without.
fn seed(fields: &mut Fields) -> Result<Option<u64>, RequestFault> {
    let Some(value) = fields.value("seed") else { return Ok(None) };
    let seed = value.as_u64().or_else(|| value.as_i64().map(i64::cast_unsigned));
    seed.map(Some).ok_or_else(|| fields.fault("seed", "must be a whole number of 64 bits"))
}

fn logit_bias(fields: Fields) -> Result<Vec<(u32, f32)>, RequestFault> {
    let read = |name: &str, value: &Value| {
        let token = name.parse().ok();
        let bias = value.as_f64().map(single).filter(|bias| (-100.0..=100.0).contains(bias));
        token.zip(bias)
    };
    let biases = fields.entries();
    if biases.len() > BIASES_MAX {
        return Err(RequestFault::wrong(
            "logit_bias",
            &format!("has more than {BIASES_MAX} tokens"),
        ));
    }
    let pairs = biases.iter().map(|(name, value)| {
        let what = "must map tokens, as strings, to numbers from -100 to 100";
        read(name, value).ok_or_else(|| RequestFault::wrong("logit_bias", what))
    });
    pairs.collect()
}

impl StopFields {
    /// `limits` are the names under which the API knows the longest answer; the first goes before
    /// the second.
    pub(super) fn read(
        fields: &mut Fields,
        limits: &[&'static str],
        min: usize,
    ) -> Result<Self, RequestFault> {
        let (mut max_tokens, mut limit_field) = (None, limits[0]);
        for name in limits {
            let limit = fields.count(name, min..=TOKENS_MAX)?;
            if max_tokens.is_none() && limit.is_some() {
                (max_tokens, limit_field) = (limit, name);
            }
        }
        let min_tokens = fields.count("min_tokens", 0..=TOKENS_MAX)?.unwrap_or(0);
        if max_tokens.is_some_and(|max| max < min_tokens) {
            return Err(
                fields.fault("min_tokens", "must not be above the limit on the answer's tokens")
            );
        }
        Ok(Self {
            max_tokens,
            limit_field,
            min_tokens,
            stop: stop_texts(fields, "stop")?,
            stop_token_ids: fields.list("stop_token_ids", LIST_MAX, token)?.unwrap_or_default(),
            ignore_eos: fields.flag("ignore_eos")?.unwrap_or(false),
            include_stop_str_in_output: fields.flag("include_stop_str_in_output")?.unwrap_or(false),
        })
    }
}

/// One text or a list of them.
pub(super) fn stop_texts(fields: &mut Fields, name: &str) -> Result<Vec<String>, RequestFault> {
    let path = fields.path(name);
    let texts = match fields.value(name) {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(values)) => super::fields::list_of(values, &path, STOPS_MAX, text)?,
        Some(_) => return Err(RequestFault::wrong(path, "must be a string or a list of strings")),
    };
    if texts.iter().any(|text| text.is_empty() || text.len() > STOP_LEN_MAX) {
        let what = format!("must have texts of 1 to {STOP_LEN_MAX} bytes");
        return Err(RequestFault::wrong(path, &what));
    }
    Ok(texts)
}
