//! A Llama of any size with random 4-bit weights, to measure speed with.

use std::path::Path;

use kernels::StoredFormat;

use super::{GgufWriter, weights};
use crate::{
    checkpoint::{CheckpointError, LayerTensor, TensorName},
    gguf::{Described, Gguf},
    hyperparameters::Architecture,
};

/// Sizes of a Llama.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LlamaShape {
    /// Decoder layers.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width between the feed-forward projections.
    pub intermediate: usize,
    /// Tokens.
    pub vocabulary: usize,
    /// Most tokens of a sequence.
    pub context_length: usize,
}

impl LlamaShape {
    /// TinyLlama's: 1.1 billion weights.
    pub const TINY_LLAMA: Self = Self {
        layers: 22,
        hidden: 2048,
        heads: 32,
        kv_heads: 4,
        intermediate: 5632,
        vocabulary: 32_000,
        context_length: 2048,
    };
}

/// Bytes of a Q4_0 block: a scale of 16 bits and 32 numbers of 4.
const BLOCK_BYTES: usize = 18;

/// Writes a Q4_0 GGUF file of `shape` to `path`, with the first tokens of the byte-level tokenizer of the
/// GGUF file `tokenizer`.
///
/// # Errors
///
/// A file cannot be read or written, or `tokenizer` has no such tokenizer or too few tokens.
pub fn write_random_llama(
    shape: &LlamaShape,
    tokenizer: &Path,
    path: &Path,
) -> Result<(), CheckpointError> {
    let mut writer = GgufWriter::new(Architecture::Llama.name());
    sizes(shape, &mut writer);
    let borrowed = Gguf::open(tokenizer)?;
    borrow_tokenizer(borrowed.metadata(), shape.vocabulary, &mut writer)?;
    for (name, rows, columns) in tensors(shape) {
        let file_name = name.in_gguf();
        if name.is_norm() {
            let bytes = 1f32.to_le_bytes().repeat(columns);
            writer.tensor(&file_name, (1, columns), StoredFormat::F32, Box::new(move || bytes));
        } else {
            let content_name = file_name.clone();
            let content = move || blocks(&content_name, rows, columns);
            writer.tensor(&file_name, (rows, columns), StoredFormat::Q4_0, Box::new(content));
        }
    }
    Ok(writer.write(path)?)
}

fn tensors(shape: &LlamaShape) -> Vec<(TensorName, usize, usize)> {
    let LlamaShape { layers, hidden, heads, kv_heads, intermediate, vocabulary, .. } = *shape;
    let kv = hidden / heads * kv_heads;
    let of_layer = [
        (LayerTensor::AttentionNorm, 1, hidden),
        (LayerTensor::Query, hidden, hidden),
        (LayerTensor::Key, kv, hidden),
        (LayerTensor::Value, kv, hidden),
        (LayerTensor::AttentionOutput, hidden, hidden),
        (LayerTensor::FeedForwardNorm, 1, hidden),
        (LayerTensor::Gate, intermediate, hidden),
        (LayerTensor::Up, intermediate, hidden),
        (LayerTensor::Down, hidden, intermediate),
    ];
    let mut tensors = vec![
        (TensorName::Embedding, vocabulary, hidden),
        (TensorName::OutputNorm, 1, hidden),
        (TensorName::Output, vocabulary, hidden),
    ];
    for layer in 0..layers {
        let named = |(tensor, rows, columns)| (TensorName::Layer(layer, tensor), rows, columns);
        tensors.extend(of_layer.map(named));
    }
    tensors
}

/// Random blocks whose products keep the size of what they are multiplied with: a number of 4 bits around
/// 8 has a root mean square of 4.6.
fn blocks(name: &str, rows: usize, columns: usize) -> Vec<u8> {
    let scale = half::f16::from_f32(1.0 / (4.6 * (columns as f32).sqrt())).to_le_bytes();
    let mut bytes = weights::bytes(name, rows * columns / 32 * BLOCK_BYTES);
    for block in bytes.chunks_exact_mut(BLOCK_BYTES) {
        block[..2].copy_from_slice(&scale);
    }
    bytes
}

fn sizes(shape: &LlamaShape, writer: &mut GgufWriter) {
    let head_dim = shape.hidden / shape.heads;
    for (name, size) in [
        ("block_count", shape.layers),
        ("context_length", shape.context_length),
        ("embedding_length", shape.hidden),
        ("feed_forward_length", shape.intermediate),
        ("attention.head_count", shape.heads),
        ("attention.head_count_kv", shape.kv_heads),
        ("rope.dimension_count", head_dim),
        ("vocab_size", shape.vocabulary),
    ] {
        let size = u32::try_from(size).expect("sizes of models are below 2^32");
        writer.unsigned(&format!("llama.{name}"), size);
    }
    writer.float("llama.attention.layer_norm_rms_epsilon", 1e-5);
    writer.float("llama.rope.freq_base", 10_000.0);
    writer.unsigned("general.file_type", 2);
    writer.unsigned("general.quantization_version", 2);
    writer.text("general.name", "random weights");
}

/// Copies the first `size` tokens and the merges that make them: ids are in the order of training.
fn borrow_tokenizer(
    from: Described<'_>,
    size: usize,
    writer: &mut GgufWriter,
) -> Result<(), CheckpointError> {
    let missing = |key: &str| CheckpointError::MissingKey { key: key.to_owned() };
    let texts = |key| from.texts(key)?.ok_or_else(|| missing(key));
    let tokens: Vec<&str> = texts("tokenizer.ggml.tokens")?.take(size).collect();
    let kinds = from.integers("tokenizer.ggml.token_type")?;
    let kinds = kinds.ok_or_else(|| missing("tokenizer.ggml.token_type"))?;
    if tokens.len() < size || kinds.len() < size {
        let problem = format!("the tokenizer has {} tokens, not {size}", tokens.len());
        return Err(CheckpointError::Hyperparameters { problem });
    }
    let known: std::collections::HashSet<&str> = tokens.iter().copied().collect();
    let makes_known = |merge: &&str| known.contains(merge.replacen(' ', "", 1).as_str());
    writer.texts("tokenizer.ggml.merges", texts("tokenizer.ggml.merges")?.filter(makes_known));
    writer.texts("tokenizer.ggml.tokens", tokens.iter().copied());
    let kinds = kinds.into_iter().take(size).map(|kind| i32::try_from(kind).unwrap_or(1));
    writer.integers("tokenizer.ggml.token_type", kinds);
    for key in ["tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.chat_template"] {
        if let Some(text) = from.text(key)? {
            writer.text(key, text);
        }
    }
    for name in ["bos", "eos", "unknown", "padding"] {
        let key = format!("tokenizer.ggml.{name}_token_id");
        if let Some(id) = from.unsigned(&key)?.and_then(|id| u32::try_from(id).ok()) {
            writer.unsigned(&key, id);
        }
    }
    Ok(())
}
