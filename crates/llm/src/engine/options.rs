use std::sync::Arc;

use kernels::{KvFormat, Precision, Threads};

/// How a model is run.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// What it computes on.
    pub threads: Arc<Threads>,
    /// What weights are kept as.
    pub precision: Precision,
    /// What keys and values are kept as.
    pub kv_format: KvFormat,
    /// Bytes for keys and values; memory that is not used is not taken.
    pub kv_bytes: usize,
    /// Tokens that prompt and answer may have together; `None` is what the model was made for.
    pub context_length: Option<usize>,
    /// Sequences that run at a time.
    pub sequences_max: usize,
    /// Tokens of one step; more than `sequences_max`.
    pub step_tokens_max: usize,
    /// Sequences that may wait.
    pub queue_requests_max: usize,
    /// Tokens of prompts that may wait.
    pub queue_tokens_max: usize,
    /// Whether tokens are guessed and checked together where that pays.
    pub speculation: bool,
    /// Whether prompts that begin alike share what was computed.
    pub prefix_cache: bool,
}
