use super::{SampleError, SamplerWorkspace, candidates::Weight, row};

/// A token and the natural logarithm of its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenLogprob {
    /// The token's id.
    pub token: u32,
    /// At most 0.
    pub logprob: f32,
}

/// How likely a token was by the model itself: before temperature, penalties and masks.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprobs {
    /// The token in question.
    pub chosen: TokenLogprob,
    /// One more than the number of likelier tokens.
    pub rank: usize,
    /// The likeliest tokens, falling; equal ones by id.
    pub top: Vec<TokenLogprob>,
}

impl TokenLogprobs {
    /// Looks up a token in the logits of the position before it: of the prompt, or before anything was done to them.
    ///
    /// # Errors
    ///
    /// A logit that is not a number, or a token beyond the row.
    pub fn of(
        logits: &[f32],
        token: u32,
        top: usize,
        workspace: &mut SamplerWorkspace,
    ) -> Result<Self, SampleError> {
        let logit = *logits.get(token as usize).ok_or(SampleError::UnknownToken { token })?;
        let SamplerWorkspace { peaks, weights, candidates, .. } = workspace;
        let highest = row::scan(logits, peaks)?;
        let weight = Weight { highest, scale: 1.0 };
        let mass = row::weigh(logits, f32::MIN, weight, weights).ln();
        let rank = 1 + row::above(logits, peaks, logit);
        #[expect(clippy::cast_possible_truncation, reason = "logits have single precision")]
        let logprob = |logit: f32| (f64::from(logit - highest) - mass).min(0.0) as f32;
        candidates.gather_top(logits, peaks, top, f32::MIN);
        candidates.sort();
        let top = candidates
            .iter()
            .map(|(token, logit)| TokenLogprob { token, logprob: logprob(logit) })
            .collect();
        Ok(Self { chosen: TokenLogprob { token, logprob: logprob(logit) }, rank, top })
    }
}
