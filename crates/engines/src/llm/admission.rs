//! How much may wait for a language model, and when to come again.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use serving::{ErrorKind, ServeError};

/// Time constant of the measured rate: steps further back count for little.
const RATE_SECONDS: f64 = 5.0;

/// Longest time that a caller is told to wait.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// What may wait at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Sequences.
    pub(super) sequences: usize,
    /// Tokens of their prompts together.
    pub(super) tokens: usize,
}

/// Counts what waits for its first step.
#[derive(Debug)]
pub(super) struct Admission {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sequences: usize,
    tokens: usize,
    /// Tokens of prompts and answers a second; 0 until it is known.
    rate: f64,
}

/// The right to wait; given back by its drop.
#[derive(Debug)]
pub(super) struct Ticket {
    admission: Arc<Admission>,
    sequences: usize,
    tokens: usize,
}

impl Admission {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default() })
    }

    /// Lets `sequences` with a prompt of `tokens` wait. A request alone is never too large.
    ///
    /// # Errors
    ///
    /// As many wait as may; the error says when to come again, by the rate measured.
    pub(super) fn enter(
        self: &Arc<Self>,
        sequences: usize,
        tokens: usize,
    ) -> Result<Ticket, ServeError> {
        let mut state = self.state.lock();
        let is_first = state.sequences == 0;
        let fits = state.sequences + sequences <= self.limits.sequences
            && state.tokens.saturating_add(tokens) <= self.limits.tokens;
        if !fits && !is_first {
            return Err(self.refusal(&state));
        }
        state.sequences += sequences;
        state.tokens += tokens;
        Ok(Ticket { admission: Arc::clone(self), sequences, tokens })
    }

    /// Takes note of a step of `tokens` that took so long.
    pub(super) fn note_step(&self, tokens: usize, duration: Duration) {
        let seconds = duration.as_secs_f64();
        if tokens == 0 || seconds <= 0.0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "steps have thousands of tokens")]
        let now = tokens as f64 / seconds;
        let mut state = self.state.lock();
        let weight = if state.rate == 0.0 { 1.0 } else { 1.0 - (-seconds / RATE_SECONDS).exp() };
        state.rate += weight * (now - state.rate);
    }

    /// Sequences that wait now.
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().sequences
    }

    fn refusal(&self, state: &State) -> ServeError {
        let message = format!(
            "{} requests with {} tokens wait for the model already, at most {} with {} may; try \
             again later",
            state.sequences, state.tokens, self.limits.sequences, self.limits.tokens
        );
        ServeError::new(ErrorKind::Exhausted, message).with_retry_after(retry_after(state))
    }
}

/// How long what waits will take.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn retry_after(state: &State) -> Duration {
    let seconds = if state.rate > 0.0 { state.tokens as f64 / state.rate } else { 1.0 };
    Duration::try_from_secs_f64(seconds.ceil().max(1.0))
        .map_or(RETRY_AFTER_MAX, |wait| wait.min(RETRY_AFTER_MAX))
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.admission.state.lock();
        state.sequences -= self.sequences;
        state.tokens -= self.tokens;
    }
}

#[cfg(test)]
mod tests;
