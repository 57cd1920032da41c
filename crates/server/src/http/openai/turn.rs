//! What comes back of a request: the steps of all of its generations, until each has ended.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use protocol::openai::{Finish, Piece, Step, StopCause, TokenAlternative, TokenProbability, Usage};
use serving::{FinishReason, Generation, GenerationEvent, Model, ServeError, TokenLogprobs};

use super::{
    calls::{CallReader, CallStyle},
    lookup::face,
};

/// One request's generations. Dropping it cancels them.
#[derive(Debug)]
pub(super) struct Turn {
    model: Arc<Model>,
    /// One for each prompt; none when it has ended.
    generations: Vec<Option<Generation>>,
    /// The prompts, if their tokens' probabilities are told.
    prompts: Vec<Vec<u32>>,
    /// Choices of each prompt.
    choices: usize,
    /// What reads the calls out of each choice's text.
    readers: Vec<Option<CallReader>>,
    unfinished: usize,
    usage: Usage,
    /// The generation whose turn it is.
    next: usize,
}

impl Turn {
    pub(super) fn new(
        model: Arc<Model>,
        generations: Vec<Generation>,
        prompts: Vec<Vec<u32>>,
        choices: usize,
        calls: Option<&CallStyle>,
    ) -> Self {
        let all = generations.len() * choices;
        let prompt_tokens = generations.iter().map(Generation::prompt_tokens).sum();
        Self {
            model,
            generations: generations.into_iter().map(Some).collect(),
            prompts,
            choices,
            readers: (0..all).map(|_| calls.cloned().map(CallReader::new)).collect(),
            unfinished: all,
            usage: Usage { prompt_tokens, ..Usage::default() },
            next: 0,
        }
    }

    /// Choices of all prompts.
    pub(super) fn choices(&self) -> usize {
        self.readers.len()
    }

    /// What has been used so far.
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// The first step, which every request has.
    pub(super) async fn first(&mut self) -> Result<Step, ServeError> {
        self.next().await?.ok_or_else(ended_early)
    }

    /// The next step; `None` when every choice has ended.
    pub(super) async fn next(&mut self) -> Result<Option<Step>, ServeError> {
        poll_fn(|task| self.poll_next(task)).await
    }

    /// The same for whoever is polled.
    pub(super) fn poll_next(
        &mut self,
        task: &mut Context<'_>,
    ) -> Poll<Result<Option<Step>, ServeError>> {
        for _ in 0..self.generations.len() {
            let index = self.next;
            self.next = (index + 1) % self.generations.len();
            let Some(generation) = &mut self.generations[index] else { continue };
            match generation.poll_next(task) {
                Poll::Pending => {}
                Poll::Ready(Some(event)) => {
                    return Poll::Ready(event.map(|event| Some(self.step(index, event))));
                }
                Poll::Ready(None) => self.generations[index] = None,
            }
        }
        if self.unfinished == 0 {
            return Poll::Ready(Ok(None));
        }
        if self.generations.iter().all(Option::is_none) {
            return Poll::Ready(Err(ended_early()));
        }
        Poll::Pending
    }

    fn step(&mut self, generation: usize, event: GenerationEvent) -> Step {
        let choice = generation * self.choices + event.choice.min(self.choices - 1);
        self.usage.completion_tokens += event.tokens.len();
        let probabilities = event.tokens.iter().zip(event.logprobs);
        let probabilities = probabilities.map(|(token, known)| self.probability(*token, known));
        let probabilities = probabilities.collect();
        let prompt_probabilities = self.prompt_probabilities(generation, event.prompt_logprobs);
        let mut step = Step {
            choice,
            tokens: event.tokens,
            probabilities,
            prompt_probabilities,
            ..Step::default()
        };
        match &mut self.readers[choice] {
            Some(reader) => reader.read(&event.text, &mut step.pieces),
            None if event.text.is_empty() => {}
            None => step.pieces.push(Piece::Text(event.text)),
        }
        step.finish =
            event.finish.map(|finish| self.finish(choice, event.choice, finish, &mut step));
        step
    }

    fn finish(
        &mut self,
        choice: usize,
        of_generation: usize,
        finish: serving::Finish,
        step: &mut Step,
    ) -> Finish {
        self.unfinished -= 1;
        if of_generation == 0 {
            self.usage.cached_tokens += finish.cached_tokens;
        }
        let reader = self.readers[choice].as_mut();
        let has_calls = reader.is_some_and(|reader| reader.finish(&mut step.pieces));
        let cause = match finish.reason {
            FinishReason::End => StopCause::End,
            FinishReason::StopToken(token) => StopCause::Token(token),
            FinishReason::StopString(text) => StopCause::Text(text),
            FinishReason::Length => StopCause::Length,
        };
        Finish { cause, has_calls }
    }

    fn prompt_probabilities(
        &self,
        generation: usize,
        known: Vec<Option<TokenLogprobs>>,
    ) -> Vec<TokenProbability> {
        let Some(prompt) = self.prompts.get(generation) else { return Vec::new() };
        let tokens = prompt.iter().zip(known);
        // What nothing is known of keeps its rank of 0.
        tokens.map(|(token, known)| self.probability(*token, known.unwrap_or_default())).collect()
    }

    fn probability(&self, token: u32, known: TokenLogprobs) -> TokenProbability {
        let alternative = |id, logprob| TokenAlternative {
            id,
            bytes: face(&self.model).token_bytes(id).to_vec(),
            logprob,
        };
        TokenProbability {
            token: alternative(token, known.logprob),
            rank: known.rank,
            top: known.top.into_iter().map(|(id, logprob)| alternative(id, logprob)).collect(),
        }
    }
}

fn ended_early() -> ServeError {
    ServeError::internal("the model ended without an answer")
}
