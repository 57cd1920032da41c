//! OpenAI's API with vLLM's additions, and Anthropic's Messages: requests into values that are
//! checked field by field, answers and events out of what was generated. No server and no model.
//!
//! A request is read off its JSON tree, so that every fault names its field. Answers are written
//! by hand: a chunk of a stream is a prefix that was made once, the text and a suffix.

mod answer;
mod anthropic_answer;
mod anthropic_request;
mod chat_answer;
mod chat_request;
mod completion_answer;
mod completion_request;
mod conversation;
mod embeddings;
mod error;
mod fields;
mod generate;
mod generation;
mod logprobs;
mod responses_answer;
mod responses_request;
mod sampling;
mod structure;
mod tokens;
mod tools;

pub use answer::{
    Answer, AnswerHead, AnsweredChoice, Dialect, Finish, Piece, Step, StopCause, ToolCall, Usage,
};
pub use anthropic_answer::MessagesDialect;
pub use anthropic_request::MessagesRequest;
pub use chat_answer::ChatDialect;
pub use chat_request::ChatRequest;
pub use completion_answer::{CompletionDialect, Echo};
pub use completion_request::{CompletionRequest, Prompt};
pub use conversation::{Conversation, TemplateFields};
pub use embeddings::{EmbeddingsRequest, embeddings_json};
pub use error::{ErrorBody, ErrorForm, RequestFault};
pub use generate::{
    GenerateDialect, GenerateRequest, generate_to_inference, inference_to_generated,
};
pub use generation::{GenerationFields, StreamFields};
pub use logprobs::{TokenAlternative, TokenProbability};
pub use responses_answer::ResponsesDialect;
pub use responses_request::ResponsesRequest;
pub use sampling::{SamplingFields, StopFields};
pub use structure::Structure;
pub use tokens::{ChatSource, DetokenizeRequest, TokenSource, TokenizeRequest};
pub use tools::{Tool, ToolChoice, Tools};
