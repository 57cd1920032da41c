#[cfg(test)]
mod tests;

/// How often a draft comes true, by how many tokens before it match: every accepted draft makes
/// the match one token longer.
#[derive(Clone, Debug)]
pub(super) struct Acceptance {
    /// By tokens that match, from 1 on; the last one also for more.
    counts: Vec<Count>,
}

/// Outcomes, the older the less they count.
#[derive(Clone, Copy, Debug)]
struct Count {
    tried: f64,
    came_true: f64,
}

/// Outcomes that a guess is worth before anything was seen.
const GUESS_WEIGHT: f64 = 2.0;

/// What is left of an outcome's weight after one more.
const MEMORY: f64 = 0.95;

impl Acceptance {
    /// Returns a guess for each length of a match up to `matched_max`: the longer, the surer.
    pub(super) fn new(matched_max: usize) -> Self {
        let guess = |matched: usize| {
            let probability = 1.0 - 1.0 / (matched as f64 + 1.0);
            Count { tried: GUESS_WEIGHT, came_true: GUESS_WEIGHT * probability }
        };
        Self { counts: (1..=matched_max).map(guess).collect() }
    }

    /// The probability that a draft after `matched` equal tokens comes true.
    pub(super) fn probability(&self, matched: usize) -> f64 {
        let Count { tried, came_true } = self.counts[self.index(matched)];
        came_true / tried
    }

    pub(super) fn observe(&mut self, matched: usize, came_true: bool) {
        let index = self.index(matched);
        let count = &mut self.counts[index];
        count.tried = count.tried * MEMORY + 1.0;
        count.came_true = count.came_true * MEMORY + f64::from(u8::from(came_true));
    }

    fn index(&self, matched: usize) -> usize {
        matched.clamp(1, self.counts.len()) - 1
    }
}
