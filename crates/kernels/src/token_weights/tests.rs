use super::{
    PEAK_BLOCK, Peaks, SumAtLeast, Weighing, Weights, block_peaks, sum_at_least, token_weights,
};
use crate::simd::{Kernel, Simd, tests::everywhere};

/// Scores as a model gives them, without a pattern.
fn scores(length: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(length as u64);
    (0..length).map(|_| (random.f32() - 0.5) * 40.0).collect()
}

fn lengths() -> impl Iterator<Item = usize> {
    (0..70).chain([4095, 4096, 4113, 49_152])
}

const WEIGHING: Weighing = Weighing { greatest: 20.0, scale: 0.7, score_min: -15.0 };

#[test]
fn peaks_are_the_greatest_of_each_block() {
    for length in lengths() {
        let (scores, mut peaks) = (scores(length), vec![7.0; 3]);
        assert!(block_peaks(&scores, &mut peaks));
        let greatest = |block: &[f32]| block.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert_eq!(peaks, scores.chunks(PEAK_BLOCK).map(greatest).collect::<Vec<_>>());
    }
}

#[test]
fn what_is_no_score_is_found_anywhere() {
    for length in 1..70 {
        for place in 0..length {
            let mut scores = scores(length);
            scores[place] = f32::NEG_INFINITY;
            assert!(block_peaks(&scores, &mut Vec::new()));
            for wrong in [f32::NAN, -f32::NAN, f32::INFINITY] {
                scores[place] = wrong;
                assert!(!block_peaks(&scores, &mut Vec::new()), "{wrong} at {place} of {length}");
            }
        }
    }
}

#[test]
fn weights_are_what_they_are_defined_to_be() {
    for length in lengths() {
        let (scores, mut weights) = (scores(length), vec![7.0; length]);
        let sum = token_weights(&scores, WEIGHING, &mut weights);
        let mut expected_sum = 0.0;
        for (score, weight) in scores.iter().zip(&weights) {
            let x = (f64::from(*score) - 20.0) * f64::from(0.7_f32);
            let expected = if *score < -15.0 { 0.0 } else { x.exp() };
            let error = (f64::from(*weight) - expected).abs();
            assert!(error <= 2e-7 * (1.0 + x.abs()) * expected, "{weight} {expected}");
            expected_sum += expected;
        }
        assert!(
            (sum - expected_sum).abs() <= 1e-6 * expected_sum,
            "{length}: {sum} {expected_sum}"
        );
    }
}

#[test]
fn impossible_tokens_have_no_weight() {
    let mut weights = [7.0; 4];
    let weighing = Weighing { greatest: 1.0, scale: 1e5, score_min: f32::MIN };
    let scores = [f32::NEG_INFINITY, 1.0, f32::MIN, 0.9];
    assert_eq!(token_weights(&scores, weighing, &mut weights), 1.0);
    assert_eq!(weights, [0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn only_what_is_heavy_enough_is_added() {
    for length in lengths() {
        let values: Vec<f32> = scores(length).iter().map(|score| score.abs()).collect();
        for min in [0.0, 5.0, 100.0] {
            let kept = values.iter().filter(|value| **value >= min);
            let expected: f64 = kept.map(|value| f64::from(*value)).sum();
            let found = sum_at_least(&values, min);
            assert!((found - expected).abs() <= 1e-6 * expected, "{length}: {found} {expected}");
        }
    }
}

struct All<'a>(&'a [f32]);

impl Kernel for All<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f32> {
        let scores = self.0;
        let mut peaks = vec![0.0; scores.len().div_ceil(PEAK_BLOCK)];
        let valid = Peaks { scores, peaks: &mut peaks }.run(simd);
        let mut weights = vec![0.0; scores.len()];
        let sum = Weights { scores, weighing: WEIGHING, weights: &mut weights }.run(simd);
        let heavy = SumAtLeast { values: &weights, min: 0.01 }.run(simd);
        [peaks, weights, vec![f32::from(u8::from(valid)), sum, heavy]].concat()
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    for length in lengths() {
        let scores = scores(length);
        everywhere(|| All(&scores));
    }
}
