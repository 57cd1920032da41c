use std::time::Duration;

use proptest::prelude::{prop, proptest};

use super::{SpeculationOptions, Speculator, StepCost, StepForecast};

/// Steps take `base` milliseconds and `row` more for each row beyond the first.
fn cost(base: f64, row: f64) -> StepCost {
    let mut cost = StepCost::default();
    for rows in 1..=64_u32 {
        let ms = base + row * f64::from(rows - 1);
        cost.observe(rows as usize, Duration::from_secs_f64(ms / 1000.0));
    }
    cost
}

/// Memory-bound: another row is almost free.
fn cheap_rows() -> StepCost {
    cost(10.0, 0.2)
}

/// Compute-bound: every row costs the same.
fn dear_rows() -> StepCost {
    cost(10.0, 10.0)
}

/// What a sequence gave, alone on the machine.
#[derive(Debug, Default)]
struct Outcome {
    steps: usize,
    drafts: usize,
    accepted: usize,
    /// As the cost has it.
    seconds: f64,
}

/// Generates `text` after its first `prompt` tokens.
fn run(text: &[u32], prompt: usize, cost: &StepCost, decoding: usize) -> Outcome {
    let mut speculator = Speculator::new(SpeculationOptions::default());
    let mut outcome = Outcome::default();
    let mut known = prompt;
    while known < text.len() {
        let mut forecast = StepForecast::new(cost, decoding);
        let drafts = speculator.propose(&text[..known], &mut forecast);
        let right = drafts.iter().zip(&text[known..]).take_while(|(d, t)| d == t).count();
        let new = (right + 1).min(text.len() - known);
        outcome.steps += 1;
        outcome.drafts += drafts.len();
        outcome.accepted += new - 1;
        outcome.seconds += cost.seconds(decoding + drafts.len()).unwrap_or(f64::INFINITY);
        speculator.observe(&text[known..known + new]);
        known += new;
    }
    outcome
}

/// A text that repeats itself.
fn copied() -> Vec<u32> {
    let passage: Vec<u32> = (0..60).collect();
    [&passage[..], &[100, 101], &passage, &[102], &passage].concat()
}

/// Pairs occur again, but what follows them is always another token.
fn misleading() -> Vec<u32> {
    (0..300).flat_map(|number| [1, 2, 1000 + number]).collect()
}

#[test]
fn a_copy_is_generated_in_few_steps_if_rows_are_cheap() {
    let outcome = run(&copied(), 62, &cheap_rows(), 1);
    assert!(outcome.steps < 30, "{outcome:?}");
    assert!(outcome.accepted * 10 > outcome.drafts * 8, "{outcome:?}");
}

#[test]
fn a_copy_is_not_worth_it_if_rows_are_dear() {
    let outcome = run(&copied(), 62, &dear_rows(), 1);
    assert_eq!((outcome.drafts, outcome.steps), (0, copied().len() - 62));
}

#[test]
fn proposals_that_fail_stop() {
    let text = misleading();
    let outcome = run(&text, 6, &cheap_rows(), 1);
    let plain = (text.len() - 6) as f64 * cheap_rows().seconds(1).unwrap();
    assert!(outcome.seconds < plain * 1.01, "{outcome:?} against {plain}");
}

#[test]
fn they_start_again_when_the_text_repeats_itself() {
    let text = [misleading(), copied()].concat();
    let prompt = misleading().len() + 62;
    let fresh = run(&copied(), 62, &cheap_rows(), 1);
    let after = run(&text, 6, &cheap_rows(), 1);
    let before = run(&text[..prompt], 6, &cheap_rows(), 1);
    assert!(after.steps - before.steps < fresh.steps + 15, "{after:?} {before:?} {fresh:?}");
}

#[test]
fn a_full_machine_gets_no_drafts() {
    assert_eq!(run(&copied(), 62, &cheap_rows(), 64).drafts, 0);
    assert!(run(&copied(), 62, &cheap_rows(), 16).drafts > 0);
}

#[test]
fn without_measurements_nothing_is_tried() {
    assert_eq!(run(&copied(), 62, &StepCost::default(), 1).drafts, 0);
}

#[test]
fn sequences_of_one_step_share_its_room() {
    let text = copied();
    let cost = cheap_rows();
    let mut forecast = StepForecast::new(&cost, 60);
    let mut drafts = || {
        let mut speculator = Speculator::new(SpeculationOptions::default());
        speculator.propose(&text[..80], &mut forecast).len()
    };
    let drafts = [drafts(), drafts(), drafts()];
    assert!(drafts.iter().sum::<usize>() <= 4, "{drafts:?}");
}

#[test]
fn a_speculator_gains_on_any_cost_that_it_knows() {
    for row in [0.0, 0.5, 1.0, 2.0, 4.0, 8.0] {
        let cost = cost(10.0, row);
        let outcome = run(&copied(), 62, &cost, 1);
        let plain = (copied().len() - 62) as f64 * cost.seconds(1).unwrap();
        assert!(outcome.seconds <= plain * 1.01, "{row} ms a row: {outcome:?} against {plain}");
    }
}

#[test]
#[should_panic(expected = "match_tokens_min: 3")]
fn lengths_out_of_order_are_a_bug() {
    let _ = Speculator::new(SpeculationOptions {
        match_tokens_min: 3,
        match_tokens_max: 2,
        drafts_max: 4,
    });
}

proptest! {
    /// Whatever the text: drafts are bounded, and what they cost in vain is, too.
    #[test]
    fn drafts_never_cost_much(text in prop::collection::vec(0..3u32, 1..400)) {
        let outcome = run(&text, 1, &cheap_rows(), 1);
        assert!(outcome.drafts <= 8 * outcome.steps);
        assert_eq!(outcome.steps + outcome.accepted, text.len() - 1);
        let plain = (text.len() - 1) as f64 * cheap_rows().seconds(1).unwrap();
        assert!(outcome.seconds <= plain * 1.1 + 0.1, "{outcome:?} against {plain}");
    }
}
