mod bad_words;
mod candidates;
mod draw;
mod exponential;
mod logprobs;
mod mask;
mod nucleus;
mod penalties;
mod row;

use thiserror::Error;

use self::{bad_words::BadWords, candidates::Candidates, draw::Distribution, penalties::Penalties};
use crate::SamplingParameters;

pub use self::{
    logprobs::{TokenLogprob, TokenLogprobs},
    mask::TokenMask,
};

/// Chooses the tokens of one sequence.
///
/// Token `i` of an answer is drawn with the `i`-th number of the sequence's seed and nothing else: the same seed
/// and the same logits give the same tokens whatever else is in the batch, after a preemption, and with or without
/// speculation. To verify a guessed token, sample as ever and compare: a token that is drawn from the distribution `p`
/// equals the guess with probability `p(guess)` and is otherwise distributed as `p` without the guess, which is all that
/// speculative decoding asks for.
///
/// The steps have vLLM's order: log probabilities of the model's own distribution, allowed tokens, grammar, bad words,
/// ends before `min_tokens`, `logit_bias`, penalties; then the likeliest, or temperature, `min_p`, `top_k`, `top_p`, draw.
#[derive(Clone, Debug)]
pub struct Sampler {
    seed: u64,
    generated: usize,
    /// `None` takes the likeliest token.
    distribution: Option<Distribution>,
    /// In order, without doubles.
    allowed: Option<Box<[u32]>>,
    bad_words: Option<BadWords>,
    /// Tokens that would end the answer.
    ends: Box<[u32]>,
    min_tokens: usize,
    bias: Box<[(u32, f32)]>,
    penalties: Option<Penalties>,
    logprobs: Option<usize>,
}

/// A chosen token.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// Its id.
    pub token: u32,
    /// If the sequence asked for them.
    pub logprobs: Option<TokenLogprobs>,
}

/// Why no token can be chosen; fails one sequence.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SampleError {
    /// The model's fault.
    #[error("the model's output is not a finite number")]
    NotFinite,
    /// The request's fault.
    #[error(
        "no token is left: the grammar, allowed_token_ids, bad_words and min_tokens forbid all of them"
    )]
    NothingAllowed,
    /// The caller's fault.
    #[error("token {token} is beyond the model's output")]
    UnknownToken {
        /// The token's id.
        token: u32,
    },
}

/// Memory that sampling needs for the moment; one per thread, for all sequences.
#[derive(Debug, Default)]
pub struct SamplerWorkspace {
    /// Highest logit of each block.
    peaks: Vec<f32>,
    /// Probabilities relative to the likeliest token's.
    weights: Vec<f32>,
    candidates: Candidates,
    /// Logits as the model gave them.
    raw: Vec<f32>,
    /// Logits of the allowed tokens.
    allowed: Vec<f32>,
}

impl Sampler {
    /// Takes parameters that were validated, and the model's own end-of-sequence tokens.
    #[must_use]
    pub fn new(parameters: &SamplingParameters, end_of_sequence: &[u32]) -> Self {
        let mut ends = parameters.stop_token_ids.clone();
        if !parameters.ignore_eos {
            ends.extend_from_slice(end_of_sequence);
        }
        let allowed = parameters.allowed_token_ids.clone().map(|mut ids| {
            ids.sort_unstable();
            ids.dedup();
            ids.into_boxed_slice()
        });
        Self {
            seed: parameters.seed.unwrap_or_else(|| fastrand::u64(..)),
            generated: 0,
            distribution: Distribution::of(parameters),
            allowed,
            bad_words: BadWords::of(&parameters.bad_words),
            ends: ends.into_boxed_slice(),
            min_tokens: parameters.min_tokens,
            bias: parameters.logit_bias.clone().into_boxed_slice(),
            penalties: Penalties::of(parameters),
            logprobs: parameters.logprobs,
        }
    }

    /// Tells the prompt, which `repetition_penalty` looks at. Once, before the first token.
    pub fn observe_prompt(&mut self, prompt: &[u32]) {
        if let Some(penalties) = &mut self.penalties {
            penalties.observe_prompt(prompt);
        }
    }

    /// Tells a token of the answer that was not sampled, as one that a grammar forces.
    pub fn observe(&mut self, token: u32) {
        self.generated += 1;
        if let Some(penalties) = &mut self.penalties {
            penalties.observe(token);
        }
        if let Some(bad_words) = &mut self.bad_words {
            bad_words.observe(token);
        }
    }

    /// Chooses the next token and remembers it.
    ///
    /// `logits` are those of the last position, one per token; they are changed. `mask` is what a grammar allows.
    ///
    /// # Errors
    ///
    /// A logit that is not a number, or no token that is allowed. The sampler is as before.
    pub fn sample(
        &mut self,
        logits: &mut [f32],
        mask: Option<TokenMask<'_>>,
        workspace: &mut SamplerWorkspace,
    ) -> Result<Sampled, SampleError> {
        if self.logprobs.is_some() {
            workspace.raw.clear();
            workspace.raw.extend_from_slice(logits);
        }
        self.edit(logits, mask, &mut workspace.allowed);
        let token = self.choose(logits, workspace)?;
        let logprobs = self.logprobs_of(token, workspace)?;
        self.observe(token);
        Ok(Sampled { token, logprobs })
    }

    fn edit(&self, logits: &mut [f32], mask: Option<TokenMask<'_>>, saved: &mut Vec<f32>) {
        if let Some(allowed) = &self.allowed {
            keep_only(logits, allowed, saved);
        }
        if let Some(mask) = mask {
            mask.apply(logits);
        }
        if let Some(bad_words) = &self.bad_words {
            bad_words.apply(logits);
        }
        if self.generated < self.min_tokens {
            for end in &self.ends {
                if let Some(logit) = logits.get_mut(*end as usize) {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
        for (token, bias) in &self.bias {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit += bias;
            }
        }
        if let Some(penalties) = &self.penalties {
            penalties.apply(logits);
        }
    }

    fn choose(&self, logits: &[f32], workspace: &mut SamplerWorkspace) -> Result<u32, SampleError> {
        if let Some(distribution) = &self.distribution {
            return distribution.draw(logits, unit(self.seed, self.generated), workspace);
        }
        let highest = row::scan(logits, &mut workspace.peaks)?;
        row::first_of(logits, &workspace.peaks, highest).ok_or(SampleError::NothingAllowed)
    }

    fn logprobs_of(
        &self,
        token: u32,
        workspace: &mut SamplerWorkspace,
    ) -> Result<Option<TokenLogprobs>, SampleError> {
        let Some(top) = self.logprobs else { return Ok(None) };
        let raw = std::mem::take(&mut workspace.raw);
        let logprobs = TokenLogprobs::of(&raw, token, top, workspace);
        workspace.raw = raw;
        logprobs.map(Some)
    }
}

/// Makes all but `allowed` impossible.
fn keep_only(logits: &mut [f32], allowed: &[u32], saved: &mut Vec<f32>) {
    saved.clear();
    let logit = |token: &u32| logits.get(*token as usize).copied();
    saved.extend(allowed.iter().map(|token| logit(token).unwrap_or(f32::NEG_INFINITY)));
    logits.fill(f32::NEG_INFINITY);
    for (token, logit) in allowed.iter().zip(saved) {
        if let Some(place) = logits.get_mut(*token as usize) {
            *place = *logit;
        }
    }
}

/// A number from 0 to below 1 that depends on nothing but the seed and the place.
fn unit(seed: u64, place: usize) -> f64 {
    // SplitMix64 (Steele, Lea, Flood 2014), whose state is a counter.
    let mut bits = mix(seed).wrapping_add((place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = mix(bits);
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    let numerator = (bits >> 11) as f64;
    numerator * (0.5_f64).powi(53)
}

fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests;
