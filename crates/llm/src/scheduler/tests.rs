use simulation::{Simulation, request};

use super::{AddError, QueueFull, Scheduler, SchedulerOptions, SequenceId, SequenceRequest};
use crate::{Purpose, TenantId};

mod closed_loop;
mod drafts;
mod fairness;
mod prefixes;
mod properties;
mod simulation;

/// Blocks of 4 tokens; limits that most tests do not reach.
fn options() -> SchedulerOptions {
    SchedulerOptions {
        blocks: 64,
        block_tokens: 4,
        context_tokens_max: 200,
        tokens_per_step_max: 32,
        prefill_tokens_while_decoding_max: 8,
        running_max: 8,
        watermark_blocks: 0,
        prefix_sharing: true,
        waiting_requests_max: 100,
        waiting_tokens_max: 10_000,
    }
}

/// Adds all requests at once and compares what the steps compute; see [`Simulation::log`].
#[track_caller]
fn check(options: SchedulerOptions, requests: Vec<SequenceRequest>, expected: &[&str]) {
    let mut simulation = Simulation::new(options);
    for request in requests {
        simulation.add(request).unwrap();
    }
    let steps: Vec<String> = expected.iter().map(|_| simulation.step()).collect();
    assert_eq!(steps, expected);
    assert_eq!(simulation.step(), "", "there is more to do");
    simulation.check_outputs();
}

#[test]
fn a_prompt_is_computed_at_once_and_then_token_by_token() {
    check(options(), vec![request(0, 6, 3)], &["a0+6*", "a6+1*", "a7+1*"]);
}

#[test]
fn a_long_prompt_is_computed_in_parts() {
    let steps = ["a0+32", "a32+32", "a64+6*"];
    check(options(), vec![request(0, 70, 1)], &steps);
}

#[test]
fn prompts_share_a_step_in_order() {
    let requests = vec![request(0, 6, 2), request(1, 7, 1), request(2, 5, 1)];
    check(options(), requests, &["a0+6* b0+7* c0+5*", "a6+1*"]);
}

#[test]
fn a_prompt_leaves_room_to_those_that_decode() {
    let mut simulation = Simulation::new(options());
    simulation.add(request(0, 4, 5)).unwrap();
    assert_eq!(simulation.step(), "a0+4*");
    simulation.add(request(1, 18, 1)).unwrap();
    assert_eq!(simulation.step(), "a4+1* b0+8");
    simulation.scheduler.set_prefill_tokens_while_decoding_max(5);
    assert_eq!(simulation.step(), "a5+1* b8+4");
    assert_eq!(simulation.step(), "a6+1* b12+4");
    assert_eq!(simulation.step(), "a7+1* b16+2*");
}

#[test]
fn a_short_prompt_starts_beside_a_long_one() {
    let mut simulation = Simulation::new(options());
    simulation.add(request(0, 100, 1)).unwrap();
    assert_eq!(simulation.step(), "a0+32");
    simulation.add(request(1, 14, 1)).unwrap();
    assert_eq!(simulation.step(), "a32+16 b0+14*");
    assert_eq!(simulation.step(), "a48+32");
}

#[test]
fn no_more_sequences_run_than_allowed() {
    let two = SchedulerOptions { running_max: 2, ..options() };
    let requests = vec![request(0, 4, 2), request(1, 4, 1), request(2, 4, 1)];
    check(two, requests, &["a0+4* b0+4*", "a4+1* c0+4*"]);
}

#[test]
fn a_prompt_waits_until_all_of_it_fits() {
    let small = SchedulerOptions { blocks: 6, ..options() };
    let requests = vec![request(0, 10, 2), request(1, 14, 1)];
    check(small, requests, &["a0+10*", "a10+1*", "b0+14*"]);
}

#[test]
fn the_watermark_stays_free_unless_nothing_runs() {
    let small = SchedulerOptions { blocks: 8, watermark_blocks: 4, ..options() };
    let requests = vec![request(0, 24, 2), request(1, 4, 1)];
    check(small, requests, &["a0+24*", "a24+1*", "b0+4*"]);
}

#[test]
fn the_least_computed_sequence_gives_way_and_comes_back_with_its_output() {
    let small = SchedulerOptions { blocks: 5, prefix_sharing: false, ..options() };
    let requests = vec![request(0, 7, 6), request(1, 6, 4)];
    let steps =
        ["a0+7* b0+6*", "a7+1* b6+1*", "a8+1* b7+1*", "-b a9+1*", "a10+1*", "a11+1*", "b0+9*"];
    check(small, requests, &steps);
}

#[test]
fn a_preempted_sequence_finds_what_is_left_of_it() {
    let small = SchedulerOptions { blocks: 5, ..options() };
    let requests = vec![request(0, 7, 6), request(1, 6, 4)];
    let steps =
        ["a0+7* b0+6*", "a7+1* b6+1*", "a8+1* b7+1*", "-b a9+1*", "a10+1*", "a11+1*", "b8+1*"];
    check(small, requests, &steps);
}

#[test]
fn a_lower_priority_gives_way_to_a_higher_one() {
    let small = SchedulerOptions { blocks: 6, prefix_sharing: false, ..options() };
    let mut simulation = Simulation::new(small);
    simulation.add(SequenceRequest { priority: 1, ..request(0, 14, 4) }).unwrap();
    assert_eq!(simulation.step(), "a0+14*");
    simulation.add(request(1, 12, 2)).unwrap();
    assert_eq!(simulation.step(), "-a b0+12*");
    assert_eq!(simulation.step(), "b12+1*");
    assert_eq!(simulation.step(), "a0+15*");
    simulation.add(SequenceRequest { priority: 1, ..request(2, 12, 1) }).unwrap();
    assert_eq!(simulation.step(), "a15+1*", "an equal one waits");
}

#[test]
fn nothing_is_taken_from_lower_ones_if_it_would_not_suffice() {
    let small = SchedulerOptions { blocks: 8, prefix_sharing: false, ..options() };
    let mut simulation = Simulation::new(small);
    simulation.add(request(0, 20, 3)).unwrap();
    simulation.add(SequenceRequest { priority: 1, ..request(1, 4, 3) }).unwrap();
    assert_eq!(simulation.step(), "a0+20* b0+4*");
    simulation.add(request(2, 20, 1)).unwrap();
    assert_eq!(simulation.step(), "a20+1* b4+1*");
}

#[test]
fn an_embedding_needs_every_row_and_ends_with_its_prompt() {
    let embed =
        |seed, tokens| SequenceRequest { purpose: Purpose::Embed, ..request(seed, tokens, 9) };
    check(options(), vec![embed(0, 40), embed(0, 6)], &["a0+24# b0+6#", "a24+16#"]);
}

#[test]
fn logits_of_a_prompt_are_all_computed() {
    let logits = SequenceRequest { purpose: Purpose::PromptLogits, ..request(0, 6, 2) };
    let again = logits.clone();
    check(
        options(),
        vec![request(0, 6, 1), logits, again],
        &["a0+6* b0+6#* c0+6#*", "b6+1#* c6+1#*"],
    );
}

#[test]
fn a_chunk_that_nobody_reports_is_computed_again() {
    let mut simulation = Simulation::new(options());
    simulation.add(request(0, 6, 2)).unwrap();
    let lost = simulation.scheduler.schedule();
    assert_eq!(lost.tokens, 6);
    assert_eq!(simulation.step(), "a0+6*");
    assert_eq!(simulation.step(), "a6+1*");
    simulation.check_outputs();
}

#[test]
fn a_last_token_without_a_successor_runs_again() {
    let mut scheduler = Scheduler::new(options());
    let id = scheduler.add(request(0, 6, 2)).unwrap();
    scheduler.schedule();
    assert!(scheduler.complete(id, &[], false).is_none());
    let step = scheduler.schedule();
    assert_eq!((step.chunks[0].first_position, step.chunks[0].tokens), (5, 1));
}

#[test]
fn a_sequence_in_a_step_is_cancelled_with_its_end() {
    let mut simulation = Simulation::new(options());
    let id = simulation.add(request(0, 6, 2)).unwrap();
    let scheduler = &mut simulation.scheduler;
    scheduler.schedule();
    assert!(scheduler.cancel(id));
    assert!(scheduler.cancel(id));
    assert_eq!(scheduler.stats().pool.used, 2);
    assert!(scheduler.complete(id, &[1], false).is_none());
    assert_eq!(scheduler.stats().pool.used, 0);
    assert!(!scheduler.cancel(id));
    assert!(scheduler.is_idle());
}

#[test]
fn a_cancelled_sequence_goes_even_if_nobody_reports_it() {
    let mut scheduler = Scheduler::new(options());
    let id = scheduler.add(request(0, 6, 2)).unwrap();
    scheduler.schedule();
    scheduler.cancel(id);
    assert!(scheduler.schedule().is_empty());
    assert_eq!((scheduler.stats().pool.used, scheduler.is_idle()), (0, true));
}

#[test]
fn a_waiting_sequence_is_cancelled_at_once() {
    let one = SchedulerOptions { running_max: 1, ..options() };
    let mut simulation = Simulation::new(one);
    simulation.add(request(0, 4, 2)).unwrap();
    let waiting = simulation.add(request(1, 4, 2)).unwrap();
    simulation.step();
    assert!(simulation.scheduler.cancel(waiting));
    assert_eq!(simulation.scheduler.stats().waiting_tokens, 0);
    assert_eq!(simulation.step(), "a4+1*");
    assert_eq!(simulation.step(), "");
}

#[test]
fn an_id_is_never_given_again() {
    let mut scheduler = Scheduler::new(options());
    let first = scheduler.add(request(0, 6, 2)).unwrap();
    scheduler.cancel(first);
    let second = scheduler.add(request(0, 6, 2)).unwrap();
    assert_ne!(first, second);
    assert!(scheduler.sequence(first).is_none());
    assert!(!scheduler.cancel(first));
}

#[track_caller]
fn check_refusal(options: SchedulerOptions, request: SequenceRequest, expected: &AddError) {
    let mut scheduler = Scheduler::new(options);
    assert_eq!(scheduler.add(request).as_ref(), Err(expected));
    assert!(scheduler.is_idle());
}

#[test]
fn what_can_never_run_is_refused() {
    check_refusal(options(), request(0, 0, 1), &AddError::EmptyPrompt);
    let (prompt_tokens, output_tokens_max) = (150, 51);
    let context_tokens_max = 200;
    let context =
        AddError::ContextExceeded { prompt_tokens, output_tokens_max, context_tokens_max };
    check_refusal(options(), request(0, 150, output_tokens_max), &context);
    let small = SchedulerOptions { blocks: 50, ..options() };
    let fits = Scheduler::new(small.clone()).add(request(0, 150, 50));
    assert!(fits.is_ok(), "{fits:?}");
    let small = SchedulerOptions { blocks: 49, ..small };
    let cache = AddError::CacheExceeded { prompt_tokens, output_tokens_max: 50, cache_tokens: 196 };
    check_refusal(small, request(0, 150, 50), &cache);
    let endless = SequenceRequest { output_tokens_max: usize::MAX, ..request(0, 150, 0) };
    let refused = Scheduler::new(options()).add(endless);
    assert!(matches!(refused, Err(AddError::ContextExceeded { .. })), "{refused:?}");
}

#[test]
fn a_full_queue_refuses_and_says_how_much_waits() {
    let small = SchedulerOptions { waiting_requests_max: 3, waiting_tokens_max: 20, ..options() };
    let mut scheduler = Scheduler::new(small);
    let mut add = |tokens| scheduler.add(request(0, tokens, 1)).map_err(|error| error.to_string());
    assert!(add(30).is_ok(), "a lone prompt may be longer than the queue");
    assert_eq!(add(1).unwrap_err(), "the queue is full: 1 requests with 30 tokens wait");
    scheduler.schedule();
    let mut add = |tokens| scheduler.add(request(0, tokens, 1));
    assert!([add(9), add(9), add(2)].iter().all(Result::is_ok));
    let full = QueueFull {
        waiting_requests: 3,
        waiting_tokens: 20,
        waiting_requests_max: 3,
        waiting_tokens_max: 20,
    };
    assert_eq!(add(1), Err(AddError::QueueFull(full)));
}

#[test]
#[should_panic(expected = "accepted tokens are no drafts")]
fn tokens_from_nowhere_are_a_bug() {
    let mut scheduler = Scheduler::new(options());
    let id = scheduler.add(request(0, 6, 9)).unwrap();
    scheduler.schedule();
    scheduler.complete(id, &[1, 2], false);
}

#[test]
#[should_panic(expected = "a step must have room for prompts")]
fn limits_without_progress_are_a_bug() {
    let _ = Scheduler::new(SchedulerOptions { tokens_per_step_max: 8, ..options() });
}

/// Eight streams decode; a prompt of 900 tokens arrives among them.
#[test]
fn a_long_prompt_stops_nobody() {
    let wide = SchedulerOptions {
        blocks: 350,
        context_tokens_max: 5000,
        tokens_per_step_max: 2048,
        prefill_tokens_while_decoding_max: 64,
        running_max: 16,
        ..options()
    };
    let mut simulation = Simulation::new(wide);
    for seed in 0..8 {
        simulation.add(request(seed, 10, 20)).unwrap();
    }
    simulation.step();
    simulation.add(request(9, 900, 1)).unwrap();
    for _ in 0..900_usize.div_ceil(64) {
        let step = simulation.plan_and_run();
        assert_eq!(step.decoding, 8);
        assert!((1..=64).contains(&step.prefill_tokens()), "{} rows", step.prefill_tokens());
    }
    assert_eq!(simulation.finished.len(), 1);
    simulation.finish();
}
