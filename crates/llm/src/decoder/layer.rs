//! One layer: attention and a feed-forward network, each added to the residual stream.

use kernels::{AttentionBatch, HeadRows, KvCache, Output, Rotary, Rows, Threads, Weights};

use super::{Batch, scratch::Scratch};
use crate::{Activation, Hyperparameters};

/// A layer's weights, packed. See [`LayerParts`](crate::models::LayerParts) for what they are.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) attention_norm: Vec<f32>,
    pub(super) qkv: Weights,
    pub(super) qkv_bias: Option<Vec<f32>>,
    pub(super) head_norms: Option<(Vec<f32>, Vec<f32>)>,
    pub(super) output: Weights,
    pub(super) attention_output_norm: Option<Vec<f32>>,
    pub(super) feed_forward_norm: Vec<f32>,
    pub(super) gate_up: Weights,
    pub(super) down: Weights,
    pub(super) feed_forward_output_norm: Option<Vec<f32>>,
    /// Tokens that it looks back on, if not all.
    pub(super) window: Option<usize>,
}

/// How positions are turned, in layers that look back on everything and in those that do not.
#[derive(Debug)]
pub(super) struct Rotations {
    pub(super) global: Rotary,
    pub(super) local: Option<Rotary>,
}

/// One step's way through a layer.
pub(super) struct Pass<'a> {
    pub(super) shape: &'a Hyperparameters,
    pub(super) batch: &'a Batch<'a>,
    pub(super) rotations: &'a Rotations,
    pub(super) scratch: &'a mut Scratch,
    pub(super) threads: &'a Threads,
    /// Rows that are in the scratch.
    pub(super) rows: usize,
}

impl Layer {
    pub(super) fn weight_bytes(&self) -> usize {
        let matrices = [&self.qkv, &self.output, &self.gate_up, &self.down];
        matrices.into_iter().map(Weights::byte_len).sum()
    }
}

impl Rotations {
    pub(super) fn set_positions(&mut self, positions: &[u32]) {
        self.global.set_positions(positions.iter().copied());
        if let Some(local) = &mut self.local {
            local.set_positions(positions.iter().copied());
        }
    }

    fn of(&self, layer: &Layer) -> &Rotary {
        self.local.as_ref().filter(|_| layer.window.is_some()).unwrap_or(&self.global)
    }
}

impl Pass<'_> {
    /// From the residual stream to what the heads gather; keys and values go into the cache.
    pub(super) fn attend(&mut self, index: usize, layer: &Layer, cache: &mut KvCache) {
        self.make_qkv(layer);
        let Self { shape, batch, scratch, threads, rows, .. } = self;
        let (query_width, kv_width) = (shape.query_width(), shape.kv_width());
        let width = query_width + 2 * kv_width;
        let qkv = &scratch.qkv[..*rows * width];
        let keys = Rows::new(&qkv[query_width..], width);
        let values = Rows::new(&qkv[query_width + kv_width..], width);
        cache.write(index, batch.slots, keys, values, threads);
        let attention = AttentionBatch {
            queries: Rows::new(qkv, width),
            heads: shape.heads,
            scale: shape.attention_scale,
            softcap: shape.attention_softcap,
            spans: if layer.window.is_some() { batch.local_spans } else { batch.spans },
        };
        let attended = &mut scratch.attended[..*rows * query_width];
        kernels::attend(cache, index, &attention, attended, &mut scratch.attention, threads);
    }

    /// Queries, keys and values, turned by their positions.
    fn make_qkv(&mut self, layer: &Layer) {
        let Self { shape, rotations, scratch, threads, rows, .. } = self;
        scratch.input.reset(layer.qkv.activation_kind(), *rows, shape.hidden);
        let hidden = &scratch.hidden[..*rows * shape.hidden];
        let (norm, epsilon) = (&layer.attention_norm, shape.rms_epsilon);
        kernels::rms_norm(hidden, norm, epsilon, &mut scratch.input, threads);
        let (head_dim, row) = (shape.head_dim, shape.query_width() + 2 * shape.kv_width());
        let values = &mut scratch.qkv[..*rows * row];
        layer.qkv.multiply(&scratch.input, Output::set(values, row), threads);
        if let Some(bias) = &layer.qkv_bias {
            values.chunks_exact_mut(row).for_each(|row| kernels::add(row, bias, threads));
        }
        if let Some((queries, keys)) = &layer.head_norms {
            let heads = shape.heads;
            let rows = HeadRows { values: &mut *values, row, first: 0, heads, head_dim };
            kernels::rms_norm_heads(rows, queries, epsilon, threads);
            let (first, heads) = (shape.query_width(), shape.kv_heads);
            let rows = HeadRows { values: &mut *values, row, first, heads, head_dim };
            kernels::rms_norm_heads(rows, keys, epsilon, threads);
        }
        let heads = shape.heads + shape.kv_heads;
        let turned = HeadRows { values, row, first: 0, heads, head_dim };
        rotations.of(layer).rotate(turned, threads);
    }

    /// Moves the wanted rows to the front and forgets the others.
    pub(super) fn keep_wanted(&mut self) {
        let (hidden, attended) = (self.shape.hidden, self.shape.query_width());
        for (to, &from) in self.batch.wanted.iter().enumerate() {
            move_row(&mut self.scratch.hidden, hidden, from as usize, to);
            move_row(&mut self.scratch.attended, attended, from as usize, to);
        }
        self.rows = self.batch.wanted.len();
    }

    /// From what the heads gathered back to the residual stream.
    pub(super) fn close_attention(&mut self, layer: &Layer) {
        let width = self.shape.query_width();
        self.scratch.input.reset(layer.output.activation_kind(), self.rows, width);
        let attended = &self.scratch.attended[..self.rows * width];
        self.scratch.input.quantise(attended, self.threads);
        self.add(&layer.output, layer.attention_output_norm.as_deref());
    }

    /// From the residual stream through gate, up and down and back to it.
    pub(super) fn feed_forward(&mut self, layer: &Layer) {
        let Self { shape, scratch, threads, rows, .. } = self;
        scratch.input.reset(layer.gate_up.activation_kind(), *rows, shape.hidden);
        let hidden = &scratch.hidden[..*rows * shape.hidden];
        let norm = &layer.feed_forward_norm;
        kernels::rms_norm(hidden, norm, shape.rms_epsilon, &mut scratch.input, threads);
        let width = 2 * shape.intermediate;
        let gate_up = &mut scratch.gate_up[..*rows * width];
        layer.gate_up.multiply(&scratch.input, Output::set(gate_up, width), threads);
        scratch.input.reset(layer.down.activation_kind(), *rows, shape.intermediate);
        match shape.activation {
            Activation::Silu => kernels::gated_silu(gate_up, &mut scratch.input, threads),
            Activation::GeluTanh => kernels::gated_gelu(gate_up, &mut scratch.input, threads),
        }
        self.add(&layer.down, layer.feed_forward_output_norm.as_deref());
    }

    /// Adds `weights` times the input, normed if there is a norm, to the residual stream.
    fn add(&mut self, weights: &Weights, norm: Option<&[f32]>) {
        let Self { shape, scratch, threads, rows, .. } = self;
        let width = shape.hidden;
        let hidden = &mut scratch.hidden[..*rows * width];
        let Some(norm) = norm else {
            weights.multiply(&scratch.input, Output::add(hidden, width), threads);
            return;
        };
        let addend = scratch.addend.of(hidden.len());
        weights.multiply(&scratch.input, Output::set(&mut *addend, width), threads);
        let heads =
            HeadRows { values: &mut *addend, row: width, first: 0, heads: 1, head_dim: width };
        kernels::rms_norm_heads(heads, norm, shape.rms_epsilon, threads);
        kernels::add(hidden, addend, threads);
    }
}

fn move_row(rows: &mut [f32], width: usize, from: usize, to: usize) {
    rows.copy_within(from * width..(from + 1) * width, to * width);
}
