//! From a file to packed weights.

use std::sync::Arc;

use kernels::{Precision, Rotary, RotaryStyle, Threads, Weights};

use super::{
    Decoder,
    layer::{Layer, Rotations},
    scratch::Scratch,
};
use crate::{
    Checkpoint, EngineError, Hyperparameters, RopeStyle, TensorName,
    models::{Family, LayerParts, Parts},
};

/// Token vectors, read where they lie in the file.
#[derive(Debug)]
pub(super) struct Embedding {
    checkpoint: Arc<Checkpoint>,
    scale: f32,
    hidden: usize,
}

impl Decoder {
    /// Packs the weights of `checkpoint`.
    ///
    /// # Errors
    ///
    /// A tensor is missing, has another shape, or a type that cannot be packed.
    pub(crate) fn load(
        checkpoint: &Arc<Checkpoint>,
        precision: Precision,
        threads: Arc<Threads>,
    ) -> Result<Self, EngineError> {
        let shape = checkpoint.hyperparameters().clone();
        let family = Family::of(shape.architecture);
        let layers = (0..shape.layers).map(|layer| {
            let parts = (family.layer)(&Parts { checkpoint, layer })?;
            pack_layer(parts, precision, shape.attention_window(layer), &threads)
        });
        let layers = layers.collect::<Result<_, EngineError>>()?;
        let head = checkpoint.tensor(TensorName::Output)?;
        checkpoint.tensor(TensorName::Embedding)?;
        let head = Weights::pack(&[head], precision, &threads)?;
        checkpoint.release_pages();
        let embedding = Embedding {
            checkpoint: Arc::clone(checkpoint),
            scale: shape.embedding_scale,
            hidden: shape.hidden,
        };
        Ok(Self {
            layers,
            final_norm: checkpoint.vector(TensorName::OutputNorm)?,
            head,
            rotations: rotations(&shape),
            embedding,
            scratch: Scratch::default(),
            shape,
            threads,
        })
    }
}

impl Embedding {
    /// Writes the vectors of `tokens` into `rows`.
    pub(super) fn look_up(&self, tokens: &[u32], rows: &mut [f32]) {
        let table = self.checkpoint.tensor(TensorName::Embedding);
        let table = table.expect("it was there when the model was loaded");
        for (token, row) in tokens.iter().zip(rows.chunks_exact_mut(self.hidden)) {
            table.decode_row(*token as usize, row);
            if self.scale != 1.0 {
                row.iter_mut().for_each(|value| *value *= self.scale);
            }
        }
    }
}

fn rotations(shape: &Hyperparameters) -> Rotations {
    let style = match shape.rope.style {
        RopeStyle::Interleaved => RotaryStyle::Adjacent,
        RopeStyle::HalfSplit => RotaryStyle::Halves,
    };
    let rotary = |local: bool| Rotary::new(style, &shape.rope.frequencies(local));
    let has_local = shape.sliding_window.is_some();
    Rotations { global: rotary(false), local: has_local.then(|| rotary(true)) }
}

fn pack_layer(
    parts: LayerParts<'_>,
    precision: Precision,
    window: Option<usize>,
    threads: &Threads,
) -> Result<Layer, EngineError> {
    Ok(Layer {
        attention_norm: parts.attention_norm,
        qkv: Weights::pack(&parts.qkv, precision, threads)?,
        qkv_bias: parts.qkv_bias,
        head_norms: parts.head_norms,
        output: Weights::pack(&[parts.output], precision, threads)?,
        attention_output_norm: parts.attention_output_norm,
        feed_forward_norm: parts.feed_forward_norm,
        gate_up: Weights::pack(&parts.gate_up, precision, threads)?,
        down: Weights::pack(&[parts.down], precision, threads)?,
        feed_forward_output_norm: parts.feed_forward_output_norm,
        window,
    })
}
