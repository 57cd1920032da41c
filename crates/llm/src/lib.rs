//! Generation engine: sequences, scheduler, paged key-value cache, sampler, models; no network.

mod detokenizer;
mod sampler;
mod sampling;

pub use detokenizer::{Detokenizer, Vocabulary};
pub use sampler::{
    SampleError, Sampled, Sampler, SamplerWorkspace, TokenLogprob, TokenLogprobs, TokenMask,
};
pub use sampling::{ParameterError, SamplingParameters};
