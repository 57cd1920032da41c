use super::{Purpose, SchedulerOptions, SequenceRequest, Simulation, check, options, request};

/// A prompt of `shared` common tokens and `own` ones.
fn prefixed(seed: u32, shared: u32, own: u32, output_tokens_max: usize) -> SequenceRequest {
    let mut prompt = request(0, shared, 0).prompt;
    prompt.extend(request(seed, own, 0).prompt);
    SequenceRequest { prompt, output_tokens_max, ..SequenceRequest::default() }
}

#[test]
fn a_prefix_is_found_by_the_next_request() {
    let mut simulation = Simulation::new(options());
    simulation.add(prefixed(1, 10, 3, 1)).unwrap();
    assert_eq!(simulation.step(), "a0+13*");
    simulation.add(prefixed(2, 10, 5, 1)).unwrap();
    assert_eq!(simulation.step(), "b8+7*");
    simulation.check_outputs();
    let pool = simulation.scheduler.stats().pool;
    assert_eq!((pool.queried_tokens, pool.hit_tokens), (13 + 15, 8));
    let cached: Vec<usize> = simulation.finished.values().map(|s| s.cached_tokens()).collect();
    assert_eq!(cached, [0, 8]);
}

#[test]
fn the_last_token_runs_even_if_all_of_it_is_known() {
    let mut simulation = Simulation::new(options());
    simulation.add(request(0, 8, 4)).unwrap();
    simulation.finish();
    simulation.add(request(0, 8, 1)).unwrap();
    assert_eq!(simulation.step(), "b4+4*");
    simulation.add(request(0, 9, 1)).unwrap();
    assert_eq!(simulation.step(), "c8+1*");
}

#[test]
fn output_is_shared_too() {
    let mut simulation = Simulation::new(options());
    let id = simulation.add(request(0, 6, 7)).unwrap();
    simulation.finish();
    let mut turn = request(0, 6, 1);
    turn.prompt.extend(simulation.finished[&id].output());
    turn.prompt.extend([900, 901]);
    simulation.add(turn).unwrap();
    assert_eq!(simulation.step(), "b12+3*");
    simulation.check_outputs();
}

#[test]
fn nothing_is_shared_between_salts() {
    let mut simulation = Simulation::new(options());
    simulation.add(request(0, 12, 1)).unwrap();
    simulation.finish();
    let salted = || SequenceRequest { salt: b"other".to_vec(), ..request(0, 12, 1) };
    simulation.add(salted()).unwrap();
    assert_eq!(simulation.step(), "b0+12*");
    simulation.add(salted()).unwrap();
    assert_eq!(simulation.step(), "c8+4*");
}

#[test]
fn a_prefix_that_arrives_many_times_at_once_is_computed_once() {
    let requests = (1..=4).map(|seed| prefixed(seed, 24, 2, 1)).collect();
    check(options(), requests, &["a0+26*", "b24+2* c24+2* d24+2*"]);
}

#[test]
fn a_held_back_sequence_waits_for_the_last_block_that_it_shares() {
    let mut simulation = Simulation::new(options());
    simulation.add(prefixed(1, 60, 30, 1)).unwrap();
    simulation.add(prefixed(2, 40, 3, 1)).unwrap();
    assert_eq!(simulation.step(), "a0+32");
    assert_eq!(simulation.scheduler.stats().held_back, 1);
    assert_eq!(simulation.step(), "a32+32");
    assert_eq!(simulation.scheduler.stats().held_back, 0);
    assert_eq!(simulation.step(), "a64+26* b40+3*");
    simulation.check_outputs();
}

#[test]
fn others_pass_a_held_back_sequence() {
    let requests = vec![prefixed(1, 24, 0, 1), prefixed(2, 24, 2, 1), request(3, 6, 1)];
    check(options(), requests, &["a0+24* c0+6*", "b24+2*"]);
}

#[test]
fn a_held_back_sequence_goes_on_if_the_other_is_cancelled() {
    let mut simulation = Simulation::new(options());
    let owner = simulation.add(prefixed(1, 60, 0, 1)).unwrap();
    simulation.add(prefixed(2, 60, 2, 1)).unwrap();
    simulation.add(prefixed(3, 60, 2, 1)).unwrap();
    assert_eq!(simulation.step(), "a0+32");
    simulation.cancel(owner);
    assert_eq!(simulation.step(), "b32+30*");
    assert_eq!(simulation.step(), "c60+2*");
}

#[test]
fn a_held_back_sequence_can_be_cancelled() {
    let mut simulation = Simulation::new(options());
    simulation.add(prefixed(1, 24, 0, 2)).unwrap();
    let held_back = simulation.add(prefixed(2, 24, 2, 1)).unwrap();
    simulation.step();
    simulation.cancel(held_back);
    assert_eq!(simulation.scheduler.stats().waiting, 0);
    simulation.finish();
}

#[test]
fn a_sequence_never_waits_for_a_less_important_one() {
    let mut simulation = Simulation::new(options());
    simulation.add(SequenceRequest { priority: 1, ..prefixed(1, 60, 0, 1) }).unwrap();
    assert_eq!(simulation.step(), "a0+32");
    simulation.add(prefixed(2, 60, 2, 1)).unwrap();
    assert_eq!(simulation.step(), "b32+30* a32+2");
}

#[test]
fn equal_blocks_that_were_computed_twice_become_one() {
    let mut simulation = Simulation::new(options());
    let twice =
        |seed| SequenceRequest { purpose: Purpose::PromptLogits, ..prefixed(seed, 8, 2, 3) };
    simulation.add(twice(1)).unwrap();
    simulation.add(twice(2)).unwrap();
    assert_eq!(simulation.step(), "a0+10#* b0+10#*");
    let pool = simulation.scheduler.stats().pool;
    assert_eq!((pool.used, pool.deduplicated), (4, 2));
    simulation.finish();
}

#[test]
fn without_sharing_everything_is_computed() {
    let alone = SchedulerOptions { prefix_sharing: false, ..options() };
    let requests = vec![prefixed(1, 8, 2, 1), prefixed(2, 8, 2, 1), prefixed(3, 8, 2, 1)];
    check(alone, requests, &["a0+10* b0+10* c0+10*"]);
}

#[test]
fn a_reset_makes_everything_new() {
    let mut simulation = Simulation::new(options());
    simulation.add(request(0, 12, 3)).unwrap();
    simulation.step();
    simulation.scheduler.reset_prefix_cache();
    simulation.add(request(0, 12, 1)).unwrap();
    assert_eq!(simulation.step(), "a12+1* b0+8");
    simulation.finish();
}
