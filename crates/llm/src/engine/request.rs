use crate::{FinishReason, Grammar, SamplingParameters, SequenceId, TokenLogprobs};

/// One sequence to be run.
#[derive(Clone, Debug)]
pub struct Request {
    /// At least one token.
    pub prompt: Vec<u32>,
    /// What is to be made of it.
    pub wanted: Wanted,
    /// Whose share of the machine it takes; empty is a tenant like any other.
    pub tenant: String,
    /// How large that share is, against those of others; 0 counts as 1.
    pub weight: u32,
    /// Lower values are served first.
    pub priority: i32,
    /// Prompts share what was computed only with those of the same salt.
    pub salt: String,
}

/// What is to be made of a prompt.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one per request, and nearly all are texts")]
pub enum Wanted {
    /// Text that continues it.
    Text {
        /// How; validated.
        sampling: Box<SamplingParameters>,
        /// What the text is held to.
        grammar: Option<Grammar>,
    },
    /// One vector of its tokens' last hidden states.
    Embedding {
        /// How they become one.
        pooling: Pooling,
        /// Whether it gets the length 1.
        normalise: bool,
    },
}

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The last token's.
    Last,
    /// The first token's.
    First,
}

/// What a step says of a sequence.
#[derive(Clone, Debug)]
pub enum Event {
    /// A step has taken part of it for the first time.
    Started {
        /// Which one.
        sequence: SequenceId,
        /// Tokens of its prompt that were found in the prefix cache.
        cached_tokens: usize,
    },
    /// It has got on.
    Output(Output),
    /// It cannot go on.
    Failed {
        /// Which one.
        sequence: SequenceId,
        /// Why.
        error: String,
    },
}

/// What a sequence has come to since the last output.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Which one.
    pub sequence: SequenceId,
    /// Text that has become certain.
    pub text: String,
    /// Tokens generated.
    pub tokens: Vec<u32>,
    /// One for each of them, if they were asked for.
    pub logprobs: Vec<TokenLogprobs>,
    /// In the first output, if they were asked for: one for each token of the prompt; the first has
    /// none.
    pub prompt_logprobs: Vec<Option<TokenLogprobs>>,
    /// In the last output of a sequence that is embedded.
    pub embedding: Vec<f32>,
    /// In the last output.
    pub finish: Option<Finished>,
}

/// How a sequence ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Why.
    pub reason: FinishReason,
    /// Tokens of the prompt that were found in the prefix cache.
    pub cached_tokens: usize,
    /// Tokens generated.
    pub generated_tokens: usize,
}

impl Event {
    /// Which sequence it is about.
    #[must_use]
    pub fn sequence(&self) -> SequenceId {
        match self {
            Self::Started { sequence, .. } | Self::Failed { sequence, .. } => *sequence,
            Self::Output(output) => output.sequence,
        }
    }
}
