//! What a language model does for a front end, in no protocol's terms.

mod stream;

use std::{fmt, sync::Arc, time::Duration};

use crate::{ServeError, Timestamp};

pub use stream::{Generation, GenerationSender, generation};

/// A model that continues text. One per loaded version; every method may be called from any thread.
pub trait LanguageModel: Send + Sync + fmt::Debug {
    /// What the model is and can.
    fn card(&self) -> &ModelCard;

    /// Text to tokens. Takes about half a microsecond per character: long texts belong off the
    /// threads that drive connections.
    ///
    /// # Errors
    ///
    /// The text is longer than any context.
    fn encode(&self, text: &str, options: EncodeOptions) -> Result<Vec<u32>, ServeError>;

    /// Tokens to text.
    ///
    /// # Errors
    ///
    /// A token is outside of the vocabulary.
    fn decode(&self, tokens: &[u32], skip_special: bool) -> Result<String, ServeError>;

    /// The bytes that a token stands for; they need not be whole characters. Empty if there is no
    /// such token.
    fn token_bytes(&self, token: u32) -> &[u8];

    /// A conversation to the text of a prompt, by the model's own template.
    ///
    /// # Errors
    ///
    /// The model has no template, or the template refuses the conversation.
    fn render(&self, chat: &Chat) -> Result<String, ServeError>;

    /// Turns a grammar into something that generations can be held to. Takes up to the model's
    /// limit on time, so it belongs off the threads that drive connections.
    ///
    /// # Errors
    ///
    /// The grammar is wrong, or too large.
    fn compile(&self, grammar: &Grammar) -> Result<CompiledGrammar, ServeError>;

    /// Checks and queues a generation. Dropping what it returns cancels it: its memory is free
    /// within one step.
    ///
    /// # Errors
    ///
    /// A parameter is wrong ([`ServeError::parameter`] names it), prompt and answer do not fit the
    /// context, or the queue is full ([`ErrorKind::Exhausted`](crate::ErrorKind::Exhausted)).
    fn generate(&self, request: GenerationRequest) -> Result<Generation, ServeError>;

    /// Checks and queues the embedding of one text: the last hidden states, pooled. The only event
    /// of the stream carries the vector.
    ///
    /// # Errors
    ///
    /// As for [`generate`](Self::generate).
    fn embed(&self, request: EmbeddingRequest) -> Result<Generation, ServeError>;

    /// Forgets the blocks that are kept for prompts that begin alike.
    fn reset_prefix_cache(&self);
}

/// What a language model is and can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCard {
    /// Family, such as `llama`.
    pub architecture: String,
    /// Tokens that prompt and answer may have together.
    pub context_length: usize,
    /// Tokens that there are.
    pub vocabulary: usize,
    /// Numbers of an embedding.
    pub embedding_length: usize,
    /// How the model's template writes the calls of tools.
    pub tool_format: ToolFormat,
    /// Whether the model has a template for conversations.
    pub has_chat_template: bool,
    /// Tokens that end an answer.
    pub end_tokens: Vec<u32>,
    /// Alternatives that a request may ask for per token.
    pub logprobs_max: usize,
}

/// How a model writes the calls of tools in its answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolFormat {
    /// The template knows no tools.
    #[default]
    None,
    /// `<tool_call>{"name": ..., "arguments": {...}}</tool_call>` (Hermes, Qwen).
    Hermes,
    /// `{"name": ..., "parameters": {...}}`, with or without `<|python_tag|>` (Llama 3).
    Llama3,
    /// `[TOOL_CALLS] [{"name": ..., "arguments": {...}}]` (Mistral).
    Mistral,
}

/// How text becomes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Whether tokens that the model wants around a text (beginning of sequence) are added.
    pub add_special: bool,
    /// Whether the names of control tokens in the text stand for them.
    pub parse_special: bool,
}

/// A conversation for a template.
#[derive(Clone, Debug, Default)]
pub struct Chat {
    /// Messages as the API has them: objects with `role` and `content`.
    pub messages: serde_json::Value,
    /// Tools as the API has them, if there are any.
    pub tools: Option<serde_json::Value>,
    /// Whether the prompt ends with the beginning of the assistant's answer.
    pub add_generation_prompt: bool,
    /// Whether the last message is to be continued rather than answered.
    pub continue_final_message: bool,
    /// What else the template may look at (`chat_template_kwargs`).
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// What an answer is held to.
#[derive(Clone, Debug, PartialEq)]
pub enum Grammar {
    /// Any JSON object.
    JsonObject,
    /// JSON of a schema.
    JsonSchema(serde_json::Value),
    /// A regular expression for the whole answer.
    Regex(String),
    /// One of these texts.
    Choice(Vec<String>),
    /// A grammar in Lark's notation.
    Lark(String),
}

/// A grammar made ready by [`LanguageModel::compile`]; only that model knows what is in it.
#[derive(Clone)]
pub struct CompiledGrammar(pub Arc<dyn std::any::Any + Send + Sync>);

impl fmt::Debug for CompiledGrammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompiledGrammar")
    }
}

/// One generation, decoded and not yet checked against a model.
#[derive(Clone, Debug, Default)]
pub struct GenerationRequest {
    /// Tokens to continue.
    pub prompt: Vec<u32>,
    /// How the next token is chosen.
    pub sampling: Sampling,
    /// When an answer ends.
    pub stop: StopConditions,
    /// Independent answers to the same prompt; at least 1.
    pub choices: usize,
    /// What the answer is held to.
    pub grammar: Option<CompiledGrammar>,
    /// Alternatives per generated token whose probabilities are told; `None` tells none at all.
    pub logprobs: Option<usize>,
    /// The same for the prompt's tokens.
    pub prompt_logprobs: Option<usize>,
    /// Whether control tokens are left out of the text.
    pub skip_special_tokens: bool,
    /// Who shares with whom.
    pub tenancy: Tenancy,
    /// When its first byte was looked at.
    pub received: Timestamp,
    /// It is ended if its first token is not there by then; `None` leaves it to the model.
    pub queue_timeout: Option<Duration>,
}

/// How the next token is chosen. The names and meanings are OpenAI's and vLLM's.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the most probable token.
    pub temperature: f32,
    /// Smallest set of tokens with this probability together; 1 is all of them.
    pub top_p: f32,
    /// So many tokens at most; 0 is all of them.
    pub top_k: usize,
    /// Tokens at least this probable, as a share of the most probable one's; 0 is all of them.
    pub min_p: f32,
    /// Divides the logits of what has occurred; 1 does nothing.
    pub repetition_penalty: f32,
    /// Taken off the logits of what was generated.
    pub presence_penalty: f32,
    /// Taken off the logits of what was generated, once for each time.
    pub frequency_penalty: f32,
    /// Added to the logits of single tokens.
    pub logit_bias: Vec<(u32, f32)>,
    /// The only tokens that may come; empty is all of them.
    pub allowed_tokens: Vec<u32>,
    /// Sequences of tokens that must not come.
    pub bad_words: Vec<Vec<u32>>,
    /// The same seed draws the same tokens.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: Vec::new(),
            allowed_tokens: Vec::new(),
            bad_words: Vec::new(),
            seed: None,
        }
    }
}

/// When an answer ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopConditions {
    /// Tokens of an answer at most; `None` is what the context has left.
    pub max_tokens: Option<usize>,
    /// Tokens before which nothing but `max_tokens` ends it.
    pub min_tokens: usize,
    /// Texts that end it.
    pub strings: Vec<String>,
    /// Tokens that end it, besides the model's own.
    pub tokens: Vec<u32>,
    /// Whether the model's own end is passed over.
    pub ignore_end: bool,
    /// Whether the text that ended the answer is part of it.
    pub include_string: bool,
}

/// Who shares with whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenancy {
    /// Whose share of the machine it takes; requests of one tenant wait for each other first.
    pub tenant: String,
    /// How large that share is, against those of others; 0 counts as 1.
    pub weight: u32,
    /// Lower comes first.
    pub priority: i32,
    /// Prompts with other salts do not share memory, nor can they tell what others asked.
    pub cache_salt: String,
}

/// One text to embed.
#[derive(Clone, Debug, Default)]
pub struct EmbeddingRequest {
    /// Its tokens.
    pub tokens: Vec<u32>,
    /// How the tokens' vectors become one.
    pub pooling: Pooling,
    /// Whether the vector gets the length 1.
    pub normalise: bool,
    /// Who shares with whom.
    pub tenancy: Tenancy,
    /// When its first byte was looked at.
    pub received: Timestamp,
}

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// The last token's.
    Last,
    /// The first token's.
    First,
}

/// What a generation says of one of its choices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerationEvent {
    /// Which choice, from 0.
    pub choice: usize,
    /// Text that has become certain since the last event; may be empty.
    pub text: String,
    /// Tokens generated since the last event.
    pub tokens: Vec<u32>,
    /// One for each of `tokens`, if they were asked for.
    pub logprobs: Vec<TokenLogprobs>,
    /// In the first event, if they were asked for: one for each of the prompt's tokens; the first
    /// has none.
    pub prompt_logprobs: Vec<Option<TokenLogprobs>>,
    /// The vector, where a text is embedded.
    pub embedding: Vec<f32>,
    /// In the last event of the choice.
    pub finish: Option<Finish>,
}

/// How probable a token was, and what else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenLogprobs {
    /// Natural logarithm of the token's probability.
    pub logprob: f32,
    /// Its place among all, from 1.
    pub rank: usize,
    /// The most probable tokens, in falling order.
    pub top: Vec<(u32, f32)>,
}

/// How a choice ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// Why.
    pub reason: FinishReason,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Those of them that were found in the prefix cache.
    pub cached_tokens: usize,
    /// Tokens of the choice.
    pub generated_tokens: usize,
}

/// Why a choice ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model's own end.
    End,
    /// One of the request's stop tokens.
    StopToken(u32),
    /// One of the request's stop strings.
    StopString(String),
    /// No more tokens were allowed.
    Length,
}
