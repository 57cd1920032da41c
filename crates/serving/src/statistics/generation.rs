//! What only engines that generate text have. The bounds are those of vLLM, whose dashboards and
//! routers are to find what they look for.

use super::Histogram;

/// Upper bounds in seconds of the time to the first token.
pub const TTFT_BOUNDS: [f64; 22] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
];

/// Upper bounds in seconds of the time between tokens.
pub const TOKEN_SECONDS_BOUNDS: [f64; 19] = [
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0,
    40.0, 80.0,
];

/// Upper bounds in seconds of whole generations and their stages.
pub const GENERATION_SECONDS_BOUNDS: [f64; 21] = [
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0,
    480.0, 960.0, 1920.0, 7680.0,
];

/// Upper bounds of a request's tokens.
pub const GENERATION_TOKENS_BOUNDS: [f64; 16] =
    [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5];

/// Upper bounds of the tokens of one step.
pub const STEP_TOKENS_BOUNDS: [f64; 13] =
    [1.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0];

/// State and counters of an engine that generates text and schedules its own requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GenerationStatistics {
    /// Requests in the running batch now.
    pub running: usize,
    /// Requests that wait to be let into it now.
    pub waiting: usize,
    /// Blocks of the key-value cache that hold something now.
    pub kv_blocks_used: usize,
    /// All of its blocks.
    pub kv_blocks_total: usize,
    /// Tokens of prompts of finished and running requests, found in the cache or not.
    pub prompt_tokens: u64,
    /// Tokens generated.
    pub generated_tokens: u64,
    /// Tokens of prompts that were looked up in the prefix cache.
    pub prefix_cache_queries: u64,
    /// Those of them that were found there.
    pub prefix_cache_hits: u64,
    /// Times that a request lost its place to another one and was computed again.
    pub preemptions: u64,
    /// Requests by how they ended; indexed like [`GenerationEnd::ALL`].
    pub ended: [u64; GenerationEnd::ALL.len()],
    /// Times that tokens were proposed to be checked together.
    pub drafts: u64,
    /// Tokens proposed.
    pub draft_tokens: u64,
    /// Those of them that turned out right.
    pub accepted_draft_tokens: u64,
}

impl GenerationStatistics {
    /// Share of the key-value cache in use, 0 to 1; 0 if there is none.
    #[must_use]
    pub fn kv_usage(&self) -> f64 {
        if self.kv_blocks_total == 0 {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more than 52 bits")]
        let usage = self.kv_blocks_used as f64 / self.kv_blocks_total as f64;
        usage
    }
}

/// How a request ended, in vLLM's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationEnd {
    /// The model's own end, or one that the request named.
    Stop,
    /// No more tokens were allowed.
    Length,
    /// Its client went away.
    Abort,
    /// The engine failed.
    Error,
}

impl GenerationEnd {
    /// Every end.
    pub const ALL: [Self; 4] = [Self::Stop, Self::Length, Self::Abort, Self::Error];

    /// Label in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Abort => "abort",
            Self::Error => "error",
        }
    }
}

/// How an engine's requests and steps went. Seconds, or numbers of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GenerationHistograms {
    /// From the request's arrival to its first token.
    pub time_to_first_token: Histogram<{ TTFT_BOUNDS.len() }>,
    /// Between two tokens that were sent one after the other.
    pub inter_token_latency: Histogram<{ TOKEN_SECONDS_BOUNDS.len() }>,
    /// Mean time between a request's tokens after the first.
    pub time_per_output_token: Histogram<{ TOKEN_SECONDS_BOUNDS.len() }>,
    /// From arrival to the last token.
    pub end_to_end: Histogram<{ GENERATION_SECONDS_BOUNDS.len() }>,
    /// From arrival to the first step that took part of it.
    pub queue: Histogram<{ GENERATION_SECONDS_BOUNDS.len() }>,
    /// From there to the first token.
    pub prefill: Histogram<{ GENERATION_SECONDS_BOUNDS.len() }>,
    /// From the first token to the last.
    pub decode: Histogram<{ GENERATION_SECONDS_BOUNDS.len() }>,
    /// Prefill and decode together.
    pub inference: Histogram<{ GENERATION_SECONDS_BOUNDS.len() }>,
    /// Tokens of each step.
    pub step_tokens: Histogram<{ STEP_TOKENS_BOUNDS.len() }>,
    /// Tokens of each request's prompt.
    pub prompt_tokens: Histogram<{ GENERATION_TOKENS_BOUNDS.len() }>,
    /// Those of them that were computed, not found in the prefix cache.
    pub computed_prompt_tokens: Histogram<{ GENERATION_TOKENS_BOUNDS.len() }>,
    /// Tokens generated for each request.
    pub generated_tokens: Histogram<{ GENERATION_TOKENS_BOUNDS.len() }>,
    /// Tokens that each request allowed.
    pub max_tokens: Histogram<{ GENERATION_TOKENS_BOUNDS.len() }>,
    /// Choices that each request asked for.
    pub choices: Histogram<{ GENERATION_TOKENS_BOUNDS.len() }>,
}
