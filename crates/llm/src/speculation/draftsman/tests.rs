use std::time::Duration;

use super::Draftsman;
use crate::{Scheduler, SchedulerOptions, SequenceRequest, SpeculationOptions};

fn scheduler() -> Scheduler {
    Scheduler::new(SchedulerOptions {
        blocks: 100,
        block_tokens: 32,
        context_tokens_max: 1000,
        tokens_per_step_max: 256,
        prefill_tokens_while_decoding_max: 16,
        running_max: 8,
        watermark_blocks: 0,
        prefix_sharing: true,
        waiting_requests_max: 100,
        waiting_tokens_max: 10_000,
    })
}

/// The model counts up to nine and begins again.
fn next(token: u32) -> u32 {
    (token + 1) % 10
}

/// Runs until nothing is left, each row at `row_ms` beyond the first ten milliseconds. Returns the
/// steps and the drafts that they checked.
fn run(sequences: usize, row_ms: u64) -> (usize, usize) {
    let mut scheduler = scheduler();
    let mut draftsman = Draftsman::new(SpeculationOptions::default());
    for _ in 0..sequences {
        let request = SequenceRequest {
            prompt: (0..25).map(|position| position % 10).collect(),
            output_tokens_max: 100,
            ..SequenceRequest::default()
        };
        scheduler.add(request).unwrap();
    }
    let (mut steps, mut drafts) = (0, 0);
    while !scheduler.is_idle() {
        draftsman.propose(&mut scheduler);
        let step = scheduler.schedule();
        steps += 1;
        drafts += step.chunks.iter().map(|chunk| chunk.drafts).sum::<usize>();
        draftsman.note_step(&step);
        for chunk in &step.chunks {
            let sequence = scheduler.sequence(chunk.sequence).unwrap();
            let input: Vec<u32> = chunk.input(sequence).skip(chunk.known() - 1).collect();
            let right = input.windows(2).take_while(|pair| next(pair[0]) == pair[1]).count();
            let sampled: Vec<u32> = input[..=right].iter().map(|token| next(*token)).collect();
            let sampled = if chunk.samples { &sampled[..] } else { &[] };
            draftsman.observe(chunk.sequence, sampled);
            let ended = scheduler.complete(chunk.sequence, sampled, false);
            if let Some(sequence) = ended {
                assert!(sequence.tokens().windows(2).all(|pair| next(pair[0]) == pair[1]));
                assert_eq!(sequence.output().len(), 100);
            }
        }
        draftsman.note_duration(Duration::from_millis(10 + row_ms * step.tokens as u64));
    }
    (steps, drafts)
}

#[test]
fn what_repeats_itself_is_generated_in_few_steps_if_rows_are_cheap() {
    let (steps, drafts) = run(1, 0);
    assert!(steps < 20 && drafts > 80, "{steps} steps, {drafts} drafts");
    let (steps, drafts) = run(4, 0);
    assert!(steps < 25 && drafts > 300, "{steps} steps, {drafts} drafts");
}

#[test]
fn dear_rows_are_tried_a_little_and_left() {
    let (steps, drafts) = run(1, 1000);
    assert!(steps > 85 && drafts < 20, "{steps} steps, {drafts} drafts");
}

#[test]
fn those_that_ended_are_forgotten() {
    let mut scheduler = scheduler();
    let mut draftsman = Draftsman::new(SpeculationOptions::default());
    for _ in 0..500 {
        let request =
            SequenceRequest { prompt: vec![1], output_tokens_max: 2, ..SequenceRequest::default() };
        let id = scheduler.add(request).unwrap();
        scheduler.schedule();
        scheduler.complete(id, &[2], false);
        draftsman.propose(&mut scheduler);
        assert!(draftsman.speculators.contains_key(&id));
        scheduler.cancel(id);
    }
    assert!(draftsman.speculators.len() <= 70, "{} are kept", draftsman.speculators.len());
}
