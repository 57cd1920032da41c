use std::{collections::HashMap, path::Path, sync::Arc};

use kernels::{BLOCK_TOKENS, KvCache, KvShape};

use super::{
    Counters, Engine, EngineError, EngineOptions, Event, Pacing, Request, Rows, Tenants, Wanted,
};
use crate::{
    ChatTemplate, Checkpoint, CheckpointError, Draftsman, Hyperparameters, SamplerWorkspace,
    SamplingParameters, Scheduler, SchedulerOptions, decoder::Decoder,
};

impl Engine {
    /// Loads a `.gguf` file or a folder of weights and packs them for this machine.
    ///
    /// # Errors
    ///
    /// The files are wrong or of an unknown kind, or there is no room for keys and values.
    pub fn load(path: &Path, options: EngineOptions) -> Result<Self, EngineError> {
        let checkpoint = Arc::new(Checkpoint::open(path)?);
        let shape = checkpoint.hyperparameters();
        let context_length = context_length(shape, options.context_length)?;
        let tokenizer = Arc::new(checkpoint.tokenizer()?);
        let decoder = Decoder::load(&checkpoint, options.precision, Arc::clone(&options.threads))?;
        let cache = cache(shape, &options, context_length)?;
        let scheduler = Scheduler::new(scheduler_options(&options, &cache, context_length));
        Ok(Self {
            tokenizer,
            context_length,
            decoder,
            cache,
            scheduler,
            tenants: Tenants::default(),
            works: HashMap::new(),
            rows: Rows::default(),
            workspace: SamplerWorkspace::default(),
            pacing: Pacing::new(options.step_tokens_max),
            draftsman: options.speculation.then(Draftsman::default),
            counters: Counters::default(),
            checkpoint,
            options,
        })
    }

    /// The template that makes a prompt of a conversation, if the model has one.
    ///
    /// # Errors
    ///
    /// It is not valid.
    pub fn chat_template(&self) -> Result<Option<ChatTemplate>, CheckpointError> {
        self.checkpoint.chat(&self.tokenizer)
    }

    /// One line for logs: what the model is and how it is run.
    #[must_use]
    pub fn description(&self) -> String {
        let shape = self.hyperparameters();
        let cache = self.cache.shape();
        format!(
            "{}, {} layers of {}, {} MB of weights, {} threads; keys and values {} for {} tokens",
            shape.architecture,
            shape.layers,
            shape.hidden,
            self.decoder.weight_bytes() / 1_000_000,
            self.options.threads.count(),
            self.cache.format().name(),
            cache.blocks * BLOCK_TOKENS,
        )
    }

    /// Runs the model on one token to see that it works.
    ///
    /// # Errors
    ///
    /// Says what went wrong.
    ///
    /// # Panics
    ///
    /// If sequences are under way.
    pub fn check(&mut self) -> Result<(), String> {
        assert!(!self.has_work(), "the engine is checked while it has nothing else to do");
        let sampling =
            SamplingParameters { temperature: 0.0, max_tokens: 1, ..SamplingParameters::default() };
        let request = Request {
            prompt: vec![self.tokenizer.bos().unwrap_or(0)],
            wanted: Wanted::Text { sampling: Box::new(sampling), grammar: None },
            tenant: String::new(),
            weight: 1,
            priority: 0,
            salt: String::new(),
        };
        let id = self.add(request).map_err(|error| error.to_string())?;
        let mut events = Vec::new();
        self.step(&mut events);
        self.cancel(id);
        self.counters = Counters::default();
        match events.into_iter().find(|event| !matches!(event, Event::Started { .. })) {
            Some(Event::Output(_)) => Ok(()),
            Some(Event::Failed { error, .. }) => Err(error),
            _ => Err("the model gave no token".to_owned()),
        }
    }

    /// Forgets every sequence and everything that was computed.
    pub fn reset(&mut self) {
        let options = scheduler_options(&self.options, &self.cache, self.context_length);
        self.scheduler = Scheduler::new(options);
        self.works.clear();
    }
}

fn context_length(shape: &Hyperparameters, asked: Option<usize>) -> Result<usize, EngineError> {
    let longest = shape.context_length;
    match asked {
        Some(asked) if asked > longest || asked == 0 => {
            Err(EngineError::Context { asked, longest })
        }
        Some(asked) => Ok(asked),
        None => Ok(longest),
    }
}

fn cache(
    shape: &Hyperparameters,
    options: &EngineOptions,
    context_length: usize,
) -> Result<KvCache, EngineError> {
    let one = KvShape {
        layers: shape.layers,
        kv_heads: shape.kv_heads,
        head_dim: shape.head_dim,
        blocks: 1,
    };
    let block_bytes = KvCache::block_bytes(one, options.kv_format)?;
    // More than all sequences can ever fill is of no use, but for prefixes that are kept.
    let useful = context_length.div_ceil(BLOCK_TOKENS) * options.sequences_max;
    let blocks = (options.kv_bytes / block_bytes).min(useful.max(1));
    if blocks == 0 {
        return Err(EngineError::NoBlocks { bytes: options.kv_bytes, block_bytes });
    }
    Ok(KvCache::new(KvShape { blocks, ..one }, options.kv_format)?)
}

fn scheduler_options(
    options: &EngineOptions,
    cache: &KvCache,
    context_length: usize,
) -> SchedulerOptions {
    let blocks = cache.shape().blocks;
    SchedulerOptions {
        blocks,
        block_tokens: BLOCK_TOKENS,
        context_tokens_max: context_length,
        tokens_per_step_max: options.step_tokens_max.max(options.sequences_max + 1),
        prefill_tokens_while_decoding_max: options.step_tokens_max,
        running_max: options.sequences_max,
        watermark_blocks: blocks / 100,
        prefix_sharing: options.prefix_cache,
        waiting_requests_max: options.queue_requests_max,
        waiting_tokens_max: options.queue_tokens_max,
    }
}
