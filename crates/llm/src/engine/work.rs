//! What is to be made of a sequence's rows.

use std::sync::Arc;

use super::{
    Finished, Output, Pooling,
    request::{Request, Wanted},
};
use crate::{
    Choice, Chunk, FinishReason, Grammar, Purpose, SamplerWorkspace, SamplingParameters, Sequence,
    SequenceId, TokenLogprobs, Tokenizer, Vocabulary,
};

/// A sequence's part that the scheduler does not know.
#[derive(Debug)]
pub(super) struct Work {
    /// Whether a step has taken part of it.
    pub(super) has_started: bool,
    generated_tokens: usize,
    task: Task,
    /// What the step under way has brought so far.
    outcome: Outcome,
    prompt_logprobs: Vec<Option<TokenLogprobs>>,
}

#[derive(Debug)]
enum Task {
    Text { choice: Box<Choice>, output_tokens_max: usize, prompt_logprobs: Option<usize> },
    Embedding { pooling: Pooling, normalise: bool, sum: Vec<f32>, rows: usize },
}

/// What a step brought.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) tokens: Vec<u32>,
    pub(super) logprobs: Vec<TokenLogprobs>,
    pub(super) text: String,
    pub(super) finish: Option<FinishReason>,
    pub(super) error: Option<String>,
    /// Whether a draft was wrong: what follows it means nothing.
    diverged: bool,
}

impl Work {
    pub(super) fn new(request: &Request, tokenizer: &Arc<Tokenizer>) -> Self {
        let task = match &request.wanted {
            Wanted::Text { sampling, grammar } => Task::Text {
                choice: Box::new(choice(sampling, grammar.as_ref(), request, tokenizer)),
                output_tokens_max: sampling.max_tokens,
                prompt_logprobs: sampling.prompt_logprobs,
            },
            Wanted::Embedding { pooling, normalise } => Task::Embedding {
                pooling: *pooling,
                normalise: *normalise,
                sum: Vec::new(),
                rows: 0,
            },
        };
        Self {
            has_started: false,
            generated_tokens: 0,
            task,
            outcome: Outcome::default(),
            prompt_logprobs: Vec::new(),
        }
    }

    pub(super) fn output_tokens_max(&self) -> usize {
        match &self.task {
            Task::Text { output_tokens_max, .. } => *output_tokens_max,
            Task::Embedding { .. } => 0,
        }
    }

    pub(super) fn purpose(&self) -> Purpose {
        match &self.task {
            Task::Text { prompt_logprobs: None, .. } => Purpose::Generate,
            Task::Text { .. } => Purpose::PromptLogits,
            Task::Embedding { .. } => Purpose::Embed,
        }
    }

    /// Takes the hidden state of the token at `position`.
    pub(super) fn add_hidden(&mut self, position: usize, hidden: &[f32]) {
        let Task::Embedding { pooling, sum, rows, .. } = &mut self.task else { return };
        if position == 0 {
            // A sequence that was preempted starts again.
            sum.clear();
            sum.resize(hidden.len(), 0.0);
            *rows = 0;
        }
        *rows += 1;
        match pooling {
            Pooling::Mean => sum.iter_mut().zip(hidden).for_each(|(sum, value)| *sum += value),
            Pooling::Last => sum.copy_from_slice(hidden),
            Pooling::First if position == 0 => sum.copy_from_slice(hidden),
            Pooling::First => {}
        }
    }

    /// Takes the logits of row `row` of `chunk`.
    pub(super) fn take_row(
        &mut self,
        chunk: &Chunk,
        row: usize,
        sequence: &Sequence,
        logits: &mut [f32],
        workspace: &mut SamplerWorkspace,
    ) {
        let Task::Text { choice, prompt_logprobs, .. } = &mut self.task else { return };
        let next = chunk.first_position + row + 1;
        if let (Some(top), Some(token)) = (*prompt_logprobs, sequence.prompt().get(next)) {
            let known = &mut self.prompt_logprobs;
            if known.is_empty() {
                known.push(None);
            }
            if known.len() == next {
                known.push(TokenLogprobs::of(logits, *token, top, workspace).ok());
            }
        }
        let samples = chunk.samples && row + 1 >= chunk.known();
        let outcome = &mut self.outcome;
        if !samples || outcome.diverged || outcome.finish.is_some() || outcome.error.is_some() {
            return;
        }
        match choice.step(logits, workspace) {
            Err(error) => outcome.error = Some(error.to_string()),
            Ok(chosen) => {
                outcome.tokens.push(chosen.token);
                outcome.text.push_str(chosen.text);
                outcome.finish = chosen.finish.cloned();
                outcome.logprobs.extend(chosen.logprobs);
                let draft = sequence.drafts().get(row + 1 - chunk.known());
                outcome.diverged = draft != Some(&chosen.token);
            }
        }
    }

    /// What the step brought.
    pub(super) fn finish_chunk(&mut self) -> Outcome {
        let outcome = std::mem::take(&mut self.outcome);
        self.generated_tokens += outcome.tokens.len();
        outcome
    }

    /// What there is to tell of it; `has_ended` if the scheduler has handed the sequence back.
    pub(super) fn output(
        &mut self,
        sequence: SequenceId,
        outcome: Outcome,
        has_ended: bool,
        cached_tokens: usize,
    ) -> Option<Output> {
        let reason = outcome.finish.or(has_ended.then_some(FinishReason::Length));
        if outcome.tokens.is_empty() && reason.is_none() {
            return None;
        }
        let is_first = self.generated_tokens == outcome.tokens.len();
        let prompt_logprobs =
            if is_first { std::mem::take(&mut self.prompt_logprobs) } else { Vec::new() };
        let generated_tokens = self.generated_tokens;
        let finish = reason.map(|reason| Finished { reason, cached_tokens, generated_tokens });
        Some(Output {
            sequence,
            text: outcome.text,
            tokens: outcome.tokens,
            logprobs: outcome.logprobs,
            prompt_logprobs,
            embedding: if has_ended { self.embedding() } else { Vec::new() },
            finish,
        })
    }

    /// The pooled vector.
    fn embedding(&mut self) -> Vec<f32> {
        let Task::Embedding { pooling, normalise, sum, rows } = &mut self.task else {
            return Vec::new();
        };
        let mut vector = std::mem::take(sum);
        #[expect(clippy::cast_precision_loss, reason = "numbers of tokens")]
        let rows = *rows as f32;
        let mut scale = if *pooling == Pooling::Mean { 1.0 / rows } else { 1.0 };
        if *normalise {
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            scale = if length > 0.0 { 1.0 / length } else { 1.0 };
        }
        vector.iter_mut().for_each(|value| *value *= scale);
        vector
    }
}

fn choice(
    sampling: &SamplingParameters,
    grammar: Option<&Grammar>,
    request: &Request,
    tokenizer: &Arc<Tokenizer>,
) -> Choice {
    let vocabulary = Arc::clone(tokenizer) as Arc<dyn Vocabulary>;
    let mut choice = Choice::new(sampling, tokenizer.eos_ids(), vocabulary, grammar);
    choice.observe_prompt(&request.prompt);
    choice
}
