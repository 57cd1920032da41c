use kernels::{PEAK_BLOCK, Weighing, sum_at_least};

use super::{SampleError, candidates::Weight};

/// Weights that are added before it is asked whether the sum has been reached.
const BLOCK: usize = 512;

/// Writes the highest logit of each block and returns the highest of all: whoever looks for the few high ones skips
/// nearly all blocks.
///
/// # Errors
///
/// A logit that is not a number or infinitely high, or a row without any possible token.
pub(super) fn scan(logits: &[f32], peaks: &mut Vec<f32>) -> Result<f32, SampleError> {
    if !kernels::block_peaks(logits, peaks) {
        return Err(SampleError::NotFinite);
    }
    let highest = peaks.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if highest == f32::NEG_INFINITY { Err(SampleError::NothingAllowed) } else { Ok(highest) }
}

/// The lowest id among the highest logits, which [`scan`] found.
pub(super) fn first_of(logits: &[f32], peaks: &[f32], highest: f32) -> Option<u32> {
    let block = peaks.iter().position(|peak| *peak == highest)?;
    let start = block * PEAK_BLOCK;
    let within = logits[start..].iter().position(|logit| *logit == highest)?;
    id(start + within)
}

/// Tokens with a logit above `logit`.
pub(super) fn above(logits: &[f32], peaks: &[f32], logit: f32) -> usize {
    logits
        .chunks(PEAK_BLOCK)
        .zip(peaks)
        .filter(|(_, peak)| **peak > logit)
        .map(|(block, _)| block.iter().filter(|other| **other > logit).count())
        .sum()
}

/// Writes the weight `exp((logit - highest) * scale)` of each token, 0 below `logit_min`, and returns their sum.
pub(super) fn weigh(
    logits: &[f32],
    logit_min: f32,
    Weight { highest, scale }: Weight,
    weights: &mut Vec<f32>,
) -> f64 {
    weights.resize(logits.len(), 0.0);
    let weighing = Weighing { greatest: highest, scale, score_min: logit_min };
    kernels::token_weights(logits, weighing, weights)
}

/// The token at which the sum of the weights that are at least `min`, by id, exceeds `target`.
pub(super) fn at_mass(weights: &[f32], min: f32, target: f64) -> Option<u32> {
    let mut before = 0.0;
    let mut start = 0;
    for block in weights.chunks(BLOCK) {
        let mass = sum_at_least(block, min);
        if before + mass > target {
            let reached = block.iter().position(|weight| {
                before += if *weight >= min { f64::from(*weight) } else { 0.0 };
                before > target
            });
            // The block was summed in another order: its last token may stay out of reach.
            let end = start + block.len();
            return reached.map_or_else(|| last(&weights[..end], min), |at| id(start + at));
        }
        before += mass;
        start += BLOCK;
    }
    last(weights, min)
}

fn last(weights: &[f32], min: f32) -> Option<u32> {
    id(weights.iter().rposition(|weight| *weight >= min && *weight > 0.0)?)
}

fn id(place: usize) -> Option<u32> {
    u32::try_from(place).ok()
}
