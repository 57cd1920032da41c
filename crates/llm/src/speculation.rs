use acceptance::Acceptance;
use lookup::{continuation, longest_match};

pub use draftsman::Draftsman;
pub use step_cost::{StepCost, StepForecast};

mod acceptance;
mod draftsman;
mod lookup;
mod step_cost;
#[cfg(test)]
mod tests;

/// Proposes how one sequence goes on, by looking for its last tokens earlier in itself, and decides
/// how many of the proposed tokens a step should check.
///
/// A step that checks `k` drafts computes `k` rows more and gives as many tokens more as are
/// accepted. Whether that pays depends on how often drafts of this sequence come true, and on what
/// rows cost on this machine beside the rest of the step; both are measured. Proposals are made in
/// every step and compared with what follows even if none is checked, so that it costs nothing to
/// find out when it pays again.
///
/// What is accepted must not change the answer: sample as usual after the last known token and
/// after each draft, and go on while the sampled token is the next draft. As the proposal is
/// certain, this is rejection sampling: a draft passes with its probability, and what replaces it
/// is drawn from the rest.
#[derive(Clone, Debug)]
pub struct Speculator {
    options: SpeculationOptions,
    acceptance: Acceptance,
    /// What may follow, checked or not.
    proposal: Vec<u32>,
    /// Tokens that the place where it was found has in common with the end.
    matched: usize,
}

/// Limits of a [`Speculator`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpeculationOptions {
    /// Fewer equal tokens than this are no reason for a proposal; at least 1.
    pub match_tokens_min: usize,
    /// More equal tokens than this are not looked for; what matches so far counts as the best.
    pub match_tokens_max: usize,
    /// Drafts in one step at most.
    pub drafts_max: usize,
}

impl Default for SpeculationOptions {
    fn default() -> Self {
        Self { match_tokens_min: 2, match_tokens_max: 8, drafts_max: 8 }
    }
}

/// A step must give so many times the tokens per second for its drafts: less is lost in the error
/// of the forecast.
const GAIN_MIN: f64 = 1.03;

impl Speculator {
    /// Returns the speculator of a new sequence.
    ///
    /// # Panics
    ///
    /// If the lengths of a match are not in order.
    #[must_use]
    pub fn new(options: SpeculationOptions) -> Self {
        let SpeculationOptions { match_tokens_min, match_tokens_max, .. } = options;
        assert!(match_tokens_min >= 1 && match_tokens_min <= match_tokens_max, "{options:?}");
        let acceptance = Acceptance::new(match_tokens_max);
        Self { options, acceptance, proposal: Vec::new(), matched: 0 }
    }

    /// Drafts that the next step should check after `tokens`, which is the whole sequence; none if
    /// nothing is found or it does not pay. Adds them to the step's forecast.
    pub fn propose(&mut self, tokens: &[u32], step: &mut StepForecast<'_>) -> &[u32] {
        self.proposal.clear();
        let SpeculationOptions { match_tokens_min, match_tokens_max, drafts_max } = self.options;
        let Some(found) = longest_match(tokens, match_tokens_min, match_tokens_max) else {
            return &[];
        };
        self.matched = found.length;
        continuation(tokens, found.end, drafts_max, &mut self.proposal);
        let drafts = self.drafts_that_pay(step);
        &self.proposal[..drafts]
    }

    /// Learns from the tokens that a step has added to the sequence.
    pub fn observe(&mut self, followed: &[u32]) {
        for (index, (draft, token)) in self.proposal.iter().zip(followed).enumerate() {
            self.acceptance.observe(self.matched + index, draft == token);
            if draft != token {
                break;
            }
        }
        self.proposal.clear();
    }

    /// The number of drafts with which the step gives most tokens per second.
    fn drafts_that_pay(&self, step: &mut StepForecast<'_>) -> usize {
        let Some(plain) = step.tokens_per_second(0, 0.0) else { return 0 };
        let (mut best, mut best_gain, mut best_rate) = (0, 0.0, plain * GAIN_MIN);
        let (mut reached, mut gain) = (1.0, 0.0);
        for drafts in 1..=self.proposal.len() {
            reached *= self.acceptance.probability(self.matched + drafts - 1);
            gain += reached;
            match step.tokens_per_second(drafts, gain) {
                Some(rate) if rate > best_rate => {
                    (best, best_gain, best_rate) = (drafts, gain, rate);
                }
                Some(_) => {}
                None => break,
            }
        }
        step.add(best, best_gain);
        best
    }
}
