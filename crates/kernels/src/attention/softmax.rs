//! Scores of one row become weights.

use std::{f32::consts::LOG2_E, ops::Range};

use super::state::Running;
use crate::{
    exp2::{exp2, exp2_of_one, tanh},
    kv::{BLOCK_TOKENS, Element, HeadBlock},
    vectors::{Vectors, load_at, store_at},
};

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

/// Turns the products of a row with some blocks into weights relative to the largest score so far,
/// and counts them in `running`. Returns what everything that was summed before is to be multiplied
/// by, if anything.
///
/// `seen` are the tokens of these blocks that the row sees, one at least: so the largest score is a
/// number after the first call.
#[inline(always)]
pub(super) fn weigh<S: Vectors, E: Element>(
    simd: S,
    scores: &mut [f32],
    seen: Range<usize>,
    scoring: Scoring,
    blocks: &[HeadBlock<'_, E::Bits>],
    running: &mut Running<'_>,
) -> Option<f32> {
    let largest = complete::<S, E>(simd, scores, seen, scoring, blocks);
    let (maximum, factor) = running.raise(simd, simd.largest(largest));
    let mut sum = load_at(simd, running.sums, 0);
    if let Some(factor) = factor {
        sum = simd.mul(sum, simd.splat(factor));
    }
    let maximum = simd.splat(maximum);
    for (index, scores) in scores.chunks_exact_mut(BLOCK_TOKENS).enumerate() {
        for at in (0..BLOCK_TOKENS).step_by(S::LANES) {
            let weight = exp2(simd, simd.sub(load_at(simd, scores, at), maximum));
            sum = simd.add(sum, weight);
            store_at(simd, scores, at, weight);
        }
        if E::SCALED {
            scale(simd, scores, blocks[index].value_scales);
        }
    }
    store_at(simd, running.sums, 0, sum);
    factor
}

/// Makes products scores; those of tokens that are not seen become nothing. Returns the largest of
/// each lane.
#[inline(always)]
fn complete<S: Vectors, E: Element>(
    simd: S,
    scores: &mut [f32],
    seen: Range<usize>,
    scoring: Scoring,
    blocks: &[HeadBlock<'_, E::Bits>],
) -> S::V {
    let mut largest = simd.splat(f32::NEG_INFINITY);
    for (index, scores) in scores.chunks_exact_mut(BLOCK_TOKENS).enumerate() {
        let start = index * BLOCK_TOKENS;
        if E::SCALED {
            scale(simd, scores, blocks[index].key_scales);
        }
        if let Some(cap) = scoring.cap {
            bend(simd, scores, cap);
        }
        if seen.start > start || seen.end < start + BLOCK_TOKENS {
            let within = |token: usize| token.saturating_sub(start).min(BLOCK_TOKENS);
            hide(simd, scores, &(within(seen.start)..within(seen.end)));
        }
        for at in (0..BLOCK_TOKENS).step_by(S::LANES) {
            largest = simd.max(largest, load_at(simd, scores, at));
        }
    }
    largest
}

/// Multiplies each token's number.
#[inline(always)]
fn scale<S: Vectors>(simd: S, numbers: &mut [f32], scales: &[f32]) {
    for at in (0..BLOCK_TOKENS).step_by(S::LANES) {
        let scaled = simd.mul(load_at(simd, numbers, at), load_at(simd, scales, at));
        store_at(simd, numbers, at, scaled);
    }
}

/// Keeps scores within `cap` on either side.
#[inline(always)]
fn bend<S: Vectors>(simd: S, scores: &mut [f32], cap: f32) {
    for at in (0..BLOCK_TOKENS).step_by(S::LANES) {
        let bent = simd.mul(tanh(simd, load_at(simd, scores, at)), simd.splat(cap));
        store_at(simd, scores, at, bent);
    }
}

/// Takes away the tokens that are not seen: their weights become exactly 0.
#[inline(always)]
fn hide<S: Vectors>(simd: S, scores: &mut [f32], seen: &Range<usize>) {
    let nothing = simd.splat(f32::NEG_INFINITY);
    for at in (0..BLOCK_TOKENS).step_by(S::LANES) {
        let begun = load_at(simd, &MASKS, BLOCK_TOKENS + at - seen.start);
        let not_ended = load_at(simd, &MASKS, 2 * BLOCK_TOKENS + at - seen.end);
        let score = simd.select(begun, load_at(simd, scores, at), nothing);
        store_at(simd, scores, at, simd.select(not_ended, score, nothing));
    }
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
