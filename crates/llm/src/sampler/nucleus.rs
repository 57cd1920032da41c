use super::{candidates::Candidates, row};

/// Halvings of the range of a cutoff, before the few weights that are left are put in order. Even if all weights
/// lie within a factor of two, only one of a hundred is left then.
const HALVINGS: usize = 14;

/// Draws from the fewest heaviest tokens whose weights sum up to `target`, where these are many.
///
/// The weight of the lightest is searched by passes over all, each of which adds up those above a cutoff; sorting
/// a flat distribution takes ten times as long. `weights` are from 0 to 1.
pub(super) fn draw(
    weights: &[f32],
    target: f64,
    unit: f64,
    candidates: &mut Candidates,
) -> Option<u32> {
    let (low, high) = bracket(weights, target);
    let certain = kernels::sum_at_least(weights, high);
    candidates.gather_between(weights, low, high);
    candidates.sort();
    let mut mass = certain;
    let kept = candidates.iter().take_while(|(_, weight)| {
        let wanted = mass < target;
        mass += if wanted { f64::from(*weight) } else { 0.0 };
        wanted
    });
    let kept = kept.count();
    let wanted = unit * mass;
    if wanted < certain || kept == 0 {
        return row::at_mass(weights, high, wanted);
    }
    let mut before = certain;
    let mut edge = candidates.iter().take(kept);
    let reached = edge.find(|(_, weight)| {
        before += f64::from(*weight);
        before > wanted
    });
    reached.or_else(|| candidates.iter().take(kept).last()).map(|(token, _)| token)
}

/// Two weights: those that are at least the first have the target's mass, those that are at least the second do not.
fn bracket(weights: &[f32], target: f64) -> (f32, f32) {
    // The bits of positive numbers have their order, and halves of bits are fair to all magnitudes.
    let (mut low, mut high) = (f32::MIN_POSITIVE.to_bits(), 1.0_f32.to_bits() + 1);
    for _ in 0..HALVINGS {
        let middle = low.midpoint(high);
        if kernels::sum_at_least(weights, f32::from_bits(middle)) >= target {
            low = middle;
        } else {
            high = middle;
        }
    }
    (f32::from_bits(low), f32::from_bits(high))
}
