use super::{
    Answer, AnswerHead, AnsweredChoice, Dialect, ErrorBody, Finish, GenerationFields, Step,
    StopCause, StreamFields, TokenProbability, Usage,
    answer::{push_finish, push_head, push_token_ids},
    chat_answer::{DONE, push_failure},
    logprobs,
};
use crate::json_text::{push_integer, push_list, push_text};

/// What answers begin with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Echo {
    /// The texts of the prompts; empty if they are not repeated.
    pub texts: Vec<String>,
    /// Whether only the prompts are wanted: what is generated is not told.
    pub alone: bool,
}

/// Completions.
#[derive(Debug)]
pub struct CompletionDialect {
    head: AnswerHead,
    /// What every chunk begins with, up to the choice's number.
    prefix: Vec<u8>,
    stream: StreamFields,
    has_logprobs: bool,
    has_prompt_logprobs: bool,
    has_token_ids: bool,
    tokens_as_ids: bool,
    /// Choices of one prompt.
    choices: usize,
    echo: Echo,
    /// Of the prompts, as far as they are known, while they are streamed.
    prompts: Vec<Vec<TokenProbability>>,
    told: Vec<Told>,
}

/// What a stream has told of a choice.
#[derive(Clone, Debug, Default)]
struct Told {
    has_begun: bool,
    /// Characters that its tokens have.
    characters: usize,
}

impl CompletionDialect {
    /// For an answer to a request with so many prompts.
    #[must_use]
    pub fn new(head: AnswerHead, request: &GenerationFields, prompts: usize, echo: Echo) -> Self {
        let mut prefix = b"data: ".to_vec();
        push_head(&mut prefix, &head, "cmpl-", "text_completion");
        Self {
            head,
            prefix,
            stream: request.stream.unwrap_or_default(),
            has_logprobs: request.logprobs.is_some(),
            has_prompt_logprobs: request.prompt_logprobs.is_some(),
            has_token_ids: request.return_token_ids,
            tokens_as_ids: request.tokens_as_ids,
            choices: request.choices,
            echo,
            prompts: vec![Vec::new(); prompts],
            told: vec![Told::default(); prompts * request.choices],
        }
    }

    /// What the answer to a choice begins with.
    fn echo_of(&self, choice: usize) -> &str {
        self.echo.texts.get(choice / self.choices).map_or("", String::as_str)
    }

    /// Takes out what is not told if only prompts are wanted.
    fn reduce(&self, choice: &mut AnsweredChoice) {
        if self.echo.alone {
            let finish = Finish { cause: StopCause::Length, has_calls: false };
            let finish = choice.finish.is_some().then_some(finish);
            let prompt_probabilities = std::mem::take(&mut choice.prompt_probabilities);
            *choice = AnsweredChoice { prompt_probabilities, finish, ..AnsweredChoice::default() };
        }
    }

    fn reduce_usage(&self, usage: &Usage) -> Usage {
        let completion_tokens = if self.echo.alone { 0 } else { usage.completion_tokens };
        Usage { completion_tokens, ..*usage }
    }

    /// Probabilities of a choice's text; those of an echoed prompt come first. Returns how many
    /// characters have been told.
    fn push_logprobs(
        &self,
        out: &mut Vec<u8>,
        prompt: &[TokenProbability],
        generated: &[TokenProbability],
        offset: usize,
    ) -> usize {
        let prompt = if self.echo.texts.is_empty() { &[] } else { prompt };
        out.extend_from_slice(b",\"logprobs\":");
        if !self.has_logprobs || prompt.is_empty() && generated.is_empty() {
            out.extend_from_slice(b"null");
            return offset;
        }
        let all: Vec<_> = prompt.iter().chain(generated).collect();
        logprobs::push_completion(out, &all, self.tokens_as_ids, offset)
    }

    fn push_rest(&self, out: &mut Vec<u8>, tokens: &[u32], finish: Option<&Finish>) {
        if self.has_token_ids {
            push_token_ids(out, tokens);
        }
        out.push(b',');
        push_finish(out, finish);
    }

    fn push_choice(&self, out: &mut Vec<u8>, index: usize, choice: &AnsweredChoice) {
        out.extend_from_slice(b"{\"index\":");
        push_integer(out, index);
        out.extend_from_slice(b",\"text\":");
        push_text(out, &[self.echo_of(index), &choice.text].concat());
        self.push_logprobs(out, &choice.prompt_probabilities, &choice.probabilities, 0);
        self.push_rest(out, &choice.tokens, choice.finish.as_ref());
        if self.has_prompt_logprobs && !choice.prompt_probabilities.is_empty() {
            out.extend_from_slice(b",\"prompt_logprobs\":");
            logprobs::push_prompt(out, &choice.prompt_probabilities);
        }
        out.push(b'}');
    }
}

impl Dialect for CompletionDialect {
    fn begin(&mut self, _out: &mut Vec<u8>, _usage: &Usage) {}

    fn step(&mut self, out: &mut Vec<u8>, step: &Step, usage: &Usage) {
        let prompt = step.choice / self.choices;
        if !step.prompt_probabilities.is_empty() {
            self.prompts[prompt].clone_from(&step.prompt_probabilities);
        }
        let Told { has_begun, characters } = self.told[step.choice];
        let is_echoed = !has_begun && !self.echo_of(step.choice).is_empty();
        if step.is_silent() && !is_echoed && !self.has_token_ids {
            return;
        }
        let mut choice = AnsweredChoice::default();
        choice.take(step.clone());
        self.reduce(&mut choice);
        if has_begun && self.echo.alone && choice.finish.is_none() {
            return;
        }
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(b"{\"index\":");
        push_integer(out, step.choice);
        out.extend_from_slice(b",\"text\":");
        if is_echoed {
            push_text(out, &[self.echo_of(step.choice), &choice.text].concat());
        } else {
            push_text(out, &choice.text);
        }
        let of_prompt = if has_begun { &[][..] } else { &self.prompts[prompt] };
        let characters = self.push_logprobs(out, of_prompt, &choice.probabilities, characters);
        self.push_rest(out, &choice.tokens, choice.finish.as_ref());
        out.extend_from_slice(b"}]");
        if self.stream.continuous_usage {
            out.extend_from_slice(b",\"usage\":");
            self.reduce_usage(usage).push(out);
        } else if self.stream.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
        self.told[step.choice] = Told { has_begun: true, characters };
    }

    fn end(&mut self, out: &mut Vec<u8>, usage: &Usage) {
        if self.stream.include_usage {
            out.extend_from_slice(&self.prefix);
            out.extend_from_slice(b"],\"usage\":");
            self.reduce_usage(usage).push(out);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(DONE);
    }

    fn fail(&mut self, out: &mut Vec<u8>, error: ErrorBody<'_>) {
        push_failure(out, error);
    }

    fn whole(&mut self, answer: &Answer) -> Vec<u8> {
        let mut out = Vec::new();
        push_head(&mut out, &self.head, "cmpl-", "text_completion");
        let mut prompt_probabilities = Vec::new();
        push_list(&mut out, answer.choices.iter().enumerate(), |out, (index, choice)| {
            let mut choice = choice.clone();
            if index % self.choices == 0 {
                prompt_probabilities.clone_from(&choice.prompt_probabilities);
            } else {
                choice.prompt_probabilities.clone_from(&prompt_probabilities);
            }
            self.reduce(&mut choice);
            self.push_choice(out, index, &choice);
        });
        out.extend_from_slice(b"],\"usage\":");
        self.reduce_usage(&answer.usage).push(&mut out);
        out.extend_from_slice(b"}");
        out
    }
}

#[cfg(test)]
mod tests;
