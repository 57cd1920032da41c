use std::sync::Arc;

use thiserror::Error;

use crate::{
    Detokenizer, Grammar, GrammarError, GrammarMatcher, SampleError, Sampler, SamplerWorkspace,
    SamplingParameters, StopStrings, TokenLogprobs, Vocabulary,
};

/// One answer to a prompt: from the logits of each step to a token, its text, and the end.
///
/// The order of the checks is vLLM's: nothing but the length ends before `min_tokens`; then the model's own end, stop tokens,
/// the end of the grammar, the length, and stop strings in the text that the token adds. A stop string is named rather than the length
/// where both end the answer.
#[derive(Debug)]
pub struct Choice {
    sampler: Sampler,
    grammar: Option<GrammarMatcher>,
    detokenizer: Detokenizer,
    stops: StopStrings,
    ends: Ends,
    tokens: usize,
    finish: Option<FinishReason>,
    /// Text of the token at hand, before it is searched for stop strings.
    delta: String,
    /// Text that the last step gave out.
    text: String,
}

/// When an answer ends, but for text.
#[derive(Clone, Debug)]
struct Ends {
    end_of_sequence: Box<[u32]>,
    stop_tokens: Box<[u32]>,
    stop_strings: Arc<[String]>,
    include_stop: bool,
    min_tokens: usize,
    max_tokens: usize,
}

/// What one step adds to an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen<'a> {
    /// The token that was chosen.
    pub token: u32,
    /// Its log probabilities, if they were asked for.
    pub logprobs: Option<TokenLogprobs>,
    /// The text that has become certain; empty where a character or a stop string may have begun.
    pub text: &'a str,
    /// Why the answer ended, if it did.
    pub finish: Option<&'a FinishReason>,
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// It is complete.
    Stop(StopCause),
    /// It has as many tokens as it may have.
    Length,
    /// Nobody wants it any more.
    Abort,
}

/// What completed an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// The model's own end.
    EndOfSequence,
    /// One of `stop_token_ids`.
    Token(u32),
    /// One of `stop`.
    String(String),
    /// The grammar allows nothing more.
    Grammar,
}

/// Why a step failed; it fails this answer only.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChoiceError {
    /// No token can be chosen.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The grammar does not go on.
    #[error(transparent)]
    Grammar(#[from] GrammarError),
}

impl Choice {
    /// An answer that begins, by parameters that were validated.
    ///
    /// `end_of_sequence` are the model's own ends. The length is `max_tokens` of the parameters: the caller sees to it that prompt
    /// and answer fit the context.
    #[must_use]
    pub fn new(
        parameters: &SamplingParameters,
        end_of_sequence: &[u32],
        vocabulary: Arc<dyn Vocabulary>,
        grammar: Option<&Grammar>,
    ) -> Self {
        let own: &[u32] = if parameters.ignore_eos { &[] } else { end_of_sequence };
        Self {
            sampler: Sampler::new(parameters, end_of_sequence),
            grammar: grammar.map(Grammar::matcher),
            detokenizer: Detokenizer::new(vocabulary, parameters.skip_special_tokens),
            stops: StopStrings::new(&parameters.stop, parameters.include_stop_str_in_output),
            ends: Ends {
                end_of_sequence: own.into(),
                stop_tokens: parameters.stop_token_ids.clone().into(),
                stop_strings: parameters.stop.clone().into(),
                include_stop: parameters.include_stop_str_in_output,
                min_tokens: parameters.min_tokens,
                max_tokens: parameters.max_tokens,
            },
            tokens: 0,
            finish: None,
            delta: String::new(),
            text: String::new(),
        }
    }

    /// Tells the prompt. Once, before the first step.
    pub fn observe_prompt(&mut self, prompt: &[u32]) {
        self.sampler.observe_prompt(prompt);
    }

    /// Chooses the token after the last one from the logits of its position, which are changed.
    ///
    /// To verify tokens that were guessed, give it one row after the other as long as each token equals the guess.
    ///
    /// # Errors
    ///
    /// No token can be chosen, or the grammar fails; the answer cannot go on.
    pub fn step(
        &mut self,
        logits: &mut [f32],
        workspace: &mut SamplerWorkspace,
    ) -> Result<Chosen<'_>, ChoiceError> {
        let mask = self.grammar.as_mut().map(GrammarMatcher::mask).transpose()?;
        let sampled = self.sampler.sample(logits, mask, workspace)?;
        self.tokens += 1;
        let ended = self.ended_by(sampled.token);
        if let (Some(grammar), None) = (&mut self.grammar, &ended) {
            grammar.advance(sampled.token)?;
        }
        self.text.clear();
        self.write(sampled.token, ended);
        Ok(Chosen {
            token: sampled.token,
            logprobs: sampled.logprobs,
            text: &self.text,
            finish: self.finish.as_ref(),
        })
    }

    /// Ends the answer from outside; the text that was held back.
    pub fn abort(&mut self) -> &str {
        self.text.clear();
        if self.finish.is_none() {
            self.flush();
            self.finish.get_or_insert(FinishReason::Abort);
        }
        &self.text
    }

    /// Tokens so far.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Why the answer ended, if it did.
    #[must_use]
    pub fn finish(&self) -> Option<&FinishReason> {
        self.finish.as_ref()
    }

    /// The text that the grammar forces next, from which a guess can be made; often empty.
    pub fn forced_bytes(&mut self) -> Vec<u8> {
        self.grammar.as_mut().map(GrammarMatcher::forced_bytes).unwrap_or_default()
    }

    /// What the token itself ends.
    fn ended_by(&self, token: u32) -> Option<StopCause> {
        if self.tokens <= self.ends.min_tokens {
            None
        } else if self.ends.end_of_sequence.contains(&token) {
            Some(StopCause::EndOfSequence)
        } else if self.ends.stop_tokens.contains(&token) {
            Some(StopCause::Token(token))
        } else {
            None
        }
    }

    fn write(&mut self, token: u32, ended: Option<StopCause>) {
        // A token that ends the answer has a text only if stop strings have.
        if ended.is_none() || self.ends.include_stop {
            self.delta.clear();
            self.detokenizer.push(token, &mut self.delta);
            self.search();
        }
        if self.finish.is_some() {
            return;
        }
        let grammar_ended = self.grammar.as_ref().is_some_and(GrammarMatcher::is_finished);
        let reason = match ended {
            Some(cause) => FinishReason::Stop(cause),
            None if grammar_ended => FinishReason::Stop(StopCause::Grammar),
            None if self.tokens >= self.ends.max_tokens => FinishReason::Length,
            None => return,
        };
        self.flush();
        self.finish.get_or_insert(reason);
    }

    /// Gives out `delta` as far as it is certain.
    fn search(&mut self) {
        if self.tokens <= self.ends.min_tokens {
            self.text.push_str(&self.delta);
        } else if let Some(found) = self.stops.push(&self.delta, &mut self.text) {
            let string = self.ends.stop_strings[found].clone();
            self.finish = Some(FinishReason::Stop(StopCause::String(string)));
        }
    }

    /// Gives out what was held back; that may complete a stop string.
    fn flush(&mut self) {
        self.delta.clear();
        self.detokenizer.finish(&mut self.delta);
        self.search();
        if self.finish.is_none() {
            self.stops.finish(&mut self.text);
        }
    }
}

#[cfg(test)]
mod tests;
