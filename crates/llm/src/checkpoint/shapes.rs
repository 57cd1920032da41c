//! Which tensors a model needs, and how large they have to be.

use super::{CheckpointError, LayerTensor, TensorName, Tensors};
use crate::hyperparameters::{Architecture, Hyperparameters};

/// Finds every tensor that a model of these sizes needs, with the right shape.
pub(super) fn check(model: &Hyperparameters, tensors: &dyn Tensors) -> Result<(), CheckpointError> {
    check_one(tensors, TensorName::Embedding, (model.vocabulary, model.hidden))?;
    check_one(tensors, TensorName::OutputNorm, (1, model.hidden))?;
    if !model.tied_embeddings {
        check_one(tensors, TensorName::Output, (model.vocabulary, model.hidden))?;
    }
    for layer in 0..model.layers {
        for (tensor, shape) in needed(model) {
            check_one(tensors, TensorName::Layer(layer, tensor), shape)?;
        }
    }
    Ok(())
}

/// Tensors of each layer with rows and columns.
fn needed(model: &Hyperparameters) -> Vec<(LayerTensor, (usize, usize))> {
    let Hyperparameters { hidden, head_dim, intermediate, .. } = *model;
    let (query, kv) = (model.query_width(), model.kv_width());
    let mut needed = vec![
        (LayerTensor::AttentionNorm, (1, hidden)),
        (LayerTensor::Query, (query, hidden)),
        (LayerTensor::Key, (kv, hidden)),
        (LayerTensor::Value, (kv, hidden)),
        (LayerTensor::AttentionOutput, (hidden, query)),
        (LayerTensor::FeedForwardNorm, (1, hidden)),
        (LayerTensor::Gate, (intermediate, hidden)),
        (LayerTensor::Up, (intermediate, hidden)),
        (LayerTensor::Down, (hidden, intermediate)),
    ];
    let gemma = model.architecture == Architecture::Gemma3;
    if model.qkv_bias || model.architecture == Architecture::Qwen2 {
        needed.push((LayerTensor::QueryBias, (1, query)));
        needed.push((LayerTensor::KeyBias, (1, kv)));
        needed.push((LayerTensor::ValueBias, (1, kv)));
    }
    if model.query_key_norms || gemma || model.architecture == Architecture::Qwen3 {
        needed.push((LayerTensor::QueryNorm, (1, head_dim)));
        needed.push((LayerTensor::KeyNorm, (1, head_dim)));
    }
    if model.post_norms || gemma {
        needed.push((LayerTensor::PostAttentionNorm, (1, hidden)));
        needed.push((LayerTensor::PostFeedForwardNorm, (1, hidden)));
    }
    needed
}

fn check_one(
    tensors: &dyn Tensors,
    name: TensorName,
    (rows, columns): (usize, usize),
) -> Result<(), CheckpointError> {
    let stored = tensors.get(name)?;
    if (stored.rows(), stored.columns()) == (rows, columns) {
        return Ok(());
    }
    let found = format!("{} x {}", stored.rows(), stored.columns());
    let problem = format!("is {found}, but the model's sizes ask for {rows} x {columns}");
    Err(CheckpointError::Tensor { name: tensors.file_name(name), problem })
}
