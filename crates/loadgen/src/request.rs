//! What is sent: the bytes of requests, built once, and the places in them that get fresh random data
//! each time.

mod fill;
mod openai;
mod v2;

use bytes::Bytes;

use crate::Expectation;

pub(crate) use fill::Slot;
pub use fill::ValueRange;
pub use openai::{ChatMessage, OpenAiRequest, PromptLengths, Vocabulary};
pub use v2::{InferRequest, InputData, InputTensor};

/// How an answer of OpenAI's API is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationKind {
    /// A chat in one document.
    Chat,
    /// A chat as a stream of events.
    StreamedChat,
    /// A completion in one document.
    Completion,
    /// A completion as a stream of events.
    StreamedCompletion,
    /// Vectors.
    Embedding,
}

impl GenerationKind {
    pub(crate) const fn is_streamed(self) -> bool {
        matches!(self, Self::StreamedChat | Self::StreamedCompletion)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Chat | Self::StreamedChat => "chat",
            Self::Completion | Self::StreamedCompletion => "completion",
            Self::Embedding => "embedding",
        }
    }
}

/// One request, ready to be sent any number of times.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The HTTP request's line and headers with the empty line; empty for gRPC.
    pub(crate) head: Bytes,
    /// The same with the header that asks for the server's timing.
    pub(crate) explained_head: Bytes,
    /// The HTTP body, or the gRPC message with its length prefix.
    pub(crate) body: Bytes,
    /// Where fresh random data goes.
    pub(crate) slots: Vec<Slot>,
    /// What the answer has to be.
    pub(crate) expectation: Option<Expectation>,
    /// How the answer is read, if it is one of OpenAI's API.
    pub(crate) generates: Option<GenerationKind>,
}

/// Where requests go: of HTTP's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `Host` header.
    pub host: String,
    /// In front of every path; empty or `/prefix`.
    pub prefix: String,
    /// Headers that the user adds, such as an API key.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// A GET of any path: to load what is no inference, such as a page of metrics.
    #[must_use]
    pub fn get(endpoint: &Endpoint, path: &str) -> Self {
        let Endpoint { prefix, host, .. } = endpoint;
        let mut head = format!("GET {prefix}{path} HTTP/1.1\r\nhost: {host}\r\n");
        for (name, value) in &endpoint.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let head = Bytes::from(head + "\r\n");
        Self { explained_head: head.clone(), head, ..Self::default() }
    }

    /// A POST with this body.
    fn post(endpoint: &Endpoint, path: &str, headers: &[(&str, &str)], body: Bytes) -> Self {
        let mut head = format!(
            "POST {}{path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n",
            endpoint.prefix,
            endpoint.host,
            body.len()
        );
        let added = endpoint.headers.iter().map(|(name, value)| (&**name, &**value));
        for (name, value) in headers.iter().copied().chain(added) {
            head += &format!("{name}: {value}\r\n");
        }
        let explained_head = Bytes::from(format!("{head}hone-explain: 1\r\n\r\n"));
        head += "\r\n";
        Self { head: Bytes::from(head), explained_head, body, ..Self::default() }
    }

    /// Bytes that one sending takes.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// The request with an expectation of its answer.
    #[must_use]
    pub fn expecting(mut self, expectation: Expectation) -> Self {
        self.expectation = Some(expectation);
        self
    }
}
