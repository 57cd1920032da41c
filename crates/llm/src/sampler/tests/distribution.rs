//! Against the distribution written down plainly.

use proptest::prelude::{Strategy, prop, prop_assert, proptest};

use crate::{
    SamplingParameters,
    sampler::{SamplerWorkspace, draw::Distribution},
};

const UNITS: u32 = 2000;

/// Probabilities after temperature, `min_p`, `top_k` and `top_p`.
fn reference(logits: &[f32], parameters: &SamplingParameters) -> Vec<f64> {
    let temperature = f64::from(parameters.temperature);
    let scaled: Vec<f64> = logits.iter().map(|logit| f64::from(*logit) / temperature).collect();
    let highest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut weights: Vec<f64> = scaled.iter().map(|logit| (logit - highest).exp()).collect();
    for weight in &mut weights {
        if *weight < f64::from(parameters.min_p) {
            *weight = 0.0;
        }
    }
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|left, right| weights[*right].total_cmp(&weights[*left]));
    let kept = if parameters.top_k == 0 { logits.len() } else { parameters.top_k as usize };
    for dropped in order.iter().skip(kept) {
        weights[*dropped] = 0.0;
    }
    let total: f64 = weights.iter().sum();
    let mut before = 0.0;
    for token in order {
        if before >= f64::from(parameters.top_p) * total {
            weights[token] = 0.0;
        }
        before += weights[token];
    }
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

/// How often each token is drawn when the numbers are spread evenly.
fn drawn(logits: &[f32], parameters: &SamplingParameters) -> Vec<f64> {
    let mut workspace = SamplerWorkspace::default();
    let distribution = Distribution::of(parameters).unwrap();
    let mut counts = vec![0.0; logits.len()];
    for step in 0..UNITS {
        let unit = (f64::from(step) + 0.5) / f64::from(UNITS);
        counts[distribution.draw(logits, unit, &mut workspace).unwrap() as usize] += 1.0;
    }
    counts.iter().map(|count| count / f64::from(UNITS)).collect()
}

/// The largest difference between two distributions.
fn difference(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| (left - right).abs()).fold(0.0, f64::max)
}

#[track_caller]
fn check(parameters: &SamplingParameters, logits: &[f32]) {
    let difference = difference(&drawn(logits, parameters), &reference(logits, parameters));
    assert!(difference < 1.5 / f64::from(UNITS), "{difference}");
}

fn parameters(temperature: f32, top_k: u32, top_p: f32, min_p: f32) -> SamplingParameters {
    SamplingParameters { temperature, top_k, top_p, min_p, ..SamplingParameters::default() }
}

/// Logits without ties that look like a model's: a few high ones.
fn peaked(tokens: u16) -> Vec<f32> {
    (0..tokens).map(|id| 12.0 - f32::from(id.wrapping_mul(7919) % tokens).sqrt() * 0.9).collect()
}

#[test]
fn each_part_alone_and_all_together() {
    for tokens in [5, 32, 33, 1009] {
        let logits = peaked(tokens);
        check(&parameters(1.0, 0, 1.0, 0.0), &logits);
        check(&parameters(0.7, 0, 0.9, 0.0), &logits);
        check(&parameters(1.3, 40, 1.0, 0.0), &logits);
        check(&parameters(1.0, 0, 1.0, 0.05), &logits);
        check(&parameters(0.8, 50, 0.95, 0.02), &logits);
        check(&parameters(2.0, 0, 0.8, 0.1), &logits);
        check(&parameters(1.0, 1, 0.5, 0.0), &logits);
    }
}

#[test]
fn a_flat_row_needs_all_tokens() {
    let logits: Vec<f32> = (0..4000_u16).map(|id| f32::from(id) * 1e-6).collect();
    let found = drawn(&logits, &parameters(1.0, 0, 0.5, 0.0));
    assert!(found[..1990].iter().all(|share| *share == 0.0));
    assert!(found[2010..].iter().sum::<f64>() > 0.99);
}

#[test]
fn of_equal_tokens_the_lowest_ids_are_kept() {
    let found = drawn(&[1.0; 100], &parameters(1.0, 3, 1.0, 0.0));
    assert!(found[3..].iter().all(|share| *share == 0.0), "{found:?}");
    let found = drawn(&[1.0; 100], &parameters(1.0, 0, 0.03, 0.0));
    assert!(found[3..].iter().all(|share| *share == 0.0), "{found:?}");
}

#[test]
fn impossible_tokens_are_never_drawn() {
    let mut logits = vec![f32::NEG_INFINITY; 100];
    logits[70] = -1000.0;
    for parameters in
        [parameters(1.0, 0, 1.0, 0.0), parameters(1.0, 90, 1.0, 0.0), parameters(1.0, 0, 0.99, 0.0)]
    {
        assert_eq!(drawn(&logits, &parameters)[70], 1.0);
    }
}

fn logits() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec((-400_i16..400).prop_map(|value| f32::from(value) * 0.05), 1..200)
}

proptest! {
    /// Near the edge of a set rounding may decide otherwise, so the probability there is allowed to differ.
    #[test]
    fn any_parameters_draw_as_the_reference_does(
        logits in logits(),
        temperature in 0.1_f32..3.0,
        top_k in 0_u32..60,
        top_p in 0.05_f32..1.0,
        min_p in 0.0_f32..0.3,
    ) {
        let parameters = parameters(temperature, top_k, top_p, min_p);
        let found = drawn(&logits, &parameters);
        let near = |top_p: f32, min_p: f32| {
            let moved = SamplingParameters { top_p, min_p, ..parameters.clone() };
            difference(&found, &reference(&logits, &moved))
        };
        let nearest = [near(top_p, min_p), near(top_p + 1e-5, min_p), near(top_p - 1e-5, min_p),
            near(top_p, min_p * 1.0001), near(top_p, min_p * 0.9999)].into_iter().fold(1.0, f64::min);
        prop_assert!(nearest < 1.5 / f64::from(UNITS), "{nearest}");
    }
}
