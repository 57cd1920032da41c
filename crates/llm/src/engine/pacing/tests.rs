use std::time::Duration;

use super::{LastStep, PREFILL_TOKENS_MIN, Pacing};

fn note(pacing: &mut Pacing, decoding: usize, prefill_tokens: usize, micros: u64) {
    pacing.last = LastStep { decoding, prefill_tokens };
    pacing.note_duration(Duration::from_micros(micros));
}

#[test]
fn prompts_join_in_part_until_something_is_known() {
    assert_eq!(Pacing::new(512).prefill_tokens_max(), 64);
}

#[test]
fn prompts_may_double_a_step() {
    let mut pacing = Pacing::new(2048);
    note(&mut pacing, 8, 0, 20_000);
    // 0.1 ms a token.
    note(&mut pacing, 0, 500, 50_000);
    assert_eq!(pacing.prefill_tokens_max(), 200);
}

#[test]
fn what_decoding_takes_is_not_put_down_to_prompts() {
    let mut pacing = Pacing::new(2048);
    note(&mut pacing, 8, 0, 20_000);
    note(&mut pacing, 8, 100, 30_000);
    assert_eq!(pacing.prefill_tokens_max(), 200);
}

#[test]
fn a_prompt_gets_on_whatever_it_costs() {
    let mut pacing = Pacing::new(2048);
    note(&mut pacing, 8, 0, 1000);
    note(&mut pacing, 0, 100, 1_000_000);
    assert_eq!(pacing.prefill_tokens_max(), PREFILL_TOKENS_MIN);
}
