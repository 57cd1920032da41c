use std::collections::HashMap;

use crate::SamplingParameters;

/// What makes tokens less likely that were there before, with counts that are kept as tokens come.
#[derive(Clone, Debug)]
pub(super) struct Penalties {
    repetition: f32,
    presence: f32,
    frequency: f32,
    seen: Vec<Seen>,
    /// Where a token is in `seen`.
    places: HashMap<u32, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    token: u32,
    /// Times in the answer; 0 if only the prompt has it.
    generated: f32,
}

impl Penalties {
    /// `None` if nothing is penalised.
    pub(super) fn of(parameters: &SamplingParameters) -> Option<Self> {
        let (repetition, presence, frequency) = (
            parameters.repetition_penalty,
            parameters.presence_penalty,
            parameters.frequency_penalty,
        );
        (repetition != 1.0 || presence != 0.0 || frequency != 0.0).then(|| Self {
            repetition,
            presence,
            frequency,
            seen: Vec::new(),
            places: HashMap::new(),
        })
    }

    pub(super) fn observe_prompt(&mut self, prompt: &[u32]) {
        // Presence and frequency look at the answer only.
        if self.repetition != 1.0 {
            for token in prompt {
                self.seen_mut(*token);
            }
        }
    }

    pub(super) fn observe(&mut self, token: u32) {
        self.seen_mut(token).generated += 1.0;
    }

    fn seen_mut(&mut self, token: u32) -> &mut Seen {
        let next = self.seen.len();
        let place = *self.places.entry(token).or_insert(next);
        if place == next {
            self.seen.push(Seen { token, generated: 0.0 });
        }
        &mut self.seen[place]
    }

    pub(super) fn apply(&self, logits: &mut [f32]) {
        for seen in &self.seen {
            let Some(logit) = logits.get_mut(seen.token as usize) else { continue };
            if self.repetition != 1.0 {
                *logit =
                    if *logit > 0.0 { *logit / self.repetition } else { *logit * self.repetition };
            }
            if seen.generated > 0.0 {
                *logit -= self.frequency * seen.generated + self.presence;
            }
        }
    }
}
