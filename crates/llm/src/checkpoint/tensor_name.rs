//! One naming of tensors for all kinds of files.

use crate::hyperparameters::Architecture;

/// A tensor of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorName {
    /// `[vocabulary, hidden]`.
    Embedding,
    /// The norm behind the last layer, `[hidden]`.
    OutputNorm,
    /// `[vocabulary, hidden]`; missing if it is the embedding.
    Output,
    /// What the frequencies of the rotation are divided by, `[rope.dimensions / 2]`.
    RopeFactors,
    /// One of a layer, counted from 0.
    Layer(usize, LayerTensor),
}

/// A tensor that every layer has, or every layer of some families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LayerTensor {
    /// The norm before attention, `[hidden]`.
    AttentionNorm,
    /// `[query width, hidden]`.
    Query,
    /// `[kv width, hidden]`.
    Key,
    /// `[kv width, hidden]`.
    Value,
    /// `[query width]`.
    QueryBias,
    /// `[kv width]`.
    KeyBias,
    /// `[kv width]`.
    ValueBias,
    /// The norm of each head of queries, `[head_dim]`.
    QueryNorm,
    /// The norm of each head of keys, `[head_dim]`.
    KeyNorm,
    /// `[hidden, query width]`.
    AttentionOutput,
    /// The norm of attention's output, `[hidden]`.
    PostAttentionNorm,
    /// The norm before the feed-forward part, `[hidden]`.
    FeedForwardNorm,
    /// `[intermediate, hidden]`.
    Gate,
    /// `[intermediate, hidden]`.
    Up,
    /// `[hidden, intermediate]`.
    Down,
    /// The norm of the feed-forward part's output, `[hidden]`.
    PostFeedForwardNorm,
}

impl TensorName {
    /// Whether these are the weights of a norm.
    #[must_use]
    pub fn is_norm(self) -> bool {
        match self {
            Self::OutputNorm => true,
            Self::Embedding | Self::Output | Self::RopeFactors => false,
            Self::Layer(_, tensor) => matches!(
                tensor,
                LayerTensor::AttentionNorm
                    | LayerTensor::QueryNorm
                    | LayerTensor::KeyNorm
                    | LayerTensor::PostAttentionNorm
                    | LayerTensor::FeedForwardNorm
                    | LayerTensor::PostFeedForwardNorm
            ),
        }
    }

    /// The name in GGUF files.
    pub(crate) fn in_gguf(self) -> String {
        match self {
            Self::Embedding => "token_embd.weight".to_owned(),
            Self::OutputNorm => "output_norm.weight".to_owned(),
            Self::Output => "output.weight".to_owned(),
            Self::RopeFactors => "rope_freqs.weight".to_owned(),
            Self::Layer(layer, tensor) => format!("blk.{layer}.{}", tensor.in_gguf()),
        }
    }

    /// The name in Hugging Face's files, without what they put before `embed_tokens`.
    pub(crate) fn in_transformers(self, architecture: Architecture) -> String {
        match self {
            Self::Embedding => "embed_tokens.weight".to_owned(),
            Self::OutputNorm => "norm.weight".to_owned(),
            Self::Output => "lm_head.weight".to_owned(),
            // These files tell the factors' formula instead.
            Self::RopeFactors => "rope_freqs.weight".to_owned(),
            Self::Layer(layer, tensor) => {
                format!("layers.{layer}.{}", tensor.in_transformers(architecture))
            }
        }
    }
}

impl LayerTensor {
    fn in_gguf(self) -> &'static str {
        match self {
            Self::AttentionNorm => "attn_norm.weight",
            Self::Query => "attn_q.weight",
            Self::Key => "attn_k.weight",
            Self::Value => "attn_v.weight",
            Self::QueryBias => "attn_q.bias",
            Self::KeyBias => "attn_k.bias",
            Self::ValueBias => "attn_v.bias",
            Self::QueryNorm => "attn_q_norm.weight",
            Self::KeyNorm => "attn_k_norm.weight",
            Self::AttentionOutput => "attn_output.weight",
            Self::PostAttentionNorm => "post_attention_norm.weight",
            Self::FeedForwardNorm => "ffn_norm.weight",
            Self::Gate => "ffn_gate.weight",
            Self::Up => "ffn_up.weight",
            Self::Down => "ffn_down.weight",
            Self::PostFeedForwardNorm => "post_ffw_norm.weight",
        }
    }

    fn in_transformers(self, architecture: Architecture) -> &'static str {
        let gemma = architecture == Architecture::Gemma3;
        match self {
            Self::AttentionNorm => "input_layernorm.weight",
            Self::Query => "self_attn.q_proj.weight",
            Self::Key => "self_attn.k_proj.weight",
            Self::Value => "self_attn.v_proj.weight",
            Self::QueryBias => "self_attn.q_proj.bias",
            Self::KeyBias => "self_attn.k_proj.bias",
            Self::ValueBias => "self_attn.v_proj.bias",
            Self::QueryNorm => "self_attn.q_norm.weight",
            Self::KeyNorm => "self_attn.k_norm.weight",
            Self::AttentionOutput => "self_attn.o_proj.weight",
            // The same name is the norm after attention here, and that before feed-forward there.
            Self::FeedForwardNorm if !gemma => "post_attention_layernorm.weight",
            Self::PostAttentionNorm if gemma => "post_attention_layernorm.weight",
            Self::FeedForwardNorm => "pre_feedforward_layernorm.weight",
            Self::PostAttentionNorm => "post_self_attn_layernorm.weight",
            Self::Gate => "mlp.gate_proj.weight",
            Self::Up => "mlp.up_proj.weight",
            Self::Down => "mlp.down_proj.weight",
            Self::PostFeedForwardNorm => "post_feedforward_layernorm.weight",
        }
    }
}
