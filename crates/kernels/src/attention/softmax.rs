//! Scores of one row become weights.

use std::{f32::consts::LOG2_E, ops::Range};

use super::state::Running;
use crate::{
    exponential::{exp2, exp2_of_one, tanh},
    kv::{BLOCK_TOKENS, Element, HeadBlock},
    simd::Simd,
};

/// Zeros, then ones, then zeros: where to begin reading decides which tokens are seen.
const MASKS: [f32; 3 * BLOCK_TOKENS] = {
    let mut masks = [0.0; 3 * BLOCK_TOKENS];
    let mut index = BLOCK_TOKENS;
    while index < 2 * BLOCK_TOKENS {
        masks[index] = 1.0;
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
pub(super) fn weigh<S: Simd, E: Element>(
    simd: S,
    scores: &mut [f32],
    seen: Range<usize>,
    scoring: Scoring,
    blocks: &[HeadBlock<'_, E::Bits>],
    running: &mut Running<'_>,
) -> Option<f32> {
    let largest = complete::<S, E>(simd, scores, seen, scoring, blocks);
    let (maximum, factor) = running.raise(simd, simd.largest(largest));
    let mut sum = simd.load(running.sums);
    if let Some(factor) = factor {
        sum = simd.mul(sum, simd.splat(factor));
    }
    let maximum = simd.splat(maximum);
    for (index, scores) in scores.as_chunks_mut::<BLOCK_TOKENS>().0.iter_mut().enumerate() {
        for scores in scores.as_chunks_mut().0 {
            let weight = exp2(simd, simd.sub(simd.load(scores), maximum));
            sum = simd.add(sum, weight);
            simd.store(weight, scores);
        }
        if E::SCALED {
            scale(simd, scores, blocks[index].value_scales);
        }
    }
    simd.store(sum, running.sums);
    factor
}

/// Makes products scores; those of tokens that are not seen become nothing. Returns the largest of
/// each place in a group.
#[inline(always)]
fn complete<S: Simd, E: Element>(
    simd: S,
    scores: &mut [f32],
    seen: Range<usize>,
    scoring: Scoring,
    blocks: &[HeadBlock<'_, E::Bits>],
) -> S::Floats {
    let mut largest = simd.splat(f32::NEG_INFINITY);
    for (index, scores) in scores.as_chunks_mut::<BLOCK_TOKENS>().0.iter_mut().enumerate() {
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
        for scores in scores.as_chunks().0 {
            largest = simd.max(largest, simd.load(scores));
        }
    }
    largest
}

/// Multiplies each token's number.
#[inline(always)]
fn scale<S: Simd>(simd: S, numbers: &mut [f32; BLOCK_TOKENS], scales: &[f32]) {
    let scales = &scales[..BLOCK_TOKENS];
    for (numbers, scales) in numbers.as_chunks_mut().0.iter_mut().zip(scales.as_chunks().0) {
        simd.store(simd.mul(simd.load(numbers), simd.load(scales)), numbers);
    }
}

/// Keeps scores within `cap` on either side.
#[inline(always)]
fn bend<S: Simd>(simd: S, scores: &mut [f32; BLOCK_TOKENS], cap: f32) {
    for scores in scores.as_chunks_mut().0 {
        let bent = simd.mul(tanh(simd, simd.load(scores)), simd.splat(cap));
        simd.store(bent, scores);
    }
}

/// Takes away the tokens that are not seen: their weights become exactly 0.
#[inline(always)]
fn hide<S: Simd>(simd: S, scores: &mut [f32; BLOCK_TOKENS], seen: &Range<usize>) {
    let (nothing, half) = (simd.splat(f32::NEG_INFINITY), simd.splat(0.5));
    let begun = &MASKS[BLOCK_TOKENS - seen.start..][..BLOCK_TOKENS];
    let not_ended = &MASKS[2 * BLOCK_TOKENS - seen.end..][..BLOCK_TOKENS];
    let masks = begun.as_chunks().0.iter().zip(not_ended.as_chunks().0);
    for (scores, (begun, not_ended)) in scores.as_chunks_mut().0.iter_mut().zip(masks) {
        let seen = simd.mul(simd.load(begun), simd.load(not_ended));
        simd.store(simd.where_less([half, seen], simd.load(scores), nothing), scores);
    }
}

impl Running<'_> {
    /// Takes a score into account: returns the largest so far, and what sums that were relative to
    /// the largest before are to be multiplied by.
    #[inline(always)]
    fn raise<S: Simd>(&mut self, simd: S, score: f32) -> (f32, Option<f32>) {
        let before = *self.maximum;
        if score > before {
            *self.maximum = score;
            return (score, Some(exp2_of_one(simd, before - score)));
        }
        (before, None)
    }
}
