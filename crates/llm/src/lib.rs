//! Generation engine: sequences, scheduler, paged key-value cache, sampler, models; no network.

pub mod build;
mod gguf;
mod mapped_file;

mod checkpoint;
mod hyperparameters;

mod chat;
mod tokenizer;

mod block_hash;
mod block_pool;
mod sequence;

mod fair_queue;
mod scheduler;

mod sampling;

mod detokenizer;
mod grammar;
mod sampler;
mod speculation;
mod stop;

mod choice;

mod decoder;
mod models;

mod engine;

pub use block_hash::BlockHash;
pub use block_pool::{BlockPool, BlockPoolStats};
pub use chat::{ChatError, ChatPrompt, ChatTemplate, ToolFormat};
pub use checkpoint::{Checkpoint, CheckpointError, LayerTensor, TensorName};
pub use choice::{Choice, ChoiceError, Chosen, FinishReason, StopCause};
pub use detokenizer::{Detokenizer, Vocabulary};
pub use engine::{
    Engine, EngineError, EngineOptions, EngineStatistics, Event, Finished, Output, Pooling,
    Request, Wanted,
};
pub use fair_queue::{FairQueue, QueueEntry, TenantId};
pub use gguf::GgufError;
pub use grammar::{
    Grammar, GrammarError, GrammarFactory, GrammarLimits, GrammarMatcher, GrammarSource,
};
pub use hyperparameters::{
    Activation, Architecture, Hyperparameters, Rope, RopeScaling, RopeStyle, SlidingWindow,
};
pub use sampler::{
    SampleError, Sampled, Sampler, SamplerWorkspace, TokenLogprob, TokenLogprobs, TokenMask,
};
pub use sampling::{ParameterError, SamplingParameters};
pub use scheduler::{
    AddError, Chunk, QueueFull, Scheduler, SchedulerOptions, SchedulerStats, SequenceRequest, Step,
};
pub use sequence::{Purpose, Sequence, SequenceId, SequenceLimits, SequenceState};
pub use speculation::{Draftsman, SpeculationOptions, Speculator, StepCost, StepForecast};
pub use stop::StopStrings;
pub use tokenizer::{SpecialTexts, Tokenizer, TokenizerError};
