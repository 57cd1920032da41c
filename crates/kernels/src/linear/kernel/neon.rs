//! 128 bits with dot products: four products of bytes and their sum in one instruction, for four of
//! the 16 outputs of a panel, with four activations that it takes from any lane of a register. Where
//! there are products of matrices, many rows are multiplied by those: twice as much per instruction.
//!
//! The intrinsics of both are not stable yet, so that the instructions are assembly. The code was run
//! in an emulator only, which says that it is right, not how fast it is.
#![expect(
    unsafe_code,
    reason = "UNSAFETY: vector loads and stores, instructions without intrinsics, and calls of \
              functions that are compiled for them"
)]

mod dot_product;
mod matrix;
mod vector;
mod weights;

use super::{Scratch, TileSums};
use crate::{
    isa::{NeonDotProd, NeonI8mm},
    linear::{activations::TileRows, panels::Panel},
};

/// From so many rows on, weights are unpacked once for all of them.
const UNPACK_FROM: usize = 8;

/// As [`super::scalar::accumulate`], to the bit.
pub(super) fn dot_products(
    _proof: NeonDotProd,
    panel: Panel<'_>,
    rows: TileRows<'_>,
    scratch: &mut Scratch,
    sums: &mut [TileSums],
) {
    // SAFETY: the proof exists, so the CPU has the features that the function is compiled for.
    unsafe { dot_product::accumulate_panel(panel, rows, scratch, sums) };
}

/// As [`super::scalar::accumulate`], to the bit. Of many rows, computes whole tiles, also of those
/// that are not.
pub(super) fn matrices(
    proof: NeonI8mm,
    panel: Panel<'_>,
    rows: TileRows<'_>,
    scratch: &mut Scratch,
    sums: &mut [TileSums],
) {
    if rows.rows < UNPACK_FROM {
        return dot_products(proof.dot_products(), panel, rows, scratch, sums);
    }
    // SAFETY: the proof exists, so the CPU has the features that the function is compiled for.
    unsafe { matrix::accumulate_panel(panel, rows.tiles, scratch, sums) };
}
