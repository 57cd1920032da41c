use super::{SchedulerOptions, SequenceId, Simulation, options, request, simulation::reference};

/// A simulation with one sequence that has run its first step.
fn decoding(options: SchedulerOptions, output: usize) -> (Simulation, SequenceId, Vec<u32>) {
    let mut simulation = Simulation::new(options);
    let request = request(0, 6, output);
    let expected = reference(&request.prompt, output);
    let id = simulation.add(request).unwrap();
    assert_eq!(simulation.step(), "a0+6*");
    (simulation, id, expected)
}

#[test]
fn accepted_drafts_are_skipped() {
    let (mut simulation, id, expected) = decoding(options(), 8);
    simulation.scheduler.set_draft(id, &expected[1..4]);
    assert_eq!(simulation.step(), "a6+1~3*");
    assert_eq!(simulation.scheduler.sequence(id).unwrap().output(), &expected[..5]);
    assert_eq!(simulation.step(), "a10+1*");
    simulation.finish();
}

#[test]
fn rejected_drafts_leave_nothing() {
    let (mut simulation, id, expected) = decoding(options(), 8);
    simulation.scheduler.set_draft(id, &[expected[1], 999, 999, 999, 999]);
    assert_eq!(simulation.step(), "a6+1~5*");
    assert_eq!(simulation.scheduler.sequence(id).unwrap().output(), &expected[..3]);
    assert_eq!(simulation.step(), "a8+1*");
    simulation.finish();
    // Only blocks of the true text are known.
    let mut next = request(0, 6, 1);
    next.prompt.extend([expected[0], expected[1], 999, 999, 999, 999, 999]);
    simulation.add(next).unwrap();
    assert_eq!(simulation.step(), "b8+5*");
    simulation.check_outputs();
}

#[test]
fn drafts_stop_before_the_limit_of_tokens() {
    let (mut simulation, id, expected) = decoding(options(), 4);
    simulation.scheduler.set_draft(id, &[expected[1], expected[2], expected[3], 7, 7]);
    assert_eq!(simulation.step(), "a6+1~2*");
    simulation.finish();
}

#[test]
fn drafts_take_the_room_that_prompts_leave() {
    let small = SchedulerOptions { tokens_per_step_max: 10, ..options() };
    let (mut simulation, id, expected) = decoding(small, 9);
    simulation.add(request(1, 7, 1)).unwrap();
    simulation.scheduler.set_draft(id, &expected[1..8]);
    assert_eq!(simulation.step(), "a6+1~2* b0+7*");
    simulation.finish();
}

#[test]
fn drafts_take_no_blocks_from_others() {
    let small = SchedulerOptions { blocks: 4, ..options() };
    let (mut simulation, id, expected) = decoding(small, 9);
    simulation.add(request(1, 4, 4)).unwrap();
    assert_eq!(simulation.step(), "a6+1* b0+4*");
    simulation.scheduler.set_draft(id, &expected[2..8]);
    assert_eq!(simulation.step(), "a7+1* b4+1*");
    simulation.finish();
}

#[test]
fn drafts_for_others_than_decoding_sequences_are_dropped() {
    let mut simulation = Simulation::new(options());
    let id = simulation.add(request(0, 40, 3)).unwrap();
    simulation.scheduler.set_draft(id, &[1, 2]);
    assert_eq!(simulation.step(), "a0+32");
    simulation.scheduler.set_draft(id, &[1, 2]);
    assert_eq!(simulation.step(), "a32+8*");
    simulation.finish();
}
