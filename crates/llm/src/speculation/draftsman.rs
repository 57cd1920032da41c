use std::{collections::HashMap, time::Duration};

use super::{SpeculationOptions, Speculator, StepCost, StepForecast};
use crate::{Scheduler, SequenceId, Step};

#[cfg(test)]
mod tests;

/// Proposes drafts for all sequences of a scheduler that decode.
///
/// Around every step: [`Draftsman::propose`] before it is planned, [`Draftsman::note_step`] and
/// [`Draftsman::note_duration`] when it has run, and [`Draftsman::observe`] for the tokens of each
/// sequence.
#[derive(Debug, Default)]
pub struct Draftsman {
    options: SpeculationOptions,
    cost: StepCost,
    /// Of sequences that decode; looked up only.
    speculators: HashMap<SequenceId, Speculator>,
    /// Rows of the step whose duration is not known yet, if it computed no prompts.
    rows: Option<usize>,
}

/// Speculators of sequences that have ended are kept up to this number beside those that run.
const ENDED_MAX: usize = 64;

impl Draftsman {
    /// Returns a draftsman who knows nothing yet of what steps cost, so proposes nothing.
    #[must_use]
    pub fn new(options: SpeculationOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Gives drafts to the sequences that decode, as far as that pays. While prompts are computed
    /// it never does: they fill the step.
    pub fn propose(&mut self, scheduler: &mut Scheduler) {
        self.forget_ended(scheduler);
        let decoding = scheduler.decoding();
        if decoding == 0 || scheduler.prompts() > 0 {
            return;
        }
        let mut forecast = StepForecast::new(&self.cost, decoding);
        for index in 0..scheduler.running().len() {
            let id = scheduler.running()[index];
            let Some(sequence) = scheduler.sequence(id) else { continue };
            let new = || Speculator::new(self.options);
            let speculator = self.speculators.entry(id).or_insert_with(new);
            let drafts = speculator.propose(sequence.tokens(), &mut forecast);
            scheduler.set_draft(id, drafts);
        }
    }

    /// Notes what a step computes, before or after it runs.
    pub fn note_step(&mut self, step: &Step) {
        self.rows = (step.prefill_tokens() == 0).then_some(step.tokens);
    }

    /// Notes how long the step took that was noted last.
    pub fn note_duration(&mut self, duration: Duration) {
        if let Some(rows) = self.rows.take() {
            self.cost.observe(rows, duration);
        }
    }

    /// Learns from the tokens that a step has added to a sequence.
    pub fn observe(&mut self, id: SequenceId, followed: &[u32]) {
        if let Some(speculator) = self.speculators.get_mut(&id) {
            speculator.observe(followed);
        }
    }

    fn forget_ended(&mut self, scheduler: &Scheduler) {
        if self.speculators.len() > scheduler.running().len() + ENDED_MAX {
            self.speculators.retain(|id, _| scheduler.sequence(*id).is_some());
        }
    }
}
