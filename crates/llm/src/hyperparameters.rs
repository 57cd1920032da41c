//! What a model is made of, in the terms of its mathematics, whatever file it comes from.

mod architecture;
mod config;
mod metadata;
mod rope;
mod window;

pub use architecture::{Activation, Architecture};
pub(crate) use config::{Values, architecture as architecture_of_config, from_config};
pub(crate) use metadata::from_metadata;
pub use rope::{Rope, RopeScaling, RopeStyle};
pub use window::SlidingWindow;

use crate::checkpoint::CheckpointError;

/// Sizes and switches of a decoder. Every one was checked to be possible.
#[derive(Clone, Debug, PartialEq)]
pub struct Hyperparameters {
    /// The family, which says in which order things are computed.
    pub architecture: Architecture,
    /// Decoder layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Query heads of each layer.
    pub heads: usize,
    /// Key and value heads of each layer; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head of queries, keys and values.
    pub head_dim: usize,
    /// Width between the feed-forward projections.
    pub intermediate: usize,
    /// Rows of the embedding; token ids are below it.
    pub vocabulary: usize,
    /// The most tokens that the model was made for.
    pub context_length: usize,
    /// What RMS norms add to the mean square.
    pub rms_epsilon: f32,
    /// How positions are told.
    pub rope: Rope,
    /// Layers that see only the last tokens, if there are some.
    pub sliding_window: Option<SlidingWindow>,
    /// The embedding is the output projection, too.
    pub tied_embeddings: bool,
    /// Queries, keys and values have biases.
    pub qkv_bias: bool,
    /// Each head of queries and keys is normalised before the rotation.
    pub query_key_norms: bool,
    /// The outputs of attention and feed-forward are normalised before they are added.
    pub post_norms: bool,
    /// What embeddings are multiplied with.
    pub embedding_scale: f32,
    /// What scores (query times key) are multiplied with.
    pub attention_scale: f32,
    /// Scores become `cap * tanh(score / cap)`.
    pub attention_softcap: Option<f32>,
    /// Logits become `cap * tanh(logit / cap)`.
    pub final_softcap: Option<f32>,
    /// The function of the gate.
    pub activation: Activation,
}

impl Hyperparameters {
    /// Values of all query heads together.
    #[must_use]
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Values of all key heads together; those of value heads are as many.
    #[must_use]
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// How many tokens back layer `layer` sees, itself included; `None` if all.
    #[must_use]
    pub fn attention_window(&self, layer: usize) -> Option<usize> {
        self.sliding_window.as_ref().and_then(|window| window.of_layer(layer))
    }

    /// The inverse frequencies of layer `layer`'s rotation, `[rope.dimensions / 2]`.
    #[must_use]
    pub fn rope_frequencies(&self, layer: usize) -> Vec<f64> {
        self.rope.frequencies(self.attention_window(layer).is_some())
    }

    /// Holds the sizes against each other and against what any model needs.
    pub(crate) fn check(&self) -> Result<(), CheckpointError> {
        let sizes = [
            ("layers", self.layers, 1024),
            ("hidden size", self.hidden, 1 << 16),
            ("attention heads", self.heads, 1024),
            ("key-value heads", self.kv_heads, 1024),
            ("head size", self.head_dim, 1024),
            ("feed-forward size", self.intermediate, 1 << 20),
            ("vocabulary size", self.vocabulary, 1 << 22),
            ("context length", self.context_length, 1 << 28),
        ];
        for (what, size, limit) in sizes {
            if size == 0 || size > limit {
                return Err(impossible(format!("{what} is {size}, not 1 to {limit}")));
            }
        }
        self.check_relations()
    }

    fn check_relations(&self) -> Result<(), CheckpointError> {
        let Self { heads, kv_heads, head_dim, .. } = self;
        if !heads.is_multiple_of(*kv_heads) {
            let problem =
                format!("{heads} attention heads cannot share {kv_heads} key-value heads");
            return Err(impossible(problem));
        }
        let dimensions = self.rope.dimensions;
        if dimensions == 0 || dimensions > *head_dim || !dimensions.is_multiple_of(2) {
            let problem = format!("{dimensions} values of a head of {head_dim} cannot be rotated");
            return Err(impossible(problem));
        }
        if !self.rms_epsilon.is_finite() || self.rms_epsilon < 0.0 {
            return Err(impossible(format!("the epsilon of RMS norms is {}", self.rms_epsilon)));
        }
        self.rope.check()
    }
}

fn square_root(size: usize) -> f32 {
    (size as f32).sqrt()
}

pub(crate) fn impossible(problem: String) -> CheckpointError {
    CheckpointError::Hyperparameters { problem }
}

#[cfg(test)]
mod tests;
