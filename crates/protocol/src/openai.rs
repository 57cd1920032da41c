//! OpenAI's API with vLLM's additions, and Anthropic's Messages: requests into values that are
//! checked field by field, answers and events out of what was generated. No server and no model.
//!
//! A request is read off its JSON tree, so that every fault names its field. Answers are written
//! by hand: a chunk of a stream is a prefix that was made once, the text and a suffix.

mod answer;
mod chat_answer;
mod chat_request;
mod completion_answer;
mod completion_request;
mod conversation;
mod error;
mod fields;
mod generation;
mod logprobs;
mod sampling;
mod structure;
mod tools;

pub use answer::{
    Answer, AnswerHead, AnsweredChoice, Dialect, Finish, Piece, Step, StopCause, ToolCall, Usage,
};
pub use chat_answer::ChatDialect;
pub use chat_request::ChatRequest;
pub use completion_answer::{CompletionDialect, Echo};
pub use completion_request::{CompletionRequest, Prompt};
pub use conversation::{Conversation, TemplateFields};
pub use error::{ErrorBody, ErrorForm, RequestFault};
pub use generation::{GenerationFields, StreamFields};
pub use logprobs::{TokenAlternative, TokenProbability};
pub use sampling::{SamplingFields, StopFields};
pub use structure::Structure;
pub use tools::{Tool, ToolChoice, Tools};
