use kernels::{Activations, AttentionScratch};

use crate::Hyperparameters;

/// Buffers of one step, kept for the next.
#[derive(Debug)]
pub(super) struct Scratch {
    /// The residual stream, `[rows, hidden]`.
    pub(super) hidden: Vec<f32>,
    /// What the next matrix is multiplied with.
    pub(super) input: Activations,
    /// Queries, keys and values, `[rows, query width + 2 * kv width]`.
    pub(super) qkv: Vec<f32>,
    /// What attention gives, `[rows, query width]`.
    pub(super) attended: Vec<f32>,
    /// Gate and up, `[rows, 2 * intermediate]`.
    pub(super) gate_up: Vec<f32>,
    /// What is normed before it is added, `[rows, hidden]`.
    pub(super) addend: Reused,
    /// Hidden states that logits are made of, `[rows, hidden]`.
    pub(super) picked: Reused,
    /// `[rows, vocabulary]`.
    pub(super) logits: Reused,
    pub(super) attention: AttentionScratch,
}

/// A buffer that grows and is never cleared.
#[derive(Debug, Default)]
pub(super) struct Reused(Vec<f32>);

impl Reused {
    /// Its first `len` numbers, whatever they are.
    pub(super) fn of(&mut self, len: usize) -> &mut [f32] {
        if self.0.len() < len {
            self.0.resize(len, 0.0);
        }
        &mut self.0[..len]
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self {
            hidden: Vec::new(),
            input: Activations::new(),
            qkv: Vec::new(),
            attended: Vec::new(),
            gate_up: Vec::new(),
            addend: Reused::default(),
            picked: Reused::default(),
            logits: Reused::default(),
            attention: AttentionScratch::default(),
        }
    }
}

impl Scratch {
    /// Makes room for `rows`.
    pub(super) fn fit(&mut self, shape: &Hyperparameters, rows: usize) {
        let grow = |buffer: &mut Vec<f32>, width: usize| {
            if buffer.len() < rows * width {
                buffer.resize(rows * width, 0.0);
            }
        };
        grow(&mut self.hidden, shape.hidden);
        grow(&mut self.qkv, shape.query_width() + 2 * shape.kv_width());
        grow(&mut self.attended, shape.query_width());
        grow(&mut self.gate_up, 2 * shape.intermediate);
    }
}
