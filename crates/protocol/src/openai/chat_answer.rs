use super::{
    Answer, AnswerHead, AnsweredChoice, Dialect, ErrorBody, ErrorForm, GenerationFields, Piece,
    Step, StreamFields, ToolCall, Usage,
    answer::{push_finish, push_head, push_token_ids},
    logprobs,
};
use crate::json_text::{push_integer, push_list, push_text};

/// Ends every stream of OpenAI's.
pub(super) const DONE: &[u8] = b"data: [DONE]\n\n";

/// Chat Completions.
#[derive(Debug)]
pub struct ChatDialect {
    head: AnswerHead,
    /// What every chunk begins with, up to the choice's number.
    prefix: Vec<u8>,
    stream: StreamFields,
    has_logprobs: bool,
    has_token_ids: bool,
    tokens_as_ids: bool,
    /// Which choices have said their role.
    begun: Vec<bool>,
}

impl ChatDialect {
    /// For an answer to a request.
    #[must_use]
    pub fn new(head: AnswerHead, request: &GenerationFields) -> Self {
        let mut prefix = b"data: ".to_vec();
        push_head(&mut prefix, &head, "chatcmpl-", "chat.completion.chunk");
        Self {
            head,
            prefix,
            stream: request.stream.unwrap_or_default(),
            has_logprobs: request.logprobs.is_some(),
            has_token_ids: request.return_token_ids,
            tokens_as_ids: request.tokens_as_ids,
            begun: vec![false; request.choices],
        }
    }

    fn push_delta(&mut self, out: &mut Vec<u8>, step: &Step) {
        out.extend_from_slice(b"{");
        let has_begun = self.begun.get_mut(step.choice);
        let is_first = has_begun.is_some_and(|has_begun| !std::mem::replace(has_begun, true));
        if is_first {
            out.extend_from_slice(b"\"role\":\"assistant\",");
        }
        let mut texts = step.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(&**text),
            Piece::Call { .. } | Piece::Arguments { .. } => None,
        });
        match (texts.next(), texts.next()) {
            (None, _) if is_first => out.extend_from_slice(b"\"content\":\"\","),
            (None, _) => {}
            (Some(text), None) => push_content(out, text),
            (Some(first), Some(second)) => {
                let rest: String = texts.collect();
                push_content(out, &[first, second, &rest].concat());
            }
        }
        push_calls(out, &step.pieces);
        if out.last() == Some(&b',') {
            out.pop();
        }
        out.push(b'}');
    }

    fn push_usage(&self, out: &mut Vec<u8>, usage: &Usage) {
        if self.stream.continuous_usage {
            out.extend_from_slice(b",\"usage\":");
            usage.push(out);
        } else if self.stream.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
    }

    fn push_logprobs(&self, out: &mut Vec<u8>, probabilities: &[super::TokenProbability]) {
        out.extend_from_slice(b",\"logprobs\":");
        if self.has_logprobs && !probabilities.is_empty() {
            logprobs::push_chat(out, probabilities, self.tokens_as_ids);
        } else {
            out.extend_from_slice(b"null");
        }
    }

    fn push_choice(&self, out: &mut Vec<u8>, index: usize, choice: &AnsweredChoice) {
        out.extend_from_slice(b"{\"index\":");
        push_integer(out, index);
        out.extend_from_slice(b",\"message\":{\"role\":\"assistant\",\"content\":");
        // A model that calls puts white space around its calls.
        if !choice.calls.is_empty() && choice.text.trim().is_empty() {
            out.extend_from_slice(b"null");
        } else {
            push_text(out, &choice.text);
        }
        out.extend_from_slice(b",\"refusal\":null");
        if !choice.calls.is_empty() {
            out.extend_from_slice(b",\"tool_calls\":[");
            push_list(out, choice.calls.iter(), |out, call| push_call(out, None, call));
            out.push(b']');
        }
        out.push(b'}');
        self.push_logprobs(out, &choice.probabilities);
        if self.has_token_ids {
            push_token_ids(out, &choice.tokens);
        }
        out.push(b',');
        push_finish(out, choice.finish.as_ref());
        out.push(b'}');
    }
}

impl Dialect for ChatDialect {
    fn begin(&mut self, _out: &mut Vec<u8>, _usage: &Usage) {}

    fn step(&mut self, out: &mut Vec<u8>, step: &Step, usage: &Usage) {
        if step.is_silent() && !self.has_token_ids {
            return;
        }
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(b"{\"index\":");
        push_integer(out, step.choice);
        out.extend_from_slice(b",\"delta\":");
        self.push_delta(out, step);
        self.push_logprobs(out, &step.probabilities);
        if self.has_token_ids {
            push_token_ids(out, &step.tokens);
        }
        out.push(b',');
        push_finish(out, step.finish.as_ref());
        out.extend_from_slice(b"}]");
        self.push_usage(out, usage);
        out.extend_from_slice(b"}\n\n");
    }

    fn end(&mut self, out: &mut Vec<u8>, usage: &Usage) {
        if self.stream.include_usage {
            out.extend_from_slice(&self.prefix);
            out.extend_from_slice(b"],\"usage\":");
            usage.push(out);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(DONE);
    }

    fn fail(&mut self, out: &mut Vec<u8>, error: ErrorBody<'_>) {
        push_failure(out, error);
    }

    fn whole(&mut self, answer: &Answer) -> Vec<u8> {
        let mut out = Vec::new();
        push_head(&mut out, &self.head, "chatcmpl-", "chat.completion");
        push_list(&mut out, answer.choices.iter().enumerate(), |out, (index, choice)| {
            self.push_choice(out, index, choice);
        });
        out.extend_from_slice(b"],\"usage\":");
        answer.usage.push(&mut out);
        let first = answer.choices.first();
        if let Some(first) = first.filter(|first| !first.prompt_probabilities.is_empty()) {
            out.extend_from_slice(b",\"prompt_logprobs\":");
            logprobs::push_prompt(&mut out, &first.prompt_probabilities);
        }
        out.extend_from_slice(b"}");
        out
    }
}

/// An error as the last event of one of OpenAI's streams.
pub(super) fn push_failure(out: &mut Vec<u8>, error: ErrorBody<'_>) {
    out.extend_from_slice(b"data: ");
    out.extend(error.to_json(ErrorForm::OpenAi));
    out.extend_from_slice(b"\n\n");
    out.extend_from_slice(DONE);
}

fn push_content(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"\"content\":");
    push_text(out, text);
    out.push(b',');
}

/// `"tool_calls": [...],` of what a step brought; nothing if it brought none.
fn push_calls(out: &mut Vec<u8>, pieces: &[Piece]) {
    let calls = pieces.iter().filter(|piece| !matches!(piece, Piece::Text(_)));
    let mut calls = calls.peekable();
    if calls.peek().is_none() {
        return;
    }
    out.extend_from_slice(b"\"tool_calls\":[");
    push_list(out, calls, |out, piece| match piece {
        Piece::Call { index, call } => push_call(out, Some(*index), call),
        Piece::Arguments { index, text } => {
            out.extend_from_slice(b"{\"index\":");
            push_integer(out, *index);
            out.extend_from_slice(b",\"function\":{\"arguments\":");
            push_text(out, text);
            out.extend_from_slice(b"}}");
        }
        Piece::Text(_) => {}
    });
    out.extend_from_slice(b"],");
}

fn push_call(out: &mut Vec<u8>, index: Option<usize>, call: &ToolCall) {
    out.push(b'{');
    if let Some(index) = index {
        out.extend_from_slice(b"\"index\":");
        push_integer(out, index);
        out.push(b',');
    }
    out.extend_from_slice(b"\"id\":");
    push_text(out, &format!("call_{}", call.id));
    out.extend_from_slice(b",\"type\":\"function\",\"function\":{\"name\":");
    push_text(out, &call.name);
    out.extend_from_slice(b",\"arguments\":");
    push_text(out, &call.arguments);
    out.extend_from_slice(b"}}");
}

#[cfg(test)]
mod tests;
