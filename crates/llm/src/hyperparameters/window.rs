//! Attention to the last tokens only.

/// Which layers see only so many tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlidingWindow {
    /// Tokens that such a layer sees, the present one included.
    pub tokens: usize,
    /// For every layer, whether it is one.
    pub local: Vec<bool>,
}

impl SlidingWindow {
    /// All layers but every `period`th; `period` 0 means all.
    pub(super) fn periodic(tokens: usize, period: usize, layers: usize) -> Self {
        let is_local = |layer: usize| period == 0 || !(layer + 1).is_multiple_of(period);
        Self { tokens, local: (0..layers).map(is_local).collect() }
    }

    /// How many layers have it.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.local.iter().filter(|local| **local).count()
    }

    pub(super) fn of_layer(&self, layer: usize) -> Option<usize> {
        self.local[layer].then_some(self.tokens)
    }
}
