//! How much of prompts may join the steps of sequences that decode.

use std::time::Duration;

use crate::Step;

/// How much longer than without prompts a step of decoding sequences may take.
const STRETCH: f64 = 2.0;

/// Share of the newest measurement in a mean.
const WEIGHT: f64 = 0.2;

/// Tokens of prompts that join in any case: a prompt must get on.
const PREFILL_TOKENS_MIN: usize = 16;

/// Measures steps without and with prompts, and says how many tokens of prompts make a step of
/// decoding sequences [`STRETCH`] times as long.
#[derive(Clone, Debug)]
pub(super) struct Pacing {
    step_tokens_max: usize,
    /// Seconds of a step that decodes only; 0 until one was measured.
    decode_seconds: f64,
    /// Seconds that a token of a prompt adds; 0 until it was measured.
    prefill_token_seconds: f64,
    last: LastStep,
}

/// The step whose duration is not known yet.
#[derive(Clone, Copy, Debug, Default)]
struct LastStep {
    decoding: usize,
    prefill_tokens: usize,
}

impl Pacing {
    pub(super) fn new(step_tokens_max: usize) -> Self {
        Self {
            step_tokens_max,
            decode_seconds: 0.0,
            prefill_token_seconds: 0.0,
            last: LastStep::default(),
        }
    }

    /// Tokens of prompts that may join a step of decoding sequences.
    pub(super) fn prefill_tokens_max(&self) -> usize {
        if self.decode_seconds == 0.0 || self.prefill_token_seconds == 0.0 {
            return (self.step_tokens_max / 8).max(PREFILL_TOKENS_MIN);
        }
        let tokens = (STRETCH - 1.0) * self.decode_seconds / self.prefill_token_seconds;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let tokens = tokens.clamp(0.0, 1e9) as usize;
        tokens.clamp(PREFILL_TOKENS_MIN, self.step_tokens_max)
    }

    /// Takes note of what a step computes.
    pub(super) fn note_step(&mut self, step: &Step) {
        self.last = LastStep { decoding: step.decoding, prefill_tokens: step.prefill_tokens() };
    }

    /// Takes note of how long it took.
    pub(super) fn note_duration(&mut self, duration: Duration) {
        let LastStep { decoding, prefill_tokens } = std::mem::take(&mut self.last);
        let seconds = duration.as_secs_f64();
        if prefill_tokens == 0 && decoding > 0 {
            mix(&mut self.decode_seconds, seconds);
            return;
        }
        if prefill_tokens < PREFILL_TOKENS_MIN {
            return;
        }
        let others = if decoding > 0 { self.decode_seconds } else { 0.0 };
        #[expect(clippy::cast_precision_loss, reason = "tokens of a step")]
        let each = (seconds - others).max(0.0) / prefill_tokens as f64;
        if each > 0.0 {
            mix(&mut self.prefill_token_seconds, each);
        }
    }
}

fn mix(mean: &mut f64, new: f64) {
    *mean = if *mean == 0.0 { new } else { *mean + WEIGHT * (new - *mean) };
}

#[cfg(test)]
mod tests;
