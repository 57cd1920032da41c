mod distribution;
mod robustness;

use super::{SampleError, Sampled, Sampler, SamplerWorkspace, TokenLogprobs, TokenMask};
use crate::SamplingParameters;

fn greedy() -> SamplingParameters {
    SamplingParameters { temperature: 0.0, ..SamplingParameters::default() }
}

fn sample(sampler: &mut Sampler, logits: &[f32]) -> Result<Sampled, SampleError> {
    sampler.sample(&mut logits.to_vec(), None, &mut SamplerWorkspace::default())
}

/// Tokens that are chosen when every step has the same logits.
fn run(parameters: &SamplingParameters, logits: &[f32], steps: usize) -> Vec<u32> {
    let mut sampler = Sampler::new(parameters, &[]);
    (0..steps).map(|_| sample(&mut sampler, logits).unwrap().token).collect()
}

#[track_caller]
fn check(parameters: &SamplingParameters, logits: &[f32], expected: &[u32]) {
    assert_eq!(run(parameters, logits, expected.len()), expected);
}

#[test]
fn greedy_takes_the_first_of_the_likeliest() {
    check(&greedy(), &[1.0, 3.0, 2.0, 3.0], &[1, 1]);
    check(&greedy(), &[f32::NEG_INFINITY, -5.0], &[1]);
    let mut long = vec![0.0; 1000];
    long[999] = 1.0;
    check(&greedy(), &long, &[999]);
    long[40] = 1.0;
    check(&greedy(), &long, &[40]);
}

#[test]
fn a_temperature_near_zero_is_greedy() {
    let parameters = SamplingParameters { temperature: 1e-4, ..SamplingParameters::default() };
    check(&parameters, &[1.0, 1.01, 0.0], &[1, 1, 1]);
}

#[test]
fn rows_without_an_answer_are_errors() {
    for temperature in [0.0, 1.0] {
        for (top_k, top_p) in [(0, 1.0), (2, 1.0), (0, 0.5)] {
            let parameters =
                SamplingParameters { temperature, top_k, top_p, ..SamplingParameters::default() };
            let mut sampler = Sampler::new(&parameters, &[]);
            let none = [f32::NEG_INFINITY; 40];
            assert_eq!(sample(&mut sampler, &none), Err(SampleError::NothingAllowed));
            assert_eq!(sample(&mut sampler, &[]), Err(SampleError::NothingAllowed));
            let mut broken = [0.0; 40];
            broken[35] = f32::NAN;
            assert_eq!(sample(&mut sampler, &broken), Err(SampleError::NotFinite));
            broken[35] = f32::INFINITY;
            assert_eq!(sample(&mut sampler, &broken), Err(SampleError::NotFinite));
        }
    }
}

#[test]
fn only_allowed_tokens_are_chosen() {
    let parameters = SamplingParameters { allowed_token_ids: Some(vec![3, 0, 3]), ..greedy() };
    check(&parameters, &[1.0, 9.0, 8.0, 2.0], &[3]);
}

#[test]
fn a_mask_forbids_what_it_does_not_name() {
    let mut sampler = Sampler::new(&greedy(), &[]);
    let mut workspace = SamplerWorkspace::default();
    let mut logits = vec![1.0; 100];
    logits[33] = 2.0;
    logits[99] = 3.0;
    let words = [0, 0b110, u32::MAX];
    let mask = TokenMask::new(&words);
    assert!(mask.allows(33) && mask.allows(64) && !mask.allows(0) && !mask.allows(99));
    assert_eq!(sampler.sample(&mut logits, Some(mask), &mut workspace).unwrap().token, 33);
    assert_eq!(logits.iter().filter(|logit| logit.is_finite()).count(), 34);
}

#[test]
fn bad_words_are_not_completed() {
    let bad_words = vec![vec![1], vec![2, 3], vec![2, 2, 0]];
    let parameters = SamplingParameters { bad_words, ..greedy() };
    // 3 may come first but not after 2.
    check(&parameters, &[0.0, 9.0, 8.0, 7.0], &[2, 2, 2]);
    let mut sampler = Sampler::new(&parameters, &[]);
    let logits = [5.0, 9.0, 4.0, 7.0];
    sampler.observe(2);
    assert_eq!(sample(&mut sampler, &logits).unwrap().token, 0);
    sampler.observe(2);
    sampler.observe(2);
    assert_eq!(sample(&mut sampler, &logits).unwrap().token, 2);
}

#[test]
fn ends_wait_for_min_tokens() {
    let parameters = SamplingParameters { min_tokens: 2, stop_token_ids: vec![1], ..greedy() };
    let mut sampler = Sampler::new(&parameters, &[0]);
    let tokens: Vec<_> =
        (0..3).map(|_| sample(&mut sampler, &[9.0, 8.0, 7.0]).unwrap().token).collect();
    assert_eq!(tokens, [2, 2, 0]);
    let parameters = SamplingParameters { ignore_eos: true, ..parameters };
    let mut sampler = Sampler::new(&parameters, &[0]);
    assert_eq!(sample(&mut sampler, &[9.0, 8.0, 7.0]).unwrap().token, 0);
}

#[test]
fn bias_is_added() {
    let parameters = SamplingParameters { logit_bias: vec![(2, 5.0), (0, -100.0)], ..greedy() };
    check(&parameters, &[6.0, 2.0, 1.0], &[2]);
}

#[test]
fn penalties_look_at_what_was_there() {
    let presence = SamplingParameters { presence_penalty: 1.5, ..greedy() };
    check(&presence, &[3.0, 2.0, 1.0], &[0, 1, 0, 0]);
    let frequency = SamplingParameters { frequency_penalty: 0.75, ..greedy() };
    check(&frequency, &[3.0, 2.0, 1.0], &[0, 0, 1, 0, 1, 2, 0]);
    let repetition = SamplingParameters { repetition_penalty: 2.0, ..greedy() };
    check(&repetition, &[3.0, 2.0, -1.0], &[0, 1, 0]);
    let mut sampler = Sampler::new(&repetition, &[]);
    sampler.observe_prompt(&[0, 0, 77]);
    assert_eq!(sample(&mut sampler, &[3.0, 2.0, -1.0]).unwrap().token, 1);
    let mut sampler = Sampler::new(&presence, &[]);
    sampler.observe_prompt(&[0]);
    assert_eq!(sample(&mut sampler, &[3.0, 2.0, -1.0]).unwrap().token, 0);
}

#[test]
fn a_negative_logit_is_penalised_downwards() {
    let parameters = SamplingParameters { repetition_penalty: 2.0, ..greedy() };
    check(&parameters, &[-1.0, -1.5], &[0, 1, 0]);
}

#[test]
fn a_seed_fixes_the_tokens_whatever_happens_between() {
    let parameters = SamplingParameters { seed: Some(7), ..SamplingParameters::default() };
    let logits: Vec<f32> = (0..500_u16).map(|id| f32::from(id % 17) * 0.1).collect();
    let expected = run(&parameters, &logits, 30);
    assert_eq!(run(&parameters, &logits, 30), expected);
    let mut workspace = SamplerWorkspace::default();
    let (mut one, mut other) = (
        Sampler::new(&parameters, &[]),
        Sampler::new(&SamplingParameters { seed: Some(8), ..parameters.clone() }, &[]),
    );
    let mut others = Vec::new();
    for expected in &expected {
        let token = one.sample(&mut logits.clone(), None, &mut workspace).unwrap().token;
        assert_eq!(token, *expected);
        others.push(other.sample(&mut logits.clone(), None, &mut workspace).unwrap().token);
    }
    assert_ne!(others, expected);
    // A sequence that is begun again from its tokens goes on as it would have.
    let mut resumed = Sampler::new(&parameters, &[]);
    expected[..12].iter().for_each(|token| resumed.observe(*token));
    assert_eq!(sample(&mut resumed, &logits).unwrap().token, expected[12]);
}

#[test]
fn sequences_without_a_seed_differ() {
    let logits = vec![0.0; 5000];
    let parameters = SamplingParameters::default();
    assert_ne!(run(&parameters, &logits, 8), run(&parameters, &logits, 8));
}

#[test]
fn a_failed_step_changes_nothing() {
    let parameters = SamplingParameters { seed: Some(1), ..SamplingParameters::default() };
    let logits = vec![0.0; 100];
    let mut sampler = Sampler::new(&parameters, &[]);
    sample(&mut sampler, &[f32::NAN]).unwrap_err();
    let after: Vec<_> = (0..5).map(|_| sample(&mut sampler, &logits).unwrap().token).collect();
    assert_eq!(after, run(&parameters, &logits, 5));
}

#[test]
fn logprobs_are_those_of_the_model() {
    let parameters = SamplingParameters {
        logprobs: Some(2),
        logit_bias: vec![(0, 50.0)],
        temperature: 0.0,
        ..SamplingParameters::default()
    };
    let mut sampler = Sampler::new(&parameters, &[]);
    let logits = [0.0, 1.0, 1.0, 3.0_f32];
    let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
    let sampled = sample(&mut sampler, &logits).unwrap();
    let logprobs = sampled.logprobs.unwrap();
    assert_eq!((sampled.token, logprobs.chosen.token, logprobs.rank), (0, 0, 4));
    assert!((logprobs.chosen.logprob + sum.ln()).abs() < 1e-5);
    assert_eq!(logprobs.top.iter().map(|top| top.token).collect::<Vec<_>>(), [3, 1]);
    assert!((logprobs.top[0].logprob - (3.0 - sum.ln())).abs() < 1e-5);
}

#[test]
fn logprobs_of_a_prompt() {
    let mut workspace = SamplerWorkspace::default();
    let found = TokenLogprobs::of(&[2.0, 2.0, 0.0], 1, 0, &mut workspace).unwrap();
    assert_eq!((found.rank, found.top.len()), (1, 0));
    let beyond = TokenLogprobs::of(&[2.0], 1, 0, &mut workspace);
    assert_eq!(beyond, Err(SampleError::UnknownToken { token: 1 }));
    let only = TokenLogprobs::of(&[2.0], 0, 5, &mut workspace).unwrap();
    assert_eq!((only.chosen.logprob, only.top.len()), (0.0, 1));
}
