//! Scores of one row in one block become weights.

use std::{f32::consts::LOG2_E, ops::Range};

use super::state::Running;
use crate::{
    exp::{exp2, exp2_of_one, tanh},
    kv::BLOCK_TOKENS,
    vectors::{Vectors, load_at, store_at},
};

/// Most registers that a block's scores take.
const REGISTERS_MAX: usize = BLOCK_TOKENS / 4;

/// Zeros, then ones, then zeros: where to begin reading decides which tokens are seen.
const MASKS: [f32; 3 * BLOCK_TOKENS] = {
    let mut masks = [0.0; 3 * BLOCK_TOKENS];
    let mut index = BLOCK_TOKENS;
    while index < 2 * BLOCK_TOKENS {
        masks[index] = f32::from_bits(u32::MAX);
        index += 1;
    }
    masks
};

/// What turns a product of a query and a key into a score.
///
/// Powers of two are cheaper than those of e: the factors hold the logarithm that is between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scoring {
    /// What queries are multiplied by beforehand.
    pub(super) query_factor: f32,
    /// What the hyperbolic tangent is multiplied by, if there is one.
    cap: Option<f32>,
}

impl Scoring {
    pub(super) fn new(scale: f32, softcap: Option<f32>) -> Self {
        match softcap {
            Some(cap) => Self { query_factor: scale / cap, cap: Some(cap * LOG2_E) },
            None => Self { query_factor: scale * LOG2_E, cap: None },
        }
    }
}

/// Scales of a block's keys and values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scales<'a> {
    pub(super) keys: &'a [f32],
    pub(super) values: &'a [f32],
}

/// Turns the products of a row into weights relative to the largest score so far, and counts them in
/// `running`. Returns what everything that was summed before is to be multiplied by, if anything.
///
/// `seen` are the tokens of the block that the row sees, one at least: so the largest score is a
/// number after the first block.
#[inline(always)]
pub(super) fn weigh<S: Vectors>(
    simd: S,
    scores: &mut [f32],
    seen: Range<usize>,
    scoring: Scoring,
    scales: Option<Scales<'_>>,
    running: &mut Running<'_>,
) -> Option<f32> {
    let registers = BLOCK_TOKENS / S::LANES;
    let partly = seen != (0..BLOCK_TOKENS);
    let mut score = [simd.splat(0.0); REGISTERS_MAX];
    let mut largest = simd.splat(f32::NEG_INFINITY);
    for index in 0..registers {
        let at = index * S::LANES;
        let mut register = load_at(simd, scores, at);
        if let Some(scales) = scales {
            register = simd.mul(register, load_at(simd, scales.keys, at));
        }
        if let Some(cap) = scoring.cap {
            register = simd.mul(tanh(simd, register), simd.splat(cap));
        }
        if partly {
            register = seen_or(simd, register, f32::NEG_INFINITY, at, &seen);
        }
        largest = simd.max(largest, register);
        score[index] = register;
    }
    let (maximum, factor) = running.raise(simd, simd.largest(largest));
    let mut sum = load_at(simd, running.sums, 0);
    if let Some(factor) = factor {
        sum = simd.mul(sum, simd.splat(factor));
    }
    for index in 0..registers {
        let at = index * S::LANES;
        let mut weight = exp2(simd, simd.sub(score[index], simd.splat(maximum)));
        if partly {
            weight = seen_or(simd, weight, 0.0, at, &seen);
        }
        sum = simd.add(sum, weight);
        if let Some(scales) = scales {
            weight = simd.mul(weight, load_at(simd, scales.values, at));
        }
        store_at(simd, scores, at, weight);
    }
    store_at(simd, running.sums, 0, sum);
    factor
}

/// `register`, which holds the tokens from `at` on, with `instead` where they are not seen.
#[inline(always)]
fn seen_or<S: Vectors>(
    simd: S,
    register: S::V,
    instead: f32,
    at: usize,
    seen: &Range<usize>,
) -> S::V {
    let instead = simd.splat(instead);
    let begun = load_at(simd, &MASKS, BLOCK_TOKENS + at - seen.start);
    let not_ended = load_at(simd, &MASKS, 2 * BLOCK_TOKENS + at - seen.end);
    simd.select(not_ended, simd.select(begun, register, instead), instead)
}

impl Running<'_> {
    /// Takes a score into account: returns the largest so far, and what sums that were relative to
    /// the largest before are to be multiplied by.
    #[inline(always)]
    fn raise<S: Vectors>(&mut self, simd: S, score: f32) -> (f32, Option<f32>) {
        let before = *self.maximum;
        if score > before {
            *self.maximum = score;
            return (score, Some(exp2_of_one(simd, before - score)));
        }
        (before, None)
    }
}
