//! A decoder-only transformer: from tokens to logits, over a paged key-value cache.

mod batch;
mod layer;
mod load;
mod scratch;

use std::sync::Arc;

use kernels::{HeadRows, KvCache, Output, Threads, Weights};

use crate::Hyperparameters;

pub(crate) use batch::Batch;

use layer::{Layer, Pass, Rotations};
use load::Embedding;
use scratch::Scratch;

/// A model ready to run. It holds no state of any sequence: that lies in the cache.
#[derive(Debug)]
pub(crate) struct Decoder {
    shape: Hyperparameters,
    embedding: Embedding,
    layers: Vec<Layer>,
    /// `[hidden]`.
    final_norm: Vec<f32>,
    /// From hidden state to logits.
    head: Weights,
    rotations: Rotations,
    scratch: Scratch,
    threads: Arc<Threads>,
}

impl Decoder {
    /// What the model is.
    pub(crate) fn hyperparameters(&self) -> &Hyperparameters {
        &self.shape
    }

    /// Bytes of packed weights, all of which a step reads.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.head.byte_len() + self.layers.iter().map(Layer::weight_bytes).sum::<usize>()
    }

    /// Tokens that layers look back on: those that look back on everything, and those that do not.
    pub(crate) fn windows(&self) -> [Option<usize>; 2] {
        [None, self.layers.iter().find_map(|layer| layer.window)]
    }

    /// Runs the rows of `batch` and writes their keys and values into `cache`. The hidden states of
    /// the wanted rows are kept until the next call.
    pub(crate) fn forward(&mut self, batch: &Batch<'_>, cache: &mut KvCache) {
        let rows = batch.tokens.len();
        self.scratch.fit(&self.shape, rows);
        let hidden = &mut self.scratch.hidden[..rows * self.shape.hidden];
        self.embedding.look_up(batch.tokens, hidden);
        self.rotations.set_positions(batch.positions);
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers.iter().enumerate() {
            let mut pass = Pass {
                shape: &self.shape,
                batch,
                rotations: &self.rotations,
                scratch: &mut self.scratch,
                threads: &self.threads,
                rows,
            };
            pass.attend(index, layer, cache);
            if index == last {
                // What nobody looks at need not go through the rest.
                pass.keep_wanted();
            }
            pass.close_attention(layer);
            pass.feed_forward(layer);
        }
    }

    /// Logits of some of the wanted rows, `[wanted.len(), vocabulary]`.
    pub(crate) fn logits(&mut self, wanted: &[usize]) -> &mut [f32] {
        let Self { shape, scratch, head, final_norm, threads, .. } = self;
        let picked = scratch.picked.of(wanted.len() * shape.hidden);
        for (row, from) in picked.chunks_exact_mut(shape.hidden).zip(wanted) {
            row.copy_from_slice(&scratch.hidden[from * shape.hidden..][..shape.hidden]);
        }
        scratch.input.reset(head.activation_kind(), wanted.len(), shape.hidden);
        kernels::rms_norm(picked, final_norm, shape.rms_epsilon, &mut scratch.input, threads);
        let logits = scratch.logits.of(wanted.len() * shape.vocabulary);
        head.multiply(&scratch.input, Output::set(logits, shape.vocabulary), threads);
        if let Some(cap) = shape.final_softcap {
            kernels::softcap(logits, cap, threads);
        }
        logits
    }

    /// The normed hidden state of a wanted row, `[hidden]`; to be asked for once.
    pub(crate) fn hidden_state(&mut self, wanted: usize) -> &[f32] {
        let width = self.shape.hidden;
        let row = &mut self.scratch.hidden[wanted * width..][..width];
        let heads = HeadRows { values: row, row: width, first: 0, heads: 1, head_dim: width };
        kernels::rms_norm_heads(heads, &self.final_norm, self.shape.rms_epsilon, &self.threads);
        &self.scratch.hidden[wanted * width..][..width]
    }
}

#[cfg(test)]
mod tests;
