use serde_json::{Map, Value};

use super::{
    Answer, AnswerHead, AnsweredChoice, Dialect, ErrorBody, Finish, Piece, Step, StopCause,
    ToolCall, Usage,
};
use crate::json_text::{push_integer, push_text};

/// OpenAI's Responses.
#[derive(Debug)]
pub struct ResponsesDialect {
    head: AnswerHead,
    /// What is repeated of the request, as JSON behind the other fields.
    repeated: Vec<u8>,
    /// Events that were written.
    sequence: usize,
    /// Items that are complete, as JSON.
    items: Vec<Vec<u8>>,
    /// The item that a stream is in.
    open: Option<Open>,
    finish: Option<Finish>,
}

#[derive(Debug)]
enum Open {
    Text(String),
    Call(ToolCall),
}

/// How far a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    InProgress,
    Completed,
    Incomplete,
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
        }
    }

    fn of(finish: Option<&Finish>) -> Self {
        match finish {
            Some(Finish { cause: StopCause::Length, .. }) => Self::Incomplete,
            _ => Self::Completed,
        }
    }
}

impl ResponsesDialect {
    /// For an answer to a request of which `repeated` is repeated.
    #[must_use]
    pub fn new(head: AnswerHead, repeated: &Map<String, Value>) -> Self {
        let repeated = repeated.iter().map(|(name, value)| format!(",\"{name}\":{value}"));
        let repeated = repeated.collect::<String>().into_bytes();
        Self { head, repeated, sequence: 0, items: Vec::new(), open: None, finish: None }
    }

    /// Writes an event: its name, its number, and what `rest` adds behind a comma.
    fn event(&mut self, out: &mut Vec<u8>, name: &str, rest: impl FnOnce(&Self, &mut Vec<u8>)) {
        for part in ["event: ", name, "\ndata: {\"type\":\"", name, "\",\"sequence_number\":"] {
            out.extend_from_slice(part.as_bytes());
        }
        push_integer(out, self.sequence);
        self.sequence += 1;
        out.push(b',');
        rest(self, out);
        out.extend_from_slice(b"}\n\n");
    }

    /// The response as it is now.
    fn push_response(&self, out: &mut Vec<u8>, status: Status, usage: Option<&Usage>) {
        out.extend_from_slice(b"{\"id\":");
        push_text(out, &format!("resp_{}", self.head.id));
        out.extend_from_slice(b",\"object\":\"response\",\"created_at\":");
        push_integer(out, self.head.created);
        out.extend_from_slice(b",\"status\":\"");
        out.extend_from_slice(status.name().as_bytes());
        out.extend_from_slice(b"\",\"error\":null,\"incomplete_details\":");
        out.extend_from_slice(match status {
            Status::Incomplete => b"{\"reason\":\"max_output_tokens\"}",
            Status::InProgress | Status::Completed => b"null",
        });
        out.extend_from_slice(b",\"model\":");
        push_text(out, &self.head.model);
        out.extend_from_slice(b",\"output\":[");
        out.extend_from_slice(&self.items.join(&b','));
        out.extend_from_slice(b"],\"usage\":");
        match usage {
            Some(usage) => push_usage(out, usage),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(&self.repeated);
        out.push(b'}');
    }

    /// `"item_id": ..., "output_index": ...` of the item that a stream is in.
    fn push_place(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"item_id\":");
        push_text(out, &self.item_id());
        out.extend_from_slice(b",\"output_index\":");
        push_integer(out, self.items.len());
    }

    fn item_id(&self) -> String {
        match &self.open {
            Some(Open::Call(call)) => format!("fc_{}", call.id),
            _ => format!("msg_{}_{}", self.head.id, self.items.len()),
        }
    }

    /// The item that a stream is in.
    fn item(&self, status: Status) -> Vec<u8> {
        let mut out = b"{\"id\":".to_vec();
        push_text(&mut out, &self.item_id());
        out.extend_from_slice(b",\"status\":\"");
        out.extend_from_slice(status.name().as_bytes());
        match &self.open {
            Some(Open::Call(call)) => {
                out.extend_from_slice(b"\",\"type\":\"function_call\",\"call_id\":");
                push_text(&mut out, &format!("call_{}", call.id));
                out.extend_from_slice(b",\"name\":");
                push_text(&mut out, &call.name);
                out.extend_from_slice(b",\"arguments\":");
                push_text(&mut out, &call.arguments);
            }
            Some(Open::Text(text)) => {
                out.extend_from_slice(
                    b"\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[",
                );
                if status != Status::InProgress {
                    push_part(&mut out, text);
                }
                out.push(b']');
            }
            None => out.push(b'"'),
        }
        out.push(b'}');
        out
    }

    fn open(&mut self, out: &mut Vec<u8>, open: Open) {
        self.close(out, Status::Completed);
        let is_text = matches!(open, Open::Text(_));
        self.open = Some(open);
        self.item_event(out, "response.output_item.added", Status::InProgress);
        if is_text {
            self.event(out, "response.content_part.added", |dialect, out| {
                dialect.push_place(out);
                out.extend_from_slice(b",\"content_index\":0,\"part\":");
                push_part(out, "");
            });
        }
    }

    fn item_event(&mut self, out: &mut Vec<u8>, name: &str, status: Status) {
        let item = self.item(status);
        self.event(out, name, |dialect, out| {
            out.extend_from_slice(b"\"output_index\":");
            push_integer(out, dialect.items.len());
            out.extend_from_slice(b",\"item\":");
            out.extend_from_slice(&item);
        });
    }

    /// Ends the item that a stream is in, if it is in one.
    fn close(&mut self, out: &mut Vec<u8>, status: Status) {
        match &self.open {
            None => return,
            Some(Open::Text(text)) => {
                let text = text.clone();
                self.text_event(out, "response.output_text.done", "text", &text);
                self.event(out, "response.content_part.done", |dialect, out| {
                    dialect.push_place(out);
                    out.extend_from_slice(b",\"content_index\":0,\"part\":");
                    push_part(out, &text);
                });
            }
            Some(Open::Call(call)) => {
                let (name, arguments) = (call.name.clone(), call.arguments.clone());
                self.event(out, "response.function_call_arguments.done", |dialect, out| {
                    dialect.push_place(out);
                    out.extend_from_slice(b",\"name\":");
                    push_text(out, &name);
                    out.extend_from_slice(b",\"arguments\":");
                    push_text(out, &arguments);
                });
            }
        }
        self.item_event(out, "response.output_item.done", status);
        self.items.push(self.item(status));
        self.open = None;
    }

    fn text_event(&mut self, out: &mut Vec<u8>, name: &str, field: &str, text: &str) {
        self.event(out, name, |dialect, out| {
            dialect.push_place(out);
            out.extend_from_slice(b",\"content_index\":0,\"logprobs\":[],\"");
            out.extend_from_slice(field.as_bytes());
            out.extend_from_slice(b"\":");
            push_text(out, text);
        });
    }

    fn arguments(&mut self, out: &mut Vec<u8>, text: &str) {
        if text.is_empty() {
            return;
        }
        self.event(out, "response.function_call_arguments.delta", |dialect, out| {
            dialect.push_place(out);
            out.extend_from_slice(b",\"delta\":");
            push_text(out, text);
        });
    }

    fn piece(&mut self, out: &mut Vec<u8>, piece: &Piece) {
        match piece {
            Piece::Text(text) => {
                let is_open = matches!(self.open, Some(Open::Text(_)));
                // White space around calls makes no item of its own.
                if !is_open && text.trim().is_empty() {
                    return;
                }
                if !is_open {
                    self.open(out, Open::Text(String::new()));
                }
                if let Some(Open::Text(all)) = &mut self.open {
                    all.push_str(text);
                }
                self.text_event(out, "response.output_text.delta", "delta", text);
            }
            Piece::Call { call, .. } => {
                self.open(out, Open::Call(ToolCall { arguments: String::new(), ..call.clone() }));
                if let Some(Open::Call(open)) = &mut self.open {
                    open.arguments.clone_from(&call.arguments);
                }
                self.arguments(out, &call.arguments);
            }
            Piece::Arguments { text, .. } => {
                if let Some(Open::Call(call)) = &mut self.open {
                    call.arguments.push_str(text);
                }
                self.arguments(out, text);
            }
        }
    }
}

impl Dialect for ResponsesDialect {
    fn begin(&mut self, out: &mut Vec<u8>, _usage: &Usage) {
        for name in ["response.created", "response.in_progress"] {
            self.event(out, name, |dialect, out| {
                out.extend_from_slice(b"\"response\":");
                dialect.push_response(out, Status::InProgress, None);
            });
        }
    }

    fn step(&mut self, out: &mut Vec<u8>, step: &Step, _usage: &Usage) {
        for piece in &step.pieces {
            self.piece(out, piece);
        }
        self.finish = self.finish.take().or_else(|| step.finish.clone());
    }

    fn end(&mut self, out: &mut Vec<u8>, usage: &Usage) {
        let status = Status::of(self.finish.as_ref());
        self.close(out, status);
        let name = match status {
            Status::Incomplete => "response.incomplete",
            Status::InProgress | Status::Completed => "response.completed",
        };
        self.event(out, name, |dialect, out| {
            out.extend_from_slice(b"\"response\":");
            dialect.push_response(out, status, Some(usage));
        });
    }

    fn fail(&mut self, out: &mut Vec<u8>, error: ErrorBody<'_>) {
        self.event(out, "error", |_, out| {
            out.extend_from_slice(b"\"code\":");
            push_text(out, error.code.unwrap_or("server_error"));
            out.extend_from_slice(b",\"message\":");
            push_text(out, error.message);
            out.extend_from_slice(b",\"param\":null");
        });
    }

    fn whole(&mut self, answer: &Answer) -> Vec<u8> {
        let nothing = AnsweredChoice::default();
        let choice = answer.choices.first().unwrap_or(&nothing);
        let status = Status::of(choice.finish.as_ref());
        let has_text = !choice.text.trim().is_empty() || choice.calls.is_empty();
        let text = has_text.then(|| Open::Text(choice.text.clone()));
        for open in text.into_iter().chain(choice.calls.iter().cloned().map(Open::Call)) {
            self.open = Some(open);
            self.items.push(self.item(status));
        }
        let mut out = Vec::new();
        self.push_response(&mut out, status, Some(&answer.usage));
        out
    }
}

fn push_part(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(
        b"{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":",
    );
    push_text(out, text);
    out.push(b'}');
}

fn push_usage(out: &mut Vec<u8>, usage: &Usage) {
    out.extend_from_slice(b"{\"input_tokens\":");
    push_integer(out, usage.prompt_tokens);
    out.extend_from_slice(b",\"input_tokens_details\":{\"cached_tokens\":");
    push_integer(out, usage.cached_tokens);
    out.extend_from_slice(b"},\"output_tokens\":");
    push_integer(out, usage.completion_tokens);
    out.extend_from_slice(b",\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":");
    push_integer(out, usage.prompt_tokens + usage.completion_tokens);
    out.push(b'}');
}

#[cfg(test)]
mod tests;
