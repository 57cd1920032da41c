use super::{Engine, work::Outcome};
use crate::Chunk;

/// State and history of an engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineStatistics {
    /// Sequences with blocks.
    pub running: usize,
    /// Sequences without.
    pub waiting: usize,
    /// Blocks that sequences hold.
    pub blocks_used: usize,
    /// All blocks.
    pub blocks_total: usize,
    /// Tokens of the prompts of all sequences that have started.
    pub prompt_tokens: u64,
    /// Tokens generated.
    pub generated_tokens: u64,
    /// Tokens of prompts that were looked up in the prefix cache.
    pub prefix_queries: u64,
    /// Those of them that were found there.
    pub prefix_hits: u64,
    /// How often a sequence lost its blocks.
    pub preemptions: u64,
    /// Times that tokens were guessed.
    pub drafts: u64,
    /// Tokens guessed.
    pub draft_tokens: u64,
    /// Those of them that were right.
    pub accepted_draft_tokens: u64,
}

/// What the scheduler does not count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) prompt_tokens: u64,
    generated_tokens: u64,
    drafts: u64,
    draft_tokens: u64,
    accepted_draft_tokens: u64,
}

impl Counters {
    /// Takes note of what came of a chunk.
    pub(super) fn note(&mut self, chunk: &Chunk, outcome: &Outcome) {
        self.generated_tokens += outcome.tokens.len() as u64;
        if chunk.drafts > 0 {
            self.drafts += 1;
            self.draft_tokens += chunk.drafts as u64;
            self.accepted_draft_tokens += outcome.tokens.len().saturating_sub(1) as u64;
        }
    }
}

impl Engine {
    /// State and history.
    #[must_use]
    pub fn statistics(&self) -> EngineStatistics {
        let scheduler = self.scheduler.stats();
        let counters = self.counters;
        EngineStatistics {
            running: scheduler.running,
            waiting: scheduler.waiting,
            blocks_used: scheduler.pool.used,
            blocks_total: scheduler.pool.blocks,
            prompt_tokens: counters.prompt_tokens,
            generated_tokens: counters.generated_tokens,
            prefix_queries: scheduler.pool.queried_tokens,
            prefix_hits: scheduler.pool.hit_tokens,
            preemptions: scheduler.preemptions,
            drafts: counters.drafts,
            draft_tokens: counters.draft_tokens,
            accepted_draft_tokens: counters.accepted_draft_tokens,
        }
    }
}
