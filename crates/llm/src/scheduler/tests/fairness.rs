use super::{SchedulerOptions, SequenceRequest, Simulation, TenantId, options, request};

fn of(tenant: u32, seed: u32, prompt: u32) -> SequenceRequest {
    SequenceRequest { tenant: TenantId(tenant), ..request(seed, prompt, 2) }
}

#[test]
fn a_flood_of_one_tenant_passes_the_other_by() {
    let one = SchedulerOptions { running_max: 1, ..options() };
    let mut simulation = Simulation::new(one);
    for seed in 0..10 {
        simulation.add(of(1, seed, 8)).unwrap();
    }
    assert_eq!(simulation.step(), "a0+8*");
    simulation.add(of(2, 10, 8)).unwrap();
    simulation.add(of(2, 11, 8)).unwrap();
    let steps: Vec<String> = (0..9).map(|_| simulation.step()).collect();
    let first_tokens: Vec<&str> = steps.iter().step_by(2).map(String::as_str).collect();
    assert_eq!(first_tokens, ["a8+1*", "k8+1*", "b8+1*", "l8+1*", "c8+1*"], "{steps:?}");
}

#[test]
fn a_weight_gives_a_larger_share() {
    let one = SchedulerOptions { running_max: 1, prefix_sharing: false, ..options() };
    let mut simulation = Simulation::new(one);
    simulation.scheduler.set_tenant_weight(TenantId(2), 3);
    for seed in 0..20 {
        simulation.add(of(1 + seed % 2, seed, 8)).unwrap();
    }
    let mut served = [0, 0];
    for _ in 0..16 {
        for chunk in simulation.plan_and_run().chunks {
            let tenant = simulation.tenant(chunk.sequence);
            served[tenant.0 as usize - 1] += chunk.tokens;
        }
    }
    assert_eq!(served, [18, 54]);
}

/// A tenant that holds all there is, and the logs of the steps after another one has come.
fn flood(options: SchedulerOptions, sequences: u32, steps: usize) -> Vec<String> {
    let mut simulation = Simulation::new(options);
    for seed in 0..sequences {
        simulation.add(SequenceRequest { output_tokens_max: 20, ..of(1, seed, 4) }).unwrap();
    }
    simulation.step();
    simulation.step();
    simulation.add(of(2, sequences, 4)).unwrap();
    let steps = (0..steps).map(|_| simulation.step()).collect();
    simulation.finish();
    steps
}

#[test]
fn a_tenant_that_fills_all_places_gives_one_up() {
    let three = SchedulerOptions { running_max: 3, prefix_sharing: false, ..options() };
    let steps = flood(three, 5, 3);
    assert_eq!(steps, ["-c a5+1* b5+1* f0+4*", "a6+1* b6+1* f4+1*", "a7+1* b7+1* c0+6*"]);
}

#[test]
fn a_tenant_that_fills_all_blocks_gives_some_up() {
    let small = SchedulerOptions { blocks: 8, prefix_sharing: false, ..options() };
    let steps = flood(small, 4, 2);
    assert_eq!(steps, ["-d -c a5+1* b5+1* e0+4*", "a6+1* b6+1* e4+1*"]);
}

#[test]
fn a_tenant_keeps_its_last_sequence() {
    let one = SchedulerOptions { running_max: 1, prefix_sharing: false, ..options() };
    assert_eq!(flood(one, 2, 2), ["a5+1*", "a6+1*"]);
}

#[test]
fn a_tenant_keeps_what_the_other_would_hold_as_well() {
    let two = SchedulerOptions { running_max: 2, prefix_sharing: false, ..options() };
    let mut simulation = Simulation::new(two);
    for seed in 0..2 {
        simulation.add(SequenceRequest { output_tokens_max: 9, ..of(1, seed, 3) }).unwrap();
    }
    assert_eq!(simulation.step(), "a0+3* b0+3*");
    simulation.add(of(2, 2, 3)).unwrap();
    assert_eq!(simulation.step(), "a3+1* b3+1*");
    simulation.finish();
}

#[test]
fn a_flood_displaces_itself_when_blocks_run_out() {
    let small = SchedulerOptions { blocks: 12, prefix_sharing: false, ..options() };
    let mut simulation = Simulation::new(small);
    for seed in 0..3 {
        simulation.add(SequenceRequest { output_tokens_max: 9, ..of(1, seed, 7) }).unwrap();
    }
    simulation.step();
    simulation.add(SequenceRequest { output_tokens_max: 9, ..of(2, 3, 3) }).unwrap();
    let steps: Vec<String> = (0..9).map(|_| simulation.step()).collect();
    let preempted =
        steps.iter().filter_map(|step| step.split(' ').find(|part| part.starts_with('-')));
    assert_eq!(preempted.collect::<Vec<_>>(), ["-c"], "{steps:?}");
    simulation.finish();
}
