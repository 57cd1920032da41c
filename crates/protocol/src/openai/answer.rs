//! What was generated, in no API's terms yet, and what an API has to do to tell it.

use smallvec::SmallVec;

use super::{ErrorBody, TokenProbability};
use crate::json_text::{push_integer, push_text};

/// How one API tells of generations: as events of a stream, or at once.
pub trait Dialect: Send + std::fmt::Debug {
    /// Writes what comes before everything else; `usage` has the prompt's tokens.
    fn begin(&mut self, out: &mut Vec<u8>, usage: &Usage);

    /// Writes what one step brought; `usage` is what has been used so far.
    fn step(&mut self, out: &mut Vec<u8>, step: &Step, usage: &Usage);

    /// Writes the end.
    fn end(&mut self, out: &mut Vec<u8>, usage: &Usage);

    /// Writes that it went wrong after it had begun; nothing comes after that.
    fn fail(&mut self, out: &mut Vec<u8>, error: ErrorBody<'_>);

    /// The whole answer as one document.
    fn whole(&mut self, answer: &Answer) -> Vec<u8>;
}

/// What stands at the head of every answer and event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerHead {
    /// Name of the answer, without the prefix that its API gives it.
    pub id: String,
    /// Name of the model, as it was asked for.
    pub model: String,
    /// Seconds since 1970.
    pub created: u64,
}

/// What one wait brought about one choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Which one: those of the first prompt come first.
    pub choice: usize,
    /// Text and calls, in order.
    pub pieces: SmallVec<[Piece; 1]>,
    /// Tokens generated.
    pub tokens: Vec<u32>,
    /// One for each token, if they were asked for.
    pub probabilities: Vec<TokenProbability>,
    /// In a prompt's first step, if they were asked for.
    pub prompt_probabilities: Vec<TokenProbability>,
    /// In the choice's last step.
    pub finish: Option<Finish>,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text.
    Text(String),
    /// A call begins; its arguments may go on.
    Call {
        /// Which one, from 0.
        index: usize,
        /// What is known of it.
        call: ToolCall,
    },
    /// More of a call's arguments.
    Arguments {
        /// Which call.
        index: usize,
        /// JSON text.
        text: String,
    },
}

/// A function that the model wants to have called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// Name of the call, without the prefix that its API gives it.
    pub id: String,
    /// Name of the function.
    pub name: String,
    /// JSON text.
    pub arguments: String,
}

/// How a choice ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// Why.
    pub cause: StopCause,
    /// Whether functions are to be called.
    pub has_calls: bool,
}

/// Why a choice ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopCause {
    /// The model's own end.
    End,
    /// One of the request's tokens.
    Token(u32),
    /// One of the request's texts.
    Text(String),
    /// No more tokens were allowed.
    Length,
}

/// What was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompts.
    pub prompt_tokens: usize,
    /// Those of them that need not be computed again.
    pub cached_tokens: usize,
    /// Tokens of the answers.
    pub completion_tokens: usize,
}

/// A whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// In order.
    pub choices: Vec<AnsweredChoice>,
    /// What was used.
    pub usage: Usage,
}

/// One of an answer's choices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnsweredChoice {
    /// Text, without calls.
    pub text: String,
    /// Calls.
    pub calls: Vec<ToolCall>,
    /// Tokens generated.
    pub tokens: Vec<u32>,
    /// One for each token, if they were asked for.
    pub probabilities: Vec<TokenProbability>,
    /// Of the prompt, in its first choice, if they were asked for.
    pub prompt_probabilities: Vec<TokenProbability>,
    /// How it ended.
    pub finish: Option<Finish>,
}

impl Step {
    /// Whether there is anything to tell.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.pieces.is_empty() && self.finish.is_none() && self.probabilities.is_empty()
    }
}

impl AnsweredChoice {
    /// Adds what a step brought.
    pub fn take(&mut self, step: Step) {
        for piece in step.pieces {
            match piece {
                Piece::Text(text) => self.text.push_str(&text),
                Piece::Call { call, .. } => self.calls.push(call),
                Piece::Arguments { index, text } => {
                    if let Some(call) = self.calls.get_mut(index) {
                        call.arguments.push_str(&text);
                    }
                }
            }
        }
        self.tokens.extend(step.tokens);
        self.probabilities.extend(step.probabilities);
        self.prompt_probabilities.extend(step.prompt_probabilities);
        self.finish = self.finish.take().or(step.finish);
    }
}

impl Finish {
    /// OpenAI's word for it.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.cause {
            StopCause::Length => "length",
            _ if self.has_calls => "tool_calls",
            StopCause::End | StopCause::Token(_) | StopCause::Text(_) => "stop",
        }
    }
}

impl Usage {
    /// `{"prompt_tokens": ..., "completion_tokens": ..., "total_tokens": ...,
    /// "prompt_tokens_details": {"cached_tokens": ...}}`.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"prompt_tokens\":");
        push_integer(out, self.prompt_tokens);
        out.extend_from_slice(b",\"completion_tokens\":");
        push_integer(out, self.completion_tokens);
        out.extend_from_slice(b",\"total_tokens\":");
        push_integer(out, self.prompt_tokens + self.completion_tokens);
        out.extend_from_slice(b",\"prompt_tokens_details\":{\"cached_tokens\":");
        push_integer(out, self.cached_tokens);
        out.extend_from_slice(b"}}");
    }
}

/// `"finish_reason": ...`, and what vLLM adds: which token or text it was.
pub(super) fn push_finish(out: &mut Vec<u8>, finish: Option<&Finish>) {
    let Some(finish) = finish else {
        out.extend_from_slice(b"\"finish_reason\":null");
        return;
    };
    out.extend_from_slice(b"\"finish_reason\":\"");
    out.extend_from_slice(finish.reason().as_bytes());
    out.extend_from_slice(b"\",\"stop_reason\":");
    match &finish.cause {
        StopCause::Token(token) => push_integer(out, *token),
        StopCause::Text(text) => push_text(out, text),
        StopCause::End | StopCause::Length => out.extend_from_slice(b"null"),
    }
}

/// `{"id": ..., "object": ..., "created": ..., "model": ..., "choices": [`.
pub(super) fn push_head(out: &mut Vec<u8>, head: &AnswerHead, prefix: &str, object: &str) {
    out.extend_from_slice(b"{\"id\":");
    push_text(out, &format!("{prefix}{}", head.id));
    out.extend_from_slice(b",\"object\":");
    push_text(out, object);
    out.extend_from_slice(b",\"created\":");
    push_integer(out, head.created);
    out.extend_from_slice(b",\"model\":");
    push_text(out, &head.model);
    out.extend_from_slice(b",\"choices\":[");
}

/// `,"token_ids":[...]`.
pub(super) fn push_token_ids(out: &mut Vec<u8>, tokens: &[u32]) {
    out.extend_from_slice(b",\"token_ids\":[");
    crate::json_text::push_list(out, tokens.iter(), |out, token| push_integer(out, *token));
    out.push(b']');
}
