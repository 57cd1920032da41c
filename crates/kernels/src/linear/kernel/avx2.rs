//! 256 bits without VNNI: bytes are multiplied by pairs into 16-bit sums.
//!
//! Of 4-bit weights, a pair is at most 15 * 127 * 2 = 3810, so that the eight groups of a block add
//! up in 16 bits (30480) and are widened once per block. Of signed bytes, one pair may be 32512, so
//! that each has to be widened on its own; for many rows it is cheaper to widen the factors.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, and the call of a function compiled for AVX2"
)]

mod ahead;
mod int4;
mod int8;
mod vector;

use super::{Scratch, TileSums};
use crate::{
    isa::Avx2,
    linear::{
        activations::TileRows,
        panels::{GROUP, Panel},
    },
};

/// As [`super::scalar::accumulate`], to the bit.
pub(super) fn accumulate(
    _proof: Avx2,
    panel: Panel<'_>,
    rows: TileRows<'_>,
    scratch: &mut Scratch,
    sums: &mut [TileSums],
) {
    // SAFETY: the proof exists, so the CPU has the features that the function is compiled for.
    unsafe { dispatch(panel, rows, scratch, sums) };
}

#[target_feature(enable = "avx2,fma,f16c")]
fn dispatch(panel: Panel<'_>, rows: TileRows<'_>, scratch: &mut Scratch, sums: &mut [TileSums]) {
    match panel {
        Panel::Int4(records) => int4::accumulate(records, rows, scratch, sums),
        Panel::Int4Min(records) => int4::accumulate(records, rows, scratch, sums),
        Panel::Int8(records) => int8::accumulate(records, rows, scratch, sums),
    }
}

/// Two words, which every lane is multiplied with.
#[inline]
fn pair(words: [i16; 2]) -> i32 {
    let [low, high] = words.map(i16::to_ne_bytes);
    i32::from_ne_bytes([low[0], low[1], high[0], high[1]])
}

/// Four bytes of a block, which every lane is multiplied with.
#[inline]
fn word(block: &[i8; crate::BLOCK], group: usize) -> i32 {
    let (words, _) = block.as_chunks::<GROUP>();
    i32::from_ne_bytes(words[group].map(i8::cast_unsigned))
}
