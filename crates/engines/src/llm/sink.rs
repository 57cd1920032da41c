use serving::{GenerationEvent, GenerationSender, Responder, ServeError};

use super::tensors;

/// Where the events of a request go.
#[derive(Debug)]
pub(super) enum Sink {
    /// To whoever reads them one by one.
    Stream(GenerationSender),
    /// Into one tensor, sent when the last has come.
    Tensor(TensorSink),
}

/// Gathers a text for an answer in tensors.
#[derive(Debug)]
pub(super) struct TensorSink {
    pub(super) responder: Responder,
    /// What the text begins with.
    pub(super) text: String,
}

impl Sink {
    pub(super) fn send(&mut self, event: GenerationEvent) {
        match self {
            Self::Stream(sender) => sender.send(event),
            Self::Tensor(sink) => {
                sink.text.push_str(&event.text);
                if event.finish.is_some() {
                    sink.responder.finish(Ok(tensors::answer(&sink.text)));
                }
            }
        }
    }

    pub(super) fn fail(&self, error: ServeError) {
        match self {
            Self::Stream(sender) => sender.fail(error),
            Self::Tensor(sink) => {
                sink.responder.finish(Err(error));
            }
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        match self {
            Self::Stream(sender) => sender.is_cancelled(),
            Self::Tensor(sink) => sink.responder.is_cancelled(),
        }
    }
}
