use std::ops::Range;

use crate::{Purpose, Sequence, SequenceId};

/// What one run of the model computes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Parts of sequences: those that decode first, then prompts; at most one per sequence.
    pub chunks: Vec<Chunk>,
    /// Sequences that lost their blocks for this step; they come back by themselves.
    pub preempted: Vec<SequenceId>,
    /// Rows of all chunks, drafts included.
    pub tokens: usize,
    /// How many of `chunks`, from the first on, compute one known token each (and drafts).
    pub decoding: usize,
}

/// Tokens of one sequence that a step computes: known ones, then drafts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Whose tokens.
    pub sequence: SequenceId,
    /// Position of the first one in the sequence. All before it are in the cache.
    pub first_position: usize,
    /// Rows, drafts included.
    pub tokens: usize,
    /// How many of the last rows are drafts: the first of [`Sequence::drafts`].
    pub drafts: usize,
    /// Rows from this one on are needed after the last layer; `tokens` if none is.
    pub first_output_row: usize,
    /// Whether a token is to be sampled: after the last known token, and after every draft that
    /// is accepted.
    pub samples: bool,
}

impl Step {
    /// Whether there is nothing to compute.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Rows that compute prompts, or again what preempted sequences lost.
    #[must_use]
    pub fn prefill_tokens(&self) -> usize {
        self.chunks[self.decoding..].iter().map(|chunk| chunk.tokens).sum()
    }
}

impl Chunk {
    /// The next `known` tokens of a sequence.
    pub(super) fn of(sequence: &Sequence, known: usize) -> Self {
        let reaches_end = known == sequence.uncomputed();
        let first_output_row = match sequence.purpose() {
            Purpose::Generate if reaches_end => known - 1,
            Purpose::Generate => known,
            Purpose::PromptLogits | Purpose::Embed => 0,
        };
        Self {
            sequence: sequence.id(),
            first_position: sequence.computed_tokens(),
            tokens: known,
            drafts: 0,
            first_output_row,
            samples: reaches_end && sequence.output_left() > 0,
        }
    }

    /// Rows of the chunk that are needed after the last layer: as logits, or as hidden states for
    /// [`Purpose::Embed`].
    #[must_use]
    pub fn output_rows(&self) -> Range<usize> {
        self.first_output_row..self.tokens
    }

    /// Known tokens that are computed.
    #[must_use]
    pub fn known(&self) -> usize {
        self.tokens - self.drafts
    }

    /// The token of each row.
    pub fn input<'a>(&self, sequence: &'a Sequence) -> impl Iterator<Item = u32> + use<'a> {
        let known = self.first_position..self.first_position + self.known();
        let drafts = &sequence.drafts()[..self.drafts];
        sequence.tokens()[known].iter().chain(drafts).copied()
    }
}
