use protocol::openai::{Piece, ToolCall};
use smallvec::SmallVec;

use super::{
    CallForm, CallStyle,
    object::{Found, ObjectReader},
};

type Pieces = SmallVec<[Piece; 1]>;

const HERMES_OPEN: &str = "<tool_call>";
const HERMES_CLOSE: &str = "</tool_call>";
const LLAMA_OPEN: &str = "<|python_tag|>";
const MISTRAL_OPEN: &str = "[TOOL_CALLS]";

/// Reads calls out of an answer while it is written. What is no call is text.
#[derive(Debug)]
pub(crate) struct CallReader {
    style: CallStyle,
    place: Place,
    /// Not looked through yet, or not decided upon.
    held: String,
    /// Calls that have been told.
    calls: usize,
}

#[derive(Debug)]
enum Place {
    /// Before anything was decided.
    Start,
    /// In text that calls may interrupt.
    Text,
    /// Among calls, outside of one.
    Between,
    Object(ObjectReader),
    /// In the arguments of the one call.
    Arguments,
    /// In text that nothing interrupts any more.
    Rest,
}

impl CallReader {
    pub(crate) fn new(style: CallStyle) -> Self {
        let place = match style.form {
            CallForm::Arguments(_) | CallForm::Llama3 => Place::Start,
            CallForm::List => Place::Between,
            CallForm::Hermes | CallForm::Mistral => Place::Text,
        };
        Self { style, place, held: String::new(), calls: 0 }
    }

    /// Takes what was written next.
    pub(crate) fn read(&mut self, text: &str, pieces: &mut Pieces) {
        self.held.push_str(text);
        while self.advance(pieces) {}
    }

    /// The answer has ended. Returns whether it has calls.
    pub(crate) fn finish(&mut self, pieces: &mut Pieces) -> bool {
        let mut left = std::mem::take(&mut self.held);
        if let Place::Object(object) = &mut self.place {
            // A call that is cut off is one all the same.
            self.calls += usize::from(object.has_begun());
            left.insert_str(0, &object.take_raw());
        }
        // Brackets and spaces around calls are no text.
        let is_text = match self.place {
            Place::Between => self.calls == 0,
            _ => !left.trim().is_empty() || self.calls == 0,
        };
        if is_text {
            push_text(pieces, &left);
        }
        self.calls > 0
    }

    /// Goes on until it needs more text; false if it does.
    fn advance(&mut self, pieces: &mut Pieces) -> bool {
        match &mut self.place {
            Place::Start => self.start(pieces),
            Place::Text => self.text(pieces),
            Place::Between => self.between(),
            Place::Object(_) => self.object(pieces),
            Place::Arguments => {
                let text = std::mem::take(&mut self.held);
                push_arguments(pieces, 0, &text);
                false
            }
            Place::Rest => {
                push_text(pieces, &std::mem::take(&mut self.held));
                false
            }
        }
    }

    fn start(&mut self, pieces: &mut Pieces) -> bool {
        if let CallForm::Arguments(name) = &self.style.form {
            let call = new_call(name.clone(), String::new());
            pieces.push(Piece::Call { index: 0, call });
            self.calls = 1;
            self.place = Place::Arguments;
            return true;
        }
        let seen = self.held.trim_start();
        if seen.starts_with('{') || seen.starts_with(LLAMA_OPEN) {
            self.place = Place::Between;
            return true;
        }
        if LLAMA_OPEN.starts_with(seen) {
            return false;
        }
        self.place = Place::Rest;
        true
    }

    fn text(&mut self, pieces: &mut Pieces) -> bool {
        let open = match self.style.form {
            CallForm::Mistral => MISTRAL_OPEN,
            _ => HERMES_OPEN,
        };
        if let Some(at) = self.held.find(open) {
            push_text(pieces, &self.held[..at]);
            self.held.drain(..at + open.len());
            self.place = Place::Between;
            return true;
        }
        // What may be the beginning of a call waits.
        let kept = (1..open.len()).rev().find(|len| self.held.ends_with(&open[..*len]));
        let told = self.held.len() - kept.unwrap_or(0);
        push_text(pieces, &self.held[..told]);
        self.held.drain(..told);
        false
    }

    fn between(&mut self) -> bool {
        let spaces = self.held.len() - self.held.trim_start().len();
        let seen = &self.held[spaces..];
        if seen.is_empty() {
            return false;
        }
        if seen.starts_with('{') {
            self.held.drain(..spaces);
            self.place = Place::Object(ObjectReader::default());
            return true;
        }
        let (passed, next): (&[&str], _) = match self.style.form {
            CallForm::Hermes => (&[HERMES_CLOSE], Place::Text),
            CallForm::Llama3 => (&[";", LLAMA_OPEN], Place::Between),
            _ => (&["[", ",", "]"], Place::Between),
        };
        if let Some(passed) = passed.iter().find(|passed| seen.starts_with(**passed)) {
            self.held.drain(..spaces + passed.len());
            self.place = next;
            return true;
        }
        if passed.iter().any(|passed| passed.starts_with(seen)) {
            return false;
        }
        self.place = self.after_failure();
        true
    }

    fn object(&mut self, pieces: &mut Pieces) -> bool {
        let Place::Object(object) = &mut self.place else { return false };
        let text = std::mem::take(&mut self.held);
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            match object.step(character) {
                Found::Nothing => {}
                Found::Name(name) => {
                    if !self.style.names.contains(&name) {
                        return self.fail(pieces, rest.as_str());
                    }
                    let Place::Object(object) = &mut self.place else { return false };
                    object.begin();
                    if self.calls < self.style.calls_max {
                        let call = new_call(name, object.take_arguments());
                        pieces.push(Piece::Call { index: self.calls, call });
                    }
                    return self.go_on(rest.as_str());
                }
                Found::End => {
                    let arguments = object.take_arguments();
                    self.tell(pieces, &arguments);
                    self.calls += 1;
                    self.place = Place::Between;
                    return self.go_on(rest.as_str());
                }
                Found::Fault => return self.fail(pieces, rest.as_str()),
            }
        }
        if object.has_begun() {
            let arguments = object.take_arguments();
            self.tell(pieces, &arguments);
        }
        false
    }

    fn tell(&self, pieces: &mut Pieces, arguments: &str) {
        if self.calls < self.style.calls_max {
            push_arguments(pieces, self.calls, arguments);
        }
    }

    fn go_on(&mut self, rest: &str) -> bool {
        rest.clone_into(&mut self.held);
        true
    }

    /// What looked like a call is text; unless its beginning has been told already.
    fn fail(&mut self, pieces: &mut Pieces, rest: &str) -> bool {
        let Place::Object(object) = &mut self.place else { return false };
        if object.has_begun() {
            self.calls += 1;
        } else {
            push_text(pieces, &object.take_raw());
        }
        self.place = self.after_failure();
        self.go_on(rest)
    }

    fn after_failure(&self) -> Place {
        match self.style.form {
            CallForm::Hermes => Place::Text,
            _ => Place::Rest,
        }
    }
}

fn new_call(name: String, arguments: String) -> ToolCall {
    ToolCall { id: crate::http::openai::head::new_id(), name, arguments }
}

fn push_text(pieces: &mut Pieces, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(last)) => last.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

fn push_arguments(pieces: &mut Pieces, index: usize, more: &str) {
    match pieces.last_mut() {
        _ if more.is_empty() => {}
        Some(Piece::Call { index: last, call }) if *last == index => call.arguments.push_str(more),
        Some(Piece::Arguments { index: last, text }) if *last == index => text.push_str(more),
        _ => pieces.push(Piece::Arguments { index, text: more.to_owned() }),
    }
}
