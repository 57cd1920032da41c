//! What the completion APIs have in common.

use serde_json::json;

use super::{RequestFault, SamplingFields, StopFields, Structure, fields::Fields, structure};

/// Answers to one prompt.
const CHOICES_MAX: usize = 128;

/// Alternatives per token; the model's own limit is lower.
pub(super) const LOGPROBS_MAX: usize = 1 << 20;

/// Fields that say something about the request and change nothing in the answer.
pub(super) const HARMLESS: [&str; 14] = [
    "user",
    "metadata",
    "store",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "request_id",
    "prediction",
    "include_reasoning",
    "spaces_between_special_tokens",
    "length_penalty",
    "early_stopping",
    "verbosity",
];

/// What is generated and how, whatever it is made from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerationFields {
    /// The model's name; empty if the request leaves it open.
    pub model: String,
    /// Independent answers to each prompt.
    pub choices: usize,
    /// How tokens are chosen.
    pub sampling: SamplingFields,
    /// When an answer ends.
    pub stop: StopFields,
    /// Tokens of an answer to a request that does not say, as far as the context has them; `None` is
    /// all that the context has.
    pub max_tokens_default: Option<usize>,
    /// Whether control tokens are left out of the text.
    pub skip_special_tokens: bool,
    /// How the answer is streamed, if it is.
    pub stream: Option<StreamFields>,
    /// Alternatives per generated token whose probabilities are told.
    pub logprobs: Option<usize>,
    /// The same for the prompt's tokens.
    pub prompt_logprobs: Option<usize>,
    /// What holds the answer, and the field that says so.
    pub structure: Option<(&'static str, Structure)>,
    /// Lower comes first.
    pub priority: i32,
    /// Prompts with other salts share no memory.
    pub cache_salt: String,
    /// Whether the tokens themselves are told.
    pub return_token_ids: bool,
    /// Whether a token is named by its number where a text would stand.
    pub tokens_as_ids: bool,
    /// So many of the prompt's last tokens are used.
    pub truncate_prompt_tokens: Option<usize>,
}

/// How a stream tells usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamFields {
    /// In a chunk of its own, at the end.
    pub include_usage: bool,
    /// In every chunk.
    pub continuous_usage: bool,
}

impl GenerationFields {
    /// Reads all but what holds the answer and how probabilities are asked for, which the APIs
    /// write differently. `limits` are the names of the longest answer.
    pub(super) fn read(
        fields: &mut Fields,
        limits: &[&'static str],
        tokens_min: usize,
    ) -> Result<Self, RequestFault> {
        let choices = fields.count("n", 1..=CHOICES_MAX)?.unwrap_or(1);
        fields.only("best_of", &json!(choices))?;
        fields.only("use_beam_search", &json!(false))?;
        fields.ignore(&HARMLESS);
        let stream = StreamFields::read(fields)?;
        let prompt_logprobs = fields.count("prompt_logprobs", 0..=LOGPROBS_MAX)?;
        if stream.is_some() && prompt_logprobs.is_some() {
            return Err(fields.fault("prompt_logprobs", "cannot be told in a stream"));
        }
        Ok(Self {
            model: fields.string("model")?.unwrap_or_default(),
            choices,
            max_tokens_default: None,
            sampling: SamplingFields::read(fields)?,
            stop: StopFields::read(fields, limits, tokens_min)?,
            skip_special_tokens: fields.flag("skip_special_tokens")?.unwrap_or(true),
            stream,
            logprobs: None,
            prompt_logprobs,
            structure: structure::read(fields)?,
            priority: priority(fields)?,
            cache_salt: fields.string("cache_salt")?.unwrap_or_default(),
            return_token_ids: fields.flag("return_token_ids")?.unwrap_or(false),
            tokens_as_ids: fields.flag("return_tokens_as_token_ids")?.unwrap_or(false),
            truncate_prompt_tokens: fields
                .count("truncate_prompt_tokens", 1..=i32::MAX as usize)?,
        })
    }
}

pub(super) fn priority(fields: &mut Fields) -> Result<i32, RequestFault> {
    let priority = fields.integer("priority", i64::from(i32::MIN)..=i64::from(i32::MAX))?;
    Ok(priority.and_then(|priority| i32::try_from(priority).ok()).unwrap_or(0))
}

impl StreamFields {
    fn read(fields: &mut Fields) -> Result<Option<Self>, RequestFault> {
        let is_streamed = fields.flag("stream")?.unwrap_or(false);
        let mut stream = Self::default();
        if let Some(mut options) = fields.object("stream_options")? {
            stream.include_usage = options.flag("include_usage")?.unwrap_or(false);
            stream.continuous_usage = options.flag("continuous_usage_stats")?.unwrap_or(false);
            options.ignore(&["include_obfuscation"]);
            options.finish()?;
        }
        Ok(is_streamed.then_some(stream))
    }
}
