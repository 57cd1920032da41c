use super::{
    Answer, AnswerHead, AnsweredChoice, Dialect, ErrorBody, ErrorForm, Finish, Piece, Step,
    StopCause, ToolCall, Usage,
};
use crate::json_text::{push_integer, push_list, push_text};

/// Anthropic's Messages.
#[derive(Debug)]
pub struct MessagesDialect {
    head: AnswerHead,
    /// Blocks that have begun.
    blocks: usize,
    open: Option<Open>,
    finish: Option<Finish>,
}

/// The block that a stream is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Call,
}

impl MessagesDialect {
    /// For an answer.
    #[must_use]
    pub fn new(head: AnswerHead) -> Self {
        Self { head, blocks: 0, open: None, finish: None }
    }

    /// Begins a block, after the end of the one before it.
    fn open(&mut self, out: &mut Vec<u8>, open: Open, block: impl FnOnce(&mut Vec<u8>)) {
        self.close(out);
        out.extend_from_slice(
            b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":",
        );
        push_integer(out, self.blocks);
        out.extend_from_slice(b",\"content_block\":");
        block(out);
        out.extend_from_slice(b"}\n\n");
        self.blocks += 1;
        self.open = Some(open);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            out.extend_from_slice(
                b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":",
            );
            push_integer(out, self.blocks - 1);
            out.extend_from_slice(b"}\n\n");
        }
    }

    fn delta(&self, out: &mut Vec<u8>, kind: &str, field: &str, text: &str) {
        out.extend_from_slice(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
        );
        push_integer(out, self.blocks - 1);
        out.extend_from_slice(b",\"delta\":{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"");
        out.extend_from_slice(field.as_bytes());
        out.extend_from_slice(b"\":");
        push_text(out, text);
        out.extend_from_slice(b"}}\n\n");
    }

    fn piece(&mut self, out: &mut Vec<u8>, piece: &Piece) {
        match piece {
            // White space around calls makes no block of its own.
            Piece::Text(text) if self.open != Some(Open::Text) && text.trim().is_empty() => {}
            Piece::Text(text) => {
                if self.open != Some(Open::Text) {
                    self.open(out, Open::Text, |out| {
                        out.extend_from_slice(b"{\"type\":\"text\",\"text\":\"\"}");
                    });
                }
                self.delta(out, "text_delta", "text", text);
            }
            Piece::Call { call, .. } => {
                self.open(out, Open::Call, |out| push_call(out, call, "{}"));
                if !call.arguments.is_empty() {
                    self.delta(out, "input_json_delta", "partial_json", &call.arguments);
                }
            }
            Piece::Arguments { text, .. } => {
                self.delta(out, "input_json_delta", "partial_json", text);
            }
        }
    }

    /// `{"id": ..., ..., "model": ..., "content": [`.
    fn push_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"id\":");
        push_text(out, &format!("msg_{}", self.head.id));
        out.extend_from_slice(b",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
        push_text(out, &self.head.model);
        out.extend_from_slice(b",\"content\":[");
    }
}

impl Dialect for MessagesDialect {
    fn begin(&mut self, out: &mut Vec<u8>, usage: &Usage) {
        out.extend_from_slice(
            b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":",
        );
        self.push_head(out);
        out.extend_from_slice(b"],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":");
        push_usage(out, usage);
        out.extend_from_slice(b"}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n");
    }

    fn step(&mut self, out: &mut Vec<u8>, step: &Step, _usage: &Usage) {
        for piece in &step.pieces {
            self.piece(out, piece);
        }
        self.finish = self.finish.take().or_else(|| step.finish.clone());
    }

    fn end(&mut self, out: &mut Vec<u8>, usage: &Usage) {
        self.close(out);
        out.extend_from_slice(
            b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{",
        );
        push_stop(out, self.finish.as_ref());
        out.extend_from_slice(b"},\"usage\":");
        push_usage(out, usage);
        out.extend_from_slice(b"}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }

    fn fail(&mut self, out: &mut Vec<u8>, error: ErrorBody<'_>) {
        out.extend_from_slice(b"event: error\ndata: ");
        out.extend(error.to_json(ErrorForm::Anthropic));
        out.extend_from_slice(b"\n\n");
    }

    fn whole(&mut self, answer: &Answer) -> Vec<u8> {
        let nothing = AnsweredChoice::default();
        let choice = answer.choices.first().unwrap_or(&nothing);
        let mut out = Vec::new();
        self.push_head(&mut out);
        let has_text = !choice.text.trim().is_empty() || choice.calls.is_empty();
        if has_text {
            out.extend_from_slice(b"{\"type\":\"text\",\"text\":");
            push_text(&mut out, &choice.text);
            out.push(b'}');
        }
        if has_text && !choice.calls.is_empty() {
            out.push(b',');
        }
        push_list(&mut out, choice.calls.iter(), |out, call| {
            push_call(out, call, whole_arguments(&call.arguments));
        });
        out.extend_from_slice(b"],");
        push_stop(&mut out, choice.finish.as_ref());
        out.extend_from_slice(b",\"usage\":");
        push_usage(&mut out, &answer.usage);
        out.push(b'}');
        out
    }
}

/// Arguments that are JSON; those that were cut off cannot be shown as an object.
fn whole_arguments(text: &str) -> &str {
    let is_object = serde_json::from_str::<serde_json::Map<_, _>>(text).is_ok();
    if is_object { text } else { "{}" }
}

fn push_call(out: &mut Vec<u8>, call: &ToolCall, input: &str) {
    out.extend_from_slice(b"{\"type\":\"tool_use\",\"id\":");
    push_text(out, &format!("toolu_{}", call.id));
    out.extend_from_slice(b",\"name\":");
    push_text(out, &call.name);
    out.extend_from_slice(b",\"input\":");
    out.extend_from_slice(input.as_bytes());
    out.push(b'}');
}

/// `"stop_reason": ..., "stop_sequence": ...`.
fn push_stop(out: &mut Vec<u8>, finish: Option<&Finish>) {
    let (reason, text) = match finish {
        None => ("end_turn", None),
        Some(Finish { cause: StopCause::Length, .. }) => ("max_tokens", None),
        Some(Finish { has_calls: true, .. }) => ("tool_use", None),
        Some(Finish { cause: StopCause::Text(text), .. }) => ("stop_sequence", Some(text)),
        Some(_) => ("end_turn", None),
    };
    out.extend_from_slice(b"\"stop_reason\":\"");
    out.extend_from_slice(reason.as_bytes());
    out.extend_from_slice(b"\",\"stop_sequence\":");
    match text {
        Some(text) => push_text(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

/// Tokens that were read from the cache are counted apart.
fn push_usage(out: &mut Vec<u8>, usage: &Usage) {
    out.extend_from_slice(b"{\"input_tokens\":");
    push_integer(out, usage.prompt_tokens.saturating_sub(usage.cached_tokens));
    out.extend_from_slice(b",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":");
    push_integer(out, usage.cached_tokens);
    out.extend_from_slice(b",\"output_tokens\":");
    push_integer(out, usage.completion_tokens);
    out.push(b'}');
}

#[cfg(test)]
mod tests;
