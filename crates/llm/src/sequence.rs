use crate::{BlockHash, TenantId};

/// One text that grows: a prompt and what was generated after it.
///
/// The scheduler owns it until it is finished; others read it.
#[derive(Debug)]
pub struct Sequence {
    pub(crate) id: SequenceId,
    pub(crate) tokens: Vec<u32>,
    pub(crate) prompt_tokens: usize,
    pub(crate) computed: usize,
    pub(crate) block_table: Vec<u32>,
    pub(crate) limits: SequenceLimits,
    pub(crate) priority: i32,
    pub(crate) tenant: TenantId,
    pub(crate) arrival: u64,
    pub(crate) purpose: Purpose,
    pub(crate) state: SequenceState,
    pub(crate) preemptions: u32,
    pub(crate) cached_tokens: usize,
    /// Under the tenant's salt: the parent of the first block.
    pub(crate) root: BlockHash,
    /// Of the first full blocks of `tokens`; grows when somebody asks.
    pub(crate) hashes: Vec<BlockHash>,
    /// Blocks at the start of the table whose content the pool was told.
    pub(crate) registered: usize,
    pub(crate) drafts: Vec<u32>,
    /// What the step under way computes of it.
    pub(crate) in_flight: Option<InFlight>,
    /// The block that another sequence computes now, and that this one waits for.
    pub(crate) awaited: Option<BlockHash>,
    /// Nobody wants it any more, but the step under way still writes its blocks.
    pub(crate) cancelled: bool,
}

/// Names a sequence; never given again to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// What is wanted of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// New tokens.
    #[default]
    Generate,
    /// New tokens, and the logits of every token of the prompt. Reads nothing from the prefix cache.
    PromptLogits,
    /// The hidden state of every token of the prompt, and no new ones. Reads nothing from the
    /// prefix cache.
    Embed,
}

/// Where a sequence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceState {
    /// In the queue: new, or preempted.
    Waiting,
    /// Has blocks and takes part in steps.
    Running,
    /// Handed back.
    Finished,
}

/// When a sequence ends at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceLimits {
    /// Tokens that are generated at most; 0 computes the prompt alone.
    pub output_tokens_max: usize,
}

/// A sequence's part of the step under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InFlight {
    /// Known tokens that are computed.
    pub(crate) known: usize,
    /// Draft tokens that are computed after them.
    pub(crate) drafts: usize,
}

impl Sequence {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> SequenceId {
        self.id
    }

    /// Prompt and output.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The tokens that it came with.
    #[must_use]
    pub fn prompt(&self) -> &[u32] {
        &self.tokens[..self.prompt_tokens]
    }

    /// The tokens that were generated.
    #[must_use]
    pub fn output(&self) -> &[u32] {
        &self.tokens[self.prompt_tokens..]
    }

    /// Tokens from the start on whose keys and values are in the cache.
    #[must_use]
    pub fn computed_tokens(&self) -> usize {
        self.computed
    }

    /// The block of every `block_tokens` positions, in order. Blocks may be shared with other
    /// sequences, so only positions from [`Sequence::computed_tokens`] on may be written.
    #[must_use]
    pub fn block_table(&self) -> &[u32] {
        &self.block_table
    }

    /// Tokens that are proposed to follow, checked by the next step.
    #[must_use]
    pub fn drafts(&self) -> &[u32] {
        &self.drafts
    }

    /// Lower values are served first.
    #[must_use]
    pub fn priority(&self) -> i32 {
        self.priority
    }

    /// Who pays for it.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Counts sequences in order of arrival.
    #[must_use]
    pub fn arrival(&self) -> u64 {
        self.arrival
    }

    /// When it ends at the latest.
    #[must_use]
    pub fn limits(&self) -> SequenceLimits {
        self.limits
    }

    /// What is wanted of it.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Where it is.
    #[must_use]
    pub fn state(&self) -> SequenceState {
        self.state
    }

    /// How often it lost its blocks to others.
    #[must_use]
    pub fn preemptions(&self) -> u32 {
        self.preemptions
    }

    /// Tokens of the prompt that were found in the prefix cache when it first ran.
    #[must_use]
    pub fn cached_tokens(&self) -> usize {
        self.cached_tokens
    }

    /// Known tokens that are still to be computed; at least 1 while it runs.
    pub(crate) fn uncomputed(&self) -> usize {
        self.tokens.len() - self.computed
    }

    /// Whether its next step computes one known token, the last.
    pub(crate) fn is_decoding(&self) -> bool {
        self.uncomputed() == 1
    }

    /// Tokens that may still be generated.
    pub(crate) fn output_left(&self) -> usize {
        self.limits.output_tokens_max.saturating_sub(self.output().len())
    }

    pub(crate) fn reads_prefix_cache(&self) -> bool {
        self.purpose == Purpose::Generate
    }

    /// The hashes of the first `blocks` full blocks.
    ///
    /// # Panics
    ///
    /// If there are not so many tokens.
    pub(crate) fn block_hashes(&mut self, blocks: usize, block_tokens: usize) -> &[BlockHash] {
        while self.hashes.len() < blocks {
            let start = self.hashes.len() * block_tokens;
            let parent = self.hashes.last().unwrap_or(&self.root);
            let hash = parent.child(&self.tokens[start..start + block_tokens]);
            self.hashes.push(hash);
        }
        &self.hashes[..blocks]
    }

    /// Takes the outcome of a step: its known tokens and the drafts that `sampled` repeats are
    /// computed, and `sampled` follows the known ones. If nothing follows the last token, it is
    /// computed once more, to have something to sample from.
    ///
    /// # Panics
    ///
    /// If `sampled` is not the start of the drafts and one more token.
    pub(crate) fn advance(&mut self, done: InFlight, sampled: &[u32]) {
        let reaches_end = done.known == self.uncomputed();
        assert!(reaches_end || sampled.is_empty(), "tokens follow the last one only");
        assert!(sampled.len() <= self.output_left(), "more tokens than the limit allows");
        let accepted = sampled.len().saturating_sub(1);
        let offered = &self.drafts[..done.drafts];
        assert!(offered.starts_with(&sampled[..accepted]), "accepted tokens are no drafts");
        self.computed += done.known + accepted;
        self.tokens.extend_from_slice(sampled);
        self.drafts.clear();
        let last = self.tokens.len() - 1;
        self.computed = self.computed.min(last);
    }

    /// Forgets what was computed, after its blocks are gone; tokens stay.
    pub(crate) fn restart(&mut self) {
        self.state = SequenceState::Waiting;
        self.preemptions += 1;
        (self.computed, self.registered) = (0, 0);
        self.drafts.clear();
        self.in_flight = None;
    }
}
