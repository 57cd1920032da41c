//! A part of a panel as it is multiplied many times.

use crate::linear::panels::{GROUPS, PANEL, VECTOR};

/// Blocks that are unpacked at a time: they stay in the first-level cache.
pub(super) const CHUNK: usize = 16;

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

/// Blocks of bytes that are widened at a time.
#[cfg(target_arch = "x86_64")]
pub(super) const WIDE_CHUNK: usize = 9;

/// A record of bytes in 16 bits: vector `g` holds the even columns of group `g` of all rows, vector
/// `8 + g` the odd ones.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Widened {
    pub(super) quants: [[i16; VECTOR / 2]; 2 * GROUPS],
    pub(super) scales: [f32; PANEL],
}

#[cfg(target_arch = "x86_64")]
impl Widened {
    const ZERO: Self = Self { quants: [[0; VECTOR / 2]; 2 * GROUPS], scales: [0.0; PANEL] };
}

/// Room of one thread for the chunk that it multiplies.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    unpacked: Vec<Unpacked>,
    #[cfg(target_arch = "x86_64")]
    widened: Vec<Widened>,
}

impl Scratch {
    /// Room for [`CHUNK`] blocks, made at first use.
    pub(super) fn unpacked(&mut self) -> &mut [Unpacked] {
        if self.unpacked.is_empty() {
            self.unpacked = vec![Unpacked::ZERO; CHUNK];
        }
        &mut self.unpacked
    }

    /// Room for [`WIDE_CHUNK`] blocks, made at first use.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn widened(&mut self) -> &mut [Widened] {
        if self.widened.is_empty() {
            self.widened = vec![Widened::ZERO; WIDE_CHUNK];
        }
        &mut self.widened
    }
}
