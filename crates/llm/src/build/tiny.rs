//! Models of a few thousand weights, one for everything that architectures differ in.

use std::{io, path::Path};

use super::{tiny_folder, tiny_gguf, weights};
use crate::{
    checkpoint::{LayerTensor, TensorName},
    hyperparameters::Architecture,
};

/// A tiny model: width 64, 4 heads over 2, feed-forward of 128, [`TinyModel::VOCABULARY`] tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TinyModel {
    /// Two layers, an output projection of its own.
    Llama,
    /// As it, with the rope scaling of Llama 3.1 from a context of 16.
    Llama3,
    /// As Llama, with a sliding window of 8 in both layers.
    Mistral,
    /// Biases, tied embeddings.
    Qwen2,
    /// Norms of queries and keys, heads wider than their share.
    Qwen3,
    /// Seven layers, all but the sixth with a window of 8 and another rope base.
    Gemma3,
}

/// Sizes that all have.
pub(super) const HIDDEN: usize = 64;
pub(super) const HEADS: usize = 4;
pub(super) const KV_HEADS: usize = 2;
pub(super) const INTERMEDIATE: usize = 128;
pub(super) const CONTEXT: usize = 256;
pub(super) const WINDOW: usize = 8;

/// Where a tensor is for, how large it is, and what is in it.
pub(super) struct TinyTensor {
    pub(super) name: TensorName,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) values: Vec<f32>,
}

impl TinyModel {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Llama, Self::Llama3, Self::Mistral, Self::Qwen2, Self::Qwen3, Self::Gemma3];

    /// Token ids: 256 bytes, `<|bos|>`, `<|eos|>`, `he`, then unused ones.
    pub const VOCABULARY: usize = 288;

    /// A name for files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Llama3 => "llama3",
            Self::Mistral => "mistral",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Gemma3 => "gemma3",
        }
    }

    /// Writes the model into `folder`, which must be there, as Hugging Face's libraries save it.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn write_folder(self, folder: &Path) -> io::Result<()> {
        tiny_folder::write(self, folder)
    }

    /// Writes the same model as a GGUF file.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write_gguf(self, path: &Path) -> io::Result<()> {
        tiny_gguf::write(self, path)
    }

    pub(super) fn architecture(self) -> Architecture {
        match self {
            Self::Llama | Self::Llama3 | Self::Mistral => Architecture::Llama,
            Self::Qwen2 => Architecture::Qwen2,
            Self::Qwen3 => Architecture::Qwen3,
            Self::Gemma3 => Architecture::Gemma3,
        }
    }

    pub(super) fn layers(self) -> usize {
        if self == Self::Gemma3 { 7 } else { 2 }
    }

    pub(super) fn head_dim(self) -> usize {
        if matches!(self, Self::Qwen3 | Self::Gemma3) { 32 } else { HIDDEN / HEADS }
    }

    pub(super) fn tied(self) -> bool {
        matches!(self, Self::Qwen2 | Self::Gemma3)
    }

    /// Every tensor, with values as a Hugging Face folder has them.
    pub(super) fn tensors(self) -> Vec<TinyTensor> {
        let embedding = (TensorName::Embedding, Self::VOCABULARY, HIDDEN);
        let mut shapes = vec![embedding, (TensorName::OutputNorm, 1, HIDDEN)];
        if !self.tied() {
            shapes.push((TensorName::Output, Self::VOCABULARY, HIDDEN));
        }
        for layer in 0..self.layers() {
            let of_layer = self.layer_shapes();
            let named = |(tensor, rows, columns)| (TensorName::Layer(layer, tensor), rows, columns);
            shapes.extend(of_layer.into_iter().map(named));
        }
        shapes.into_iter().map(|(name, rows, columns)| self.tensor(name, rows, columns)).collect()
    }

    fn layer_shapes(self) -> Vec<(LayerTensor, usize, usize)> {
        let (query, kv) = (HEADS * self.head_dim(), KV_HEADS * self.head_dim());
        let mut shapes = vec![
            (LayerTensor::AttentionNorm, 1, HIDDEN),
            (LayerTensor::Query, query, HIDDEN),
            (LayerTensor::Key, kv, HIDDEN),
            (LayerTensor::Value, kv, HIDDEN),
            (LayerTensor::AttentionOutput, HIDDEN, query),
            (LayerTensor::FeedForwardNorm, 1, HIDDEN),
            (LayerTensor::Gate, INTERMEDIATE, HIDDEN),
            (LayerTensor::Up, INTERMEDIATE, HIDDEN),
            (LayerTensor::Down, HIDDEN, INTERMEDIATE),
        ];
        if self == Self::Qwen2 {
            shapes.push((LayerTensor::QueryBias, 1, query));
            shapes.push((LayerTensor::KeyBias, 1, kv));
            shapes.push((LayerTensor::ValueBias, 1, kv));
        }
        if matches!(self, Self::Qwen3 | Self::Gemma3) {
            shapes.push((LayerTensor::QueryNorm, 1, self.head_dim()));
            shapes.push((LayerTensor::KeyNorm, 1, self.head_dim()));
        }
        if self == Self::Gemma3 {
            shapes.push((LayerTensor::PostAttentionNorm, 1, HIDDEN));
            shapes.push((LayerTensor::PostFeedForwardNorm, 1, HIDDEN));
        }
        shapes
    }

    fn tensor(self, name: TensorName, rows: usize, columns: usize) -> TinyTensor {
        // Gemma's files have the weights of norms less 1.
        let centre = if name.is_norm() && self != Self::Gemma3 { 1.0 } else { 0.0 };
        let scale = if name == TensorName::Embedding { 1.0 } else { 0.25 };
        let full_name = self.name_in_folder(name);
        let values = weights::even(&full_name, rows * columns);
        let values = values.map(|value| centre + scale * value).collect();
        TinyTensor { name, rows, columns, values }
    }

    pub(super) fn name_in_folder(self, name: TensorName) -> String {
        let inner = name.in_transformers(self.architecture());
        if name == TensorName::Output { inner } else { format!("model.{inner}") }
    }
}

/// Texts of all tokens, in the order of their ids.
pub(crate) fn token_texts() -> Vec<String> {
    let mut texts: Vec<String> = (0..=255).map(byte_text).collect();
    texts.extend(["<|bos|>", "<|eos|>", "he"].map(str::to_owned));
    texts.extend((texts.len()..TinyModel::VOCABULARY).map(|id| format!("<unused{id}>")));
    texts
}

/// How byte-level vocabularies write a byte.
fn byte_text(byte: u8) -> String {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(&byte) {
        return char::from(byte).to_string();
    }
    let before = (0..byte).filter(|byte| !printable(byte)).count();
    let code = 0x100 + u32::try_from(before).expect("below 256");
    char::from_u32(code).expect("a character of Latin Extended-A").to_string()
}

/// ChatML without a system message.
pub(super) const CHAT_TEMPLATE: &str = "{% for message in messages %}{{ '<|bos|>' + message['role'] + \
'\\n' + message['content'] + '<|eos|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}\
{{ '<|bos|>assistant\\n' }}{% endif %}";
