//! What floats are kept as.

use std::ops::Index;

use super::PANEL;
use crate::{
    float16::{f32_to_bf16, f32_to_f16},
    linear::storage::Zeroed,
    simd::Simd,
};

/// A kind of floats.
pub(super) trait Element: Copy + Send + Sync {
    /// A float as it is kept.
    type Value: Zeroed;
    /// The weights of sixteen outputs for [`Self::COLUMNS`] columns.
    type Step: Sync;
    /// The activations of one row for as many columns.
    type Inputs: Index<usize, Output = f32>;
    /// Columns that lie together.
    const COLUMNS: usize;

    /// Weights by steps.
    fn steps(weights: &[Self::Value]) -> &[Self::Step];

    /// A row of activations by steps.
    fn inputs(row: &[f32]) -> &[Self::Inputs];

    /// The sixteen weights of column `column` of the step.
    fn weights<S: Simd>(simd: S, step: &Self::Step, column: usize) -> S::Floats;

    /// A float as it is kept, or `None` if that is not finite.
    fn keep(value: f32) -> Option<Self::Value>;
}

/// 32 bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct F32;

/// IEEE 754 halves.
#[derive(Clone, Copy, Debug)]
pub(super) struct F16;

/// `bfloat16`: of two neighbouring columns, each output's weights are neighbours, so that both
/// become 32-bit floats without being moved.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bf16;

impl Element for F32 {
    type Value = f32;
    type Step = [f32; PANEL];
    type Inputs = [f32; 1];
    const COLUMNS: usize = 1;

    #[inline(always)]
    fn steps(weights: &[f32]) -> &[[f32; PANEL]] {
        weights.as_chunks().0
    }

    #[inline(always)]
    fn inputs(row: &[f32]) -> &[Self::Inputs] {
        row.as_chunks().0
    }

    #[inline(always)]
    fn weights<S: Simd>(simd: S, step: &[f32; PANEL], _column: usize) -> S::Floats {
        simd.load(step)
    }

    fn keep(value: f32) -> Option<f32> {
        value.is_finite().then_some(value)
    }
}

impl Element for F16 {
    type Value = u16;
    type Step = [u16; PANEL];
    type Inputs = [f32; 1];
    const COLUMNS: usize = 1;

    #[inline(always)]
    fn steps(weights: &[u16]) -> &[[u16; PANEL]] {
        weights.as_chunks().0
    }

    #[inline(always)]
    fn inputs(row: &[f32]) -> &[Self::Inputs] {
        row.as_chunks().0
    }

    #[inline(always)]
    fn weights<S: Simd>(simd: S, step: &[u16; PANEL], _column: usize) -> S::Floats {
        simd.load_f16(step)
    }

    fn keep(value: f32) -> Option<u16> {
        let bits = f32_to_f16(value);
        (bits & 0x7c00 != 0x7c00).then_some(bits)
    }
}

impl Element for Bf16 {
    type Value = u16;
    type Step = [u16; 2 * PANEL];
    type Inputs = [f32; 2];
    const COLUMNS: usize = 2;

    #[inline(always)]
    fn steps(weights: &[u16]) -> &[[u16; 2 * PANEL]] {
        weights.as_chunks().0
    }

    #[inline(always)]
    fn inputs(row: &[f32]) -> &[Self::Inputs] {
        row.as_chunks().0
    }

    #[inline(always)]
    fn weights<S: Simd>(simd: S, step: &[u16; 2 * PANEL], column: usize) -> S::Floats {
        if column == 0 { simd.load_even_bf16(step) } else { simd.load_odd_bf16(step) }
    }

    fn keep(value: f32) -> Option<u16> {
        let bits = f32_to_bf16(value);
        (bits & 0x7f80 != 0x7f80).then_some(bits)
    }
}
