use thiserror::Error;

/// How the tokens of one sequence are chosen and when it ends; no protocol's type, but the fields have the names of OpenAI's and vLLM's API.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingParameters {
    /// Divides the logits; 0 takes the likeliest token.
    pub temperature: f32,
    /// Smallest set of likeliest tokens whose probability reaches this; 1 is off.
    pub top_p: f32,
    /// So many likeliest tokens; 0 is off.
    pub top_k: u32,
    /// Tokens less likely than this share of the likeliest one are left out; 0 is off.
    pub min_p: f32,
    /// Makes tokens of prompt and answer less likely above 1; 1 is off.
    pub repetition_penalty: f32,
    /// Taken off the logits of tokens that the answer has.
    pub presence_penalty: f32,
    /// Taken off the logits for each time that the answer has the token.
    pub frequency_penalty: f32,
    /// Added to the logits of these tokens.
    pub logit_bias: Vec<(u32, f32)>,
    /// The same seed and prompt give the same tokens; without one each sequence differs.
    pub seed: Option<u64>,
    /// Strings that end the answer.
    pub stop: Vec<String>,
    /// Whether the answer's text has the string that ended it.
    pub include_stop_str_in_output: bool,
    /// Tokens that end the answer, besides the model's own.
    pub stop_token_ids: Vec<u32>,
    /// The model's end-of-sequence tokens do not end the answer.
    pub ignore_eos: bool,
    /// No end before so many tokens.
    pub min_tokens: usize,
    /// The answer ends after so many tokens.
    pub max_tokens: usize,
    /// Log probabilities of each token, and of so many likeliest ones.
    pub logprobs: Option<usize>,
    /// The same for the tokens of the prompt.
    pub prompt_logprobs: Option<usize>,
    /// Only these tokens may be chosen.
    pub allowed_token_ids: Option<Vec<u32>>,
    /// Sequences of tokens that must not appear in the answer.
    pub bad_words: Vec<Vec<u32>>,
    /// Special tokens have no text in the answer.
    pub skip_special_tokens: bool,
}

impl Default for SamplingParameters {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: Vec::new(),
            seed: None,
            stop: Vec::new(),
            include_stop_str_in_output: false,
            stop_token_ids: Vec::new(),
            ignore_eos: false,
            min_tokens: 0,
            max_tokens: 16,
            logprobs: None,
            prompt_logprobs: None,
            allowed_token_ids: None,
            bad_words: Vec::new(),
            skip_special_tokens: true,
        }
    }
}

/// A parameter that cannot be honoured.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct ParameterError {
    /// Its name in OpenAI's API.
    pub parameter: &'static str,
    /// What is wrong and what would be right; names the parameter.
    pub message: String,
}

impl SamplingParameters {
    /// Below this a temperature means greedy.
    pub const TEMPERATURE_MIN: f32 = 1e-5;
    /// Most alternatives that log probabilities are given for.
    pub const LOGPROBS_MAX: usize = 20;
    /// Most entries of `logit_bias`.
    pub const LOGIT_BIAS_MAX: usize = 1024;
    /// Most entries of `stop_token_ids`.
    pub const STOP_TOKEN_IDS_MAX: usize = 256;
    /// Most entries of `stop`.
    pub const STOP_STRINGS_MAX: usize = 64;
    /// Most bytes of one entry of `stop`.
    pub const STOP_BYTES_MAX: usize = 1024;
    /// Most entries of `bad_words`.
    pub const BAD_WORDS_MAX: usize = 256;
    /// Most tokens of one entry of `bad_words`.
    pub const BAD_WORD_TOKENS_MAX: usize = 64;

    /// Whether the likeliest token is taken.
    #[must_use]
    pub fn is_greedy(&self) -> bool {
        self.temperature < Self::TEMPERATURE_MIN
    }

    /// Checks every field against its range and a vocabulary of so many tokens.
    ///
    /// # Errors
    ///
    /// The first parameter that is not a number, out of range, too long, or names a token that does not exist.
    pub fn validate(&self, vocabulary: usize) -> Result<(), ParameterError> {
        self.validate_numbers()?;
        self.validate_lengths()?;
        self.validate_stops(vocabulary)?;
        self.validate_bias(vocabulary)?;
        self.validate_words(vocabulary)
    }

    fn validate_numbers(&self) -> Result<(), ParameterError> {
        range("temperature", self.temperature, 0.0, f32::MAX)?;
        range("top_p", self.top_p, 0.0, 1.0)?;
        check(self.top_p > 0.0, "top_p", || "must be greater than 0 and at most 1".to_owned())?;
        range("min_p", self.min_p, 0.0, 1.0)?;
        range("repetition_penalty", self.repetition_penalty, 0.0, f32::MAX)?;
        check(self.repetition_penalty > 0.0, "repetition_penalty", || {
            "must be greater than 0; 1 turns it off".to_owned()
        })?;
        range("presence_penalty", self.presence_penalty, -2.0, 2.0)?;
        range("frequency_penalty", self.frequency_penalty, -2.0, 2.0)
    }

    fn validate_lengths(&self) -> Result<(), ParameterError> {
        check(self.max_tokens > 0, "max_tokens", || "must be at least 1".to_owned())?;
        check(self.min_tokens <= self.max_tokens, "min_tokens", || {
            format!("must be at most max_tokens ({}), but is {}", self.max_tokens, self.min_tokens)
        })?;
        for (name, count) in
            [("logprobs", self.logprobs), ("prompt_logprobs", self.prompt_logprobs)]
        {
            let count = count.unwrap_or(0);
            check(count <= Self::LOGPROBS_MAX, name, || {
                format!("must be at most {}, but is {count}", Self::LOGPROBS_MAX)
            })?;
        }
        Ok(())
    }

    fn validate_stops(&self, vocabulary: usize) -> Result<(), ParameterError> {
        length("stop", self.stop.len(), Self::STOP_STRINGS_MAX)?;
        for stop in &self.stop {
            check(!stop.is_empty(), "stop", || "must not hold an empty string".to_owned())?;
            check(stop.len() <= Self::STOP_BYTES_MAX, "stop", || {
                let (length, max) = (stop.len(), Self::STOP_BYTES_MAX);
                format!("holds a string of {length} bytes; at most {max} are allowed")
            })?;
        }
        length("stop_token_ids", self.stop_token_ids.len(), Self::STOP_TOKEN_IDS_MAX)?;
        tokens("stop_token_ids", &self.stop_token_ids, vocabulary)
    }

    fn validate_bias(&self, vocabulary: usize) -> Result<(), ParameterError> {
        length("logit_bias", self.logit_bias.len(), Self::LOGIT_BIAS_MAX)?;
        for (token, bias) in &self.logit_bias {
            tokens("logit_bias", &[*token], vocabulary)?;
            range("logit_bias", *bias, -100.0, 100.0)?;
        }
        let Some(allowed) = &self.allowed_token_ids else { return Ok(()) };
        check(!allowed.is_empty(), "allowed_token_ids", || "must not be empty".to_owned())?;
        length("allowed_token_ids", allowed.len(), vocabulary)?;
        tokens("allowed_token_ids", allowed, vocabulary)
    }

    fn validate_words(&self, vocabulary: usize) -> Result<(), ParameterError> {
        length("bad_words", self.bad_words.len(), Self::BAD_WORDS_MAX)?;
        for word in &self.bad_words {
            check(!word.is_empty(), "bad_words", || "must not hold an empty word".to_owned())?;
            length("bad_words", word.len(), Self::BAD_WORD_TOKENS_MAX)?;
            tokens("bad_words", word, vocabulary)?;
        }
        Ok(())
    }
}

fn check(
    holds: bool,
    parameter: &'static str,
    rule: impl FnOnce() -> String,
) -> Result<(), ParameterError> {
    if holds {
        return Ok(());
    }
    Err(ParameterError { parameter, message: format!("{parameter} {}", rule()) })
}

fn range(parameter: &'static str, value: f32, min: f32, max: f32) -> Result<(), ParameterError> {
    check((min..=max).contains(&value), parameter, || {
        if max == f32::MAX {
            format!("must be a number not below {min}, but is {value}")
        } else {
            format!("must be between {min} and {max}, but is {value}")
        }
    })
}

fn length(parameter: &'static str, found: usize, max: usize) -> Result<(), ParameterError> {
    check(found <= max, parameter, || format!("has {found} entries; at most {max} are allowed"))
}

fn tokens(parameter: &'static str, ids: &[u32], vocabulary: usize) -> Result<(), ParameterError> {
    let unknown = ids.iter().find(|id| **id as usize >= vocabulary);
    check(unknown.is_none(), parameter, || {
        let id = unknown.copied().unwrap_or_default();
        format!("names token {id}, but the model's tokens are 0 to {}", vocabulary.max(1) - 1)
    })
}

#[cfg(test)]
mod tests;
