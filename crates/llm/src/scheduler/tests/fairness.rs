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
