use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};

use super::simulation::reference;
use super::{Purpose, SchedulerOptions, SequenceId, SequenceRequest, Simulation, TenantId};

/// What happens to a scheduler.
#[derive(Clone, Debug)]
enum Event {
    Add(SequenceRequest),
    Step,
    /// A step that fails: nobody reports it.
    LostStep,
    /// Of one of those that live.
    Cancel(usize),
    /// While a step runs.
    CancelInStep(usize),
    /// So many right tokens, then so many wrong ones, for every sequence.
    Draft(usize, usize),
    ResetPrefixCache,
    PrefillMax(usize),
}

/// Prompts from few tokens share prefixes often.
fn arrival() -> impl Strategy<Value = SequenceRequest> {
    let prompt = (0..3u32, 0..12usize, prop::collection::vec(0..2u32, 1..9))
        .prop_map(|(start, shared, own)| [vec![start; shared], own].concat());
    let purpose = prop_oneof![
        6 => Just(Purpose::Generate),
        1 => Just(Purpose::PromptLogits),
        1 => Just(Purpose::Embed),
    ];
    let salt = prop_oneof![5 => Just(Vec::new()), 1 => Just(b"salt".to_vec())];
    (prompt, 0..9usize, purpose, prop_oneof![3 => Just(0), 1 => -1..3], 0..3u32, salt).prop_map(
        |(prompt, output_tokens_max, purpose, priority, tenant, salt)| SequenceRequest {
            prompt,
            output_tokens_max,
            purpose,
            priority,
            tenant: TenantId(tenant),
            salt,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => arrival().prop_map(Event::Add),
        8 => Just(Event::Step),
        1 => Just(Event::LostStep),
        1 => any::<usize>().prop_map(Event::Cancel),
        1 => any::<usize>().prop_map(Event::CancelInStep),
        3 => (0..5usize, 0..3usize).prop_map(|(right, wrong)| Event::Draft(right, wrong)),
        1 => Just(Event::ResetPrefixCache),
        1 => (0..9usize).prop_map(Event::PrefillMax),
    ]
}

fn options() -> impl Strategy<Value = SchedulerOptions> {
    (8..24usize, 1..7usize, 1..5usize, 1..12usize, 0..3usize, any::<bool>()).prop_map(
        |(blocks, block_tokens, running_max, more, watermark_blocks, prefix_sharing)| {
            SchedulerOptions {
                blocks,
                block_tokens,
                context_tokens_max: 40,
                tokens_per_step_max: running_max + more,
                prefill_tokens_while_decoding_max: 4,
                running_max,
                watermark_blocks,
                prefix_sharing,
                waiting_requests_max: 20,
                waiting_tokens_max: 200,
            }
        },
    )
}

/// Those that live and were not cancelled in the step under way.
fn living(simulation: &Simulation) -> Vec<SequenceId> {
    simulation.scheduler.slots.iter().map(crate::Sequence::id).collect()
}

fn cancel(simulation: &mut Simulation, index: usize) {
    let living = living(simulation);
    if !living.is_empty() {
        simulation.cancel(living[index % living.len()]);
    }
}

fn draft(simulation: &mut Simulation, right: usize, wrong: usize) {
    for id in living(simulation) {
        let tokens = simulation.scheduler.sequence(id).unwrap().tokens();
        let mut drafts = reference(tokens, right);
        drafts.extend(vec![77; wrong]);
        simulation.scheduler.set_draft(id, &drafts);
    }
}

fn apply(simulation: &mut Simulation, event: &Event) {
    match event {
        Event::Add(request) => drop(simulation.add(request.clone())),
        Event::Step => drop(simulation.step()),
        Event::LostStep => drop(simulation.plan()),
        Event::Cancel(index) => cancel(simulation, *index),
        Event::CancelInStep(index) => {
            let step = simulation.plan();
            cancel(simulation, *index);
            simulation.run(&step);
        }
        Event::Draft(right, wrong) => draft(simulation, *right, *wrong),
        Event::ResetPrefixCache => simulation.scheduler.reset_prefix_cache(),
        Event::PrefillMax(tokens) => {
            simulation.scheduler.set_prefill_tokens_while_decoding_max(*tokens);
        }
    }
    simulation.check_invariants();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever happens, in a pool of any size: every sequence that is not cancelled ends with the
    /// tokens that it would have had alone, and nothing is left behind.
    #[test]
    fn every_sequence_ends_as_if_it_were_alone(
        options in options(),
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut simulation = Simulation::new(options);
        events.iter().for_each(|event| apply(&mut simulation, event));
        simulation.finish();
        let stats = simulation.scheduler.stats();
        assert_eq!((stats.running, stats.waiting, stats.waiting_tokens), (0, 0, 0));
        assert_eq!(stats.pool.used, 0);
        assert!(stats.pool.hit_tokens <= stats.pool.queried_tokens);
        for sequence in simulation.finished.values() {
            assert!(sequence.cached_tokens() < sequence.prompt().len());
        }
    }

    /// The choice is the same each time.
    #[test]
    fn equal_events_give_equal_steps(
        options in options(),
        events in prop::collection::vec(event(), 0..30),
    ) {
        let run = || {
            let mut simulation = Simulation::new(options.clone());
            events.iter().for_each(|event| apply(&mut simulation, event));
            simulation.plan()
        };
        assert_eq!(run(), run());
    }
}
