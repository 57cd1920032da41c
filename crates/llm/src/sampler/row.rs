use super::{SampleError, candidates::Weight, exponential::exp_nonpositive};

/// Logits that are looked at together. A row is summed up by the highest of each block, so that whoever
/// looks for the few high ones skips nearly all blocks.
pub(super) const BLOCK: usize = 32;

/// Lanes that the compiler may keep in one or two registers.
const LANES: usize = 8;

/// Writes the highest logit of each block and returns the highest of all.
///
/// # Errors
///
/// A logit that is not a number or infinitely high, or a row without any possible token.
pub(super) fn scan(logits: &[f32], peaks: &mut Vec<f32>) -> Result<f32, SampleError> {
    peaks.clear();
    let mut invalid = [0; LANES];
    let blocks = logits.chunks_exact(BLOCK);
    let rest = blocks.remainder();
    peaks.extend(blocks.map(|block| peak(block, &mut invalid)));
    if !rest.is_empty() {
        let mut padded = [f32::NEG_INFINITY; BLOCK];
        padded[..rest.len()].copy_from_slice(rest);
        peaks.push(peak(&padded, &mut invalid));
    }
    let highest = peaks.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if invalid != [0; LANES] || highest == f32::INFINITY {
        return Err(SampleError::NotFinite);
    }
    if highest == f32::NEG_INFINITY {
        return Err(SampleError::NothingAllowed);
    }
    Ok(highest)
}

/// `max` of the standard library has rules for NaN that cost an instruction more.
#[inline]
fn peak(block: &[f32], invalid: &mut [u32; LANES]) -> f32 {
    let mut highest = [f32::NEG_INFINITY; LANES];
    for lanes in block.chunks_exact(LANES) {
        for lane in 0..LANES {
            let logit = lanes[lane];
            highest[lane] = if logit > highest[lane] { logit } else { highest[lane] };
            invalid[lane] |= u32::from(logit.is_nan());
        }
    }
    highest.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// The lowest id among the highest logits, which [`scan`] found.
pub(super) fn first_of(logits: &[f32], peaks: &[f32], highest: f32) -> Option<u32> {
    let block = peaks.iter().position(|peak| *peak == highest)?;
    let start = block * BLOCK;
    let within = logits[start..].iter().position(|logit| *logit == highest)?;
    id(start + within)
}

/// Tokens with a logit above `logit`.
pub(super) fn above(logits: &[f32], peaks: &[f32], logit: f32) -> usize {
    logits
        .chunks(BLOCK)
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
    let weight = |logit: f32| {
        let kept = if logit >= logit_min { u32::MAX } else { 0 };
        f32::from_bits(exp_nonpositive((logit - highest) * scale).to_bits() & kept)
    };
    let blocks = logits.chunks_exact(BLOCK);
    let rest = blocks.remainder();
    let mut places = weights.chunks_exact_mut(BLOCK);
    let mut sum = 0.0;
    for (place, block) in places.by_ref().zip(blocks) {
        let mut sums = [0.0; LANES];
        for (place, lanes) in place.chunks_exact_mut(LANES).zip(block.chunks_exact(LANES)) {
            for lane in 0..LANES {
                place[lane] = weight(lanes[lane]);
                sums[lane] += place[lane];
            }
        }
        sum += f64::from(sums.into_iter().sum::<f32>());
    }
    for (place, logit) in places.into_remainder().iter_mut().zip(rest) {
        *place = weight(*logit);
        sum += f64::from(*place);
    }
    sum
}

/// The sum of all weights that are at least `min`.
pub(super) fn mass(weights: &[f32], min: f32) -> f64 {
    // Single precision is summed for a while only.
    weights.chunks(BLOCK * LANES).map(|part| f64::from(part_mass(part, min))).sum()
}

#[inline]
fn part_mass(weights: &[f32], min: f32) -> f32 {
    let mut sums = [0.0; LANES];
    let parts = weights.chunks_exact(LANES);
    let rest: f32 = parts.remainder().iter().filter(|weight| **weight >= min).sum();
    for lanes in parts {
        for lane in 0..LANES {
            sums[lane] += if lanes[lane] >= min { lanes[lane] } else { 0.0 };
        }
    }
    rest + sums.into_iter().sum::<f32>()
}

/// The token at which the sum of the weights that are at least `min`, by id, exceeds `target`.
pub(super) fn at_mass(weights: &[f32], min: f32, target: f64) -> Option<u32> {
    let mut before = 0.0;
    let mut start = 0;
    for block in weights.chunks(BLOCK) {
        let mass = f64::from(part_mass(block, min));
        if before + mass > target {
            let reached = block.iter().position(|weight| {
                before += if *weight >= min { f64::from(*weight) } else { 0.0 };
                before > target
            });
            // The block was summed in another order: its last token may stay out of reach.
            let end = weights.len().min(start + BLOCK);
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
