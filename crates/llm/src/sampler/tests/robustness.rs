//! Whatever the parameters and the logits: an allowed token or an error, never a panic.

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_oneof, proptest};

use super::{SampleError, Sampler, SamplerWorkspace, TokenMask};
use crate::SamplingParameters;

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => -50.0_f32..50.0,
        1 => any::<f32>(),
        1 => prop::sample::select(vec![
            0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-42,
        ]),
    ]
}

fn tokens() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(prop_oneof![0_u32..80, any::<u32>()], 0..6)
}

fn parameters() -> impl Strategy<Value = SamplingParameters> {
    let numbers = prop::array::uniform6(number());
    let lists = (tokens(), tokens(), prop::collection::vec(tokens(), 0..3), any::<bool>());
    let rest = (any::<u32>(), 0_usize..5, prop::option::of(0_usize..30), any::<bool>());
    (numbers, lists, rest, prop::collection::vec((0_u32..90, number()), 0..4)).prop_map(
        |([temperature, top_p, min_p, repetition, presence, frequency], lists, rest, bias)| {
            SamplingParameters {
                temperature,
                top_p,
                min_p,
                repetition_penalty: repetition,
                presence_penalty: presence,
                frequency_penalty: frequency,
                stop_token_ids: lists.0,
                allowed_token_ids: lists.3.then_some(lists.1),
                bad_words: lists.2,
                top_k: if rest.3 { rest.0 % 70 } else { rest.0 },
                min_tokens: rest.1,
                logprobs: rest.2,
                logit_bias: bias,
                ..SamplingParameters::default()
            }
        },
    )
}

/// What a request may have.
fn valid_parameters() -> impl Strategy<Value = SamplingParameters> {
    (parameters(), 0.0_f32..2.0, 0.01_f32..=1.0, 0.0_f32..=1.0).prop_map(
        |(mut parameters, temperature, top_p, min_p)| {
            parameters.temperature = temperature;
            parameters.top_p = top_p;
            parameters.min_p = min_p;
            parameters.repetition_penalty = 1.0 + top_p;
            parameters.presence_penalty = temperature - 1.0;
            parameters.frequency_penalty = min_p;
            parameters.logit_bias.retain(|(_, bias)| bias.abs() <= 100.0);
            parameters
        },
    )
}

proptest! {
    #[test]
    fn nothing_panics(
        parameters in parameters(),
        rows in prop::collection::vec(prop::collection::vec(number(), 0..80), 1..4),
        prompt in tokens(),
        words in prop::option::of(prop::collection::vec(any::<u32>(), 0..4)),
    ) {
        let _ = parameters.validate(80);
        let mut sampler = Sampler::new(&parameters, &[0, u32::MAX]);
        let mut workspace = SamplerWorkspace::default();
        sampler.observe_prompt(&prompt);
        for mut row in rows {
            let mask = words.as_ref().map(|words| TokenMask::new(words));
            if let Ok(sampled) = sampler.sample(&mut row, mask, &mut workspace) {
                prop_assert!((sampled.token as usize) < row.len());
                prop_assert!(mask.is_none_or(|mask| mask.allows(sampled.token)));
            }
        }
    }

    #[test]
    fn a_finite_row_has_a_token_unless_all_are_forbidden(
        parameters in valid_parameters(),
        rows in prop::collection::vec(prop::collection::vec(-100.0_f32..100.0, 80), 1..4),
        seed in prop_oneof![Just(0), any::<u64>()],
    ) {
        let parameters = SamplingParameters { seed: Some(seed), ..parameters };
        let mut sampler = Sampler::new(&parameters, &[0]);
        let mut workspace = SamplerWorkspace::default();
        for mut row in rows {
            match sampler.sample(&mut row, None, &mut workspace) {
                Ok(sampled) => prop_assert!(row[sampled.token as usize] > f32::NEG_INFINITY),
                Err(error) => {
                    prop_assert!(error == SampleError::NothingAllowed);
                    prop_assert!(row.iter().all(|logit| *logit == f32::NEG_INFINITY));
                }
            }
        }
    }
}
