//! A part of a panel as it is multiplied many times.

use crate::linear::panels::{GROUPS, PANEL, VECTOR};

/// Blocks that are unpacked at a time: they stay in the first-level cache.
pub(super) const CHUNK: usize = 32;

/// A record with one byte for each weight and 32-bit scales.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Unpacked {
    pub(super) quants: [[u8; VECTOR]; GROUPS],
    pub(super) scales: [f32; PANEL],
    /// Times -1/8, as they are multiplied with the offset of activations.
    pub(super) minimums: [f32; PANEL],
}

impl Unpacked {
    const ZERO: Self =
        Self { quants: [[0; VECTOR]; GROUPS], scales: [0.0; PANEL], minimums: [0.0; PANEL] };
}

/// Room of one thread for the chunk that it multiplies.
#[derive(Debug, Default)]
pub(crate) struct Scratch(Vec<Unpacked>);

impl Scratch {
    /// The room, made at first use.
    pub(super) fn chunk(&mut self) -> &mut [Unpacked] {
        if self.0.is_empty() {
            self.0 = vec![Unpacked::ZERO; CHUNK];
        }
        &mut self.0
    }
}
