use super::{
    BlockHash, Purpose, QueueEntry, Scheduler, Sequence, SequenceId, SequenceLimits, SequenceState,
    TenantId,
};

/// A new sequence, as the scheduler sees it.
#[derive(Clone, Debug, Default)]
pub struct SequenceRequest {
    /// At least one token.
    pub prompt: Vec<u32>,
    /// Tokens to generate at most.
    pub output_tokens_max: usize,
    /// What is wanted.
    pub purpose: Purpose,
    /// Lower values are served first, and may take the blocks of higher ones.
    pub priority: i32,
    /// Who pays.
    pub tenant: TenantId,
    /// Prefixes are shared within one salt only.
    pub salt: Vec<u8>,
}

/// Why a sequence was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// There is nothing to start from.
    #[error("the prompt is empty: send at least one token")]
    EmptyPrompt,
    /// Longer than the model can attend to.
    #[error(
        "{prompt_tokens} tokens of prompt and up to {output_tokens_max} of output exceed the \
         context of {context_tokens_max} tokens: shorten the prompt or lower max_tokens"
    )]
    ContextExceeded {
        /// Length of the prompt.
        prompt_tokens: usize,
        /// Tokens to generate at most.
        output_tokens_max: usize,
        /// The limit.
        context_tokens_max: usize,
    },
    /// Would not fit into the key-value cache even alone.
    #[error(
        "{prompt_tokens} tokens of prompt and up to {output_tokens_max} of output exceed the \
         key-value cache of {cache_tokens} tokens: shorten the prompt or lower max_tokens"
    )]
    CacheExceeded {
        /// Length of the prompt.
        prompt_tokens: usize,
        /// Tokens to generate at most.
        output_tokens_max: usize,
        /// What the whole cache holds.
        cache_tokens: usize,
    },
    /// Too many wait.
    #[error(transparent)]
    QueueFull(#[from] QueueFull),
}

/// Too many wait; whoever knows the rate at which they are served can say when to come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue is full: {waiting_requests} requests with {waiting_tokens} tokens wait")]
pub struct QueueFull {
    /// Sequences that wait.
    pub waiting_requests: usize,
    /// Their tokens.
    pub waiting_tokens: usize,
    /// The limit on sequences.
    pub waiting_requests_max: usize,
    /// The limit on tokens.
    pub waiting_tokens_max: usize,
}

impl Scheduler {
    /// Queues a new sequence.
    ///
    /// # Errors
    ///
    /// If it could never run, or too many wait.
    pub fn add(&mut self, request: SequenceRequest) -> Result<SequenceId, AddError> {
        let output_tokens_max = match request.purpose {
            Purpose::Embed => 0,
            Purpose::Generate | Purpose::PromptLogits => request.output_tokens_max,
        };
        self.check_length(request.prompt.len(), output_tokens_max)?;
        self.check_queue(request.prompt.len())?;
        let arrival = self.arrivals;
        self.arrivals += 1;
        self.waiting_tokens += request.prompt.len();
        let limits = SequenceLimits { output_tokens_max };
        let id = self.slots.insert(|id| Sequence::new(id, request, limits, arrival));
        self.queue.push(self.slots.at(id).queue_entry());
        Ok(id)
    }

    fn check_length(&self, prompt_tokens: usize, output_tokens_max: usize) -> Result<(), AddError> {
        let context_tokens_max = self.options.context_tokens_max;
        let cache_tokens = self.pool.len() * self.pool.block_tokens();
        let tokens = prompt_tokens.saturating_add(output_tokens_max);
        if prompt_tokens == 0 {
            Err(AddError::EmptyPrompt)
        } else if tokens > context_tokens_max {
            Err(AddError::ContextExceeded { prompt_tokens, output_tokens_max, context_tokens_max })
        } else if tokens > cache_tokens {
            Err(AddError::CacheExceeded { prompt_tokens, output_tokens_max, cache_tokens })
        } else {
            Ok(())
        }
    }

    fn check_queue(&self, tokens: usize) -> Result<(), QueueFull> {
        let full = QueueFull {
            waiting_requests: self.waiting(),
            waiting_tokens: self.waiting_tokens,
            waiting_requests_max: self.options.waiting_requests_max,
            waiting_tokens_max: self.options.waiting_tokens_max,
        };
        let requests = full.waiting_requests >= full.waiting_requests_max;
        let tokens = full.waiting_requests > 0
            && full.waiting_tokens.saturating_add(tokens) > full.waiting_tokens_max;
        if requests || tokens { Err(full) } else { Ok(()) }
    }
}

impl Sequence {
    fn new(id: SequenceId, request: SequenceRequest, limits: SequenceLimits, arrival: u64) -> Self {
        let SequenceRequest { prompt, purpose, priority, tenant, salt, .. } = request;
        Self {
            id,
            prompt_tokens: prompt.len(),
            tokens: prompt,
            computed: 0,
            block_table: Vec::new(),
            limits,
            priority,
            tenant,
            arrival,
            purpose,
            state: SequenceState::Waiting,
            preemptions: 0,
            cached_tokens: 0,
            root: BlockHash::root(&salt),
            hashes: Vec::new(),
            registered: 0,
            drafts: Vec::new(),
            in_flight: None,
            awaited: None,
            cancelled: false,
        }
    }

    /// Its place in the queue.
    pub(super) fn queue_entry(&self) -> QueueEntry {
        QueueEntry {
            sequence: self.id,
            priority: self.priority,
            tenant: self.tenant,
            arrival: self.arrival,
            tokens: if self.preemptions == 0 { self.tokens.len() } else { 0 },
        }
    }
}
