use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Endpoint, GenerationKind, Request};
use crate::{BuildError, Protocol, Random};

/// Words that are one token each, with the blank before them, in the vocabularies of the usual
/// byte-pair and sentence-piece tokenizers.
const WORDS: [&str; 64] = [
    "time", "people", "water", "world", "house", "place", "group", "company", "number", "system",
    "question", "night", "point", "city", "story", "book", "eye", "job", "word", "business",
    "side", "kind", "head", "hand", "part", "child", "year", "day", "week", "family", "state",
    "school", "student", "country", "problem", "fact", "month", "right", "study", "work", "life",
    "game", "line", "end", "member", "law", "car", "power", "office", "door", "health", "person",
    "art", "war", "history", "party", "result", "change", "morning", "reason", "research", "girl",
    "moment", "air",
];

/// A request to OpenAI's API.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpenAiRequest {
    /// Model name.
    pub model: String,
    /// The conversation so far; a completion or an embedding takes the texts joined.
    pub messages: Vec<ChatMessage>,
    /// Tokens to generate at most; `None` leaves it to the server.
    pub output_tokens: Option<u64>,
    /// Whether the answer is to come in pieces.
    pub stream: bool,
    /// Members that are added to the body as they are, such as `temperature`.
    pub extra: Map<String, Value>,
}

/// One message of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChatMessage {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// Its text.
    pub content: String,
}

impl OpenAiRequest {
    /// Builds the request's bytes.
    ///
    /// # Errors
    ///
    /// The protocol is not one of OpenAI's.
    pub fn build(&self, protocol: Protocol, endpoint: &Endpoint) -> Result<Request, BuildError> {
        let (path, kind, mut body) = match protocol {
            Protocol::OpenAiChat => ("/v1/chat/completions", self.chat_kind(), self.chat()),
            Protocol::OpenAiCompletions => {
                ("/v1/completions", self.completion_kind(), json!({"prompt": self.text()}))
            }
            Protocol::OpenAiEmbeddings => {
                ("/v1/embeddings", GenerationKind::Embedding, json!({"input": self.text()}))
            }
            _ => return Err(BuildError(format!("{} is not OpenAI's", protocol.name()))),
        };
        body["model"] = Value::from(&*self.model);
        if kind != GenerationKind::Embedding {
            self.add_generation(&mut body);
        }
        for (key, value) in &self.extra {
            body[key] = value.clone();
        }
        let body = Bytes::from(body.to_string());
        let request = Request::post(endpoint, path, &[("content-type", "application/json")], body);
        Ok(Request { generates: Some(kind), ..request })
    }

    fn chat_kind(&self) -> GenerationKind {
        if self.stream { GenerationKind::StreamedChat } else { GenerationKind::Chat }
    }

    fn completion_kind(&self) -> GenerationKind {
        if self.stream { GenerationKind::StreamedCompletion } else { GenerationKind::Completion }
    }

    fn chat(&self) -> Value {
        let message =
            |message: &ChatMessage| json!({"role": message.role, "content": message.content});
        json!({"messages": self.messages.iter().map(message).collect::<Vec<_>>()})
    }

    fn text(&self) -> String {
        let texts: Vec<&str> = self.messages.iter().map(|message| &*message.content).collect();
        texts.join("\n")
    }

    fn add_generation(&self, body: &mut Value) {
        if self.stream {
            body["stream"] = Value::from(true);
            body["stream_options"] = json!({"include_usage": true});
        }
        if let Some(tokens) = self.output_tokens {
            body["max_tokens"] = Value::from(tokens);
        }
    }
}

/// How long synthetic prompts are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromptLengths {
    /// Words of each prompt, its shared part included.
    pub words: usize,
    /// Words at the start that all prompts have in common.
    pub shared_words: usize,
}

/// Makes prompts of words of one token each: as many tokens as words, plus what the server's template
/// adds, which the caller finds out by asking.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    random: Random,
    shared: Vec<&'static str>,
}

impl Vocabulary {
    /// The prompts of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), shared: Vec::new() }
    }

    /// A prompt that is like no other but for its shared start.
    pub fn prompt(&mut self, lengths: PromptLengths) -> String {
        while self.shared.len() < lengths.shared_words.min(lengths.words) {
            let word = self.word();
            self.shared.push(word);
        }
        let shared = self.shared[..lengths.shared_words.min(lengths.words)].to_vec();
        let own = (shared.len()..lengths.words).map(|_| self.word()).collect::<Vec<_>>();
        [shared, own].concat().join(" ")
    }

    fn word(&mut self) -> &'static str {
        let index = self.random.below(WORDS.len() as u64);
        WORDS[usize::try_from(index).expect("there are 64 words")]
    }
}

#[cfg(test)]
mod tests;
