//! The model families: one file each says which tensors a layer has and what is done with them.
//! What is common to all of them is [`Decoder`](crate::decoder::Decoder).

mod gemma3;
mod llama;
mod qwen2;
mod qwen3;

use kernels::Stored;

use crate::{Architecture, Checkpoint, CheckpointError, LayerTensor, TensorName};

/// What sets a family apart from the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    /// Which one.
    pub(crate) architecture: Architecture,
    /// The tensors of a layer.
    pub(crate) layer: for<'a> fn(&Parts<'a>) -> Result<LayerParts<'a>, CheckpointError>,
}

/// Every family that can be served.
const FAMILIES: [Family; 4] = [llama::FAMILY, qwen2::FAMILY, qwen3::FAMILY, gemma3::FAMILY];

impl Family {
    /// The family of a model.
    ///
    /// # Panics
    ///
    /// If an architecture that files are read of has no row.
    pub(crate) fn of(architecture: Architecture) -> &'static Self {
        let found = FAMILIES.iter().find(|family| family.architecture == architecture);
        found.expect("every architecture that files are read of has a row")
    }
}

/// The tensors of one layer as they lie in the file. Vectors are decoded.
#[derive(Debug)]
pub(crate) struct LayerParts<'a> {
    /// Weight of the norm before attention, `[hidden]`.
    pub(crate) attention_norm: Vec<f32>,
    /// Rows for queries, keys and values.
    pub(crate) qkv: [Stored<'a>; 3],
    /// One number for each of those rows.
    pub(crate) qkv_bias: Option<Vec<f32>>,
    /// Weights of the norms over each head of queries and of keys, `[head_dim]` each.
    pub(crate) head_norms: Option<(Vec<f32>, Vec<f32>)>,
    /// From the heads back to the hidden state.
    pub(crate) output: Stored<'a>,
    /// Weight of a norm of what attention adds, `[hidden]`.
    pub(crate) attention_output_norm: Option<Vec<f32>>,
    /// Weight of the norm before the feed-forward network, `[hidden]`.
    pub(crate) feed_forward_norm: Vec<f32>,
    /// Rows of gate and up.
    pub(crate) gate_up: [Stored<'a>; 2],
    /// Back to the hidden state.
    pub(crate) down: Stored<'a>,
    /// Weight of a norm of what the feed-forward network adds, `[hidden]`.
    pub(crate) feed_forward_output_norm: Option<Vec<f32>>,
}

/// Where the tensors of one layer come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) layer: usize,
}

impl<'a> Parts<'a> {
    /// A matrix of the layer.
    fn matrix(&self, tensor: LayerTensor) -> Result<Stored<'a>, CheckpointError> {
        self.checkpoint.tensor(TensorName::Layer(self.layer, tensor))
    }

    /// A vector of the layer.
    fn vector(&self, tensor: LayerTensor) -> Result<Vec<f32>, CheckpointError> {
        self.checkpoint.vector(TensorName::Layer(self.layer, tensor))
    }

    /// What every family has.
    fn common(&self) -> Result<LayerParts<'a>, CheckpointError> {
        Ok(LayerParts {
            attention_norm: self.vector(LayerTensor::AttentionNorm)?,
            qkv: [
                self.matrix(LayerTensor::Query)?,
                self.matrix(LayerTensor::Key)?,
                self.matrix(LayerTensor::Value)?,
            ],
            qkv_bias: None,
            head_norms: None,
            output: self.matrix(LayerTensor::AttentionOutput)?,
            attention_output_norm: None,
            feed_forward_norm: self.vector(LayerTensor::FeedForwardNorm)?,
            gate_up: [self.matrix(LayerTensor::Gate)?, self.matrix(LayerTensor::Up)?],
            down: self.matrix(LayerTensor::Down)?,
            feed_forward_output_norm: None,
        })
    }

    /// The biases of queries, keys and values, one behind the other.
    fn qkv_bias(&self) -> Result<Vec<f32>, CheckpointError> {
        let tensors = [LayerTensor::QueryBias, LayerTensor::KeyBias, LayerTensor::ValueBias];
        let parts: Result<Vec<_>, _> =
            tensors.into_iter().map(|tensor| self.vector(tensor)).collect();
        Ok(parts?.concat())
    }

    /// The norms over each head of queries and of keys.
    fn head_norms(&self) -> Result<(Vec<f32>, Vec<f32>), CheckpointError> {
        Ok((self.vector(LayerTensor::QueryNorm)?, self.vector(LayerTensor::KeyNorm)?))
    }
}
