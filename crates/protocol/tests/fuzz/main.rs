//! The fuzz targets on mutated examples, with a fixed seed, so that every run of the tests does some
//! fuzzing without the tools for it. `fuzz/` is the real thing.
#![expect(clippy::unwrap_used, reason = "a test fails where something goes wrong")]

mod entry;
mod examples;
mod mutate;

use mutate::Mutator;

fn run(examples: &[Vec<u8>], target: fn(&[u8]), rounds: usize) {
    examples.iter().for_each(|example| target(example));
    let mut mutator = Mutator::new(examples, 0x5eed_0fa1_u64);
    for _ in 0..rounds {
        target(mutator.next());
    }
}

#[test]
fn infer_requests() {
    run(&examples::infer_requests(), entry::infer_request, 300_000);
}

#[test]
fn documents() {
    run(&examples::documents(), entry::documents, 20_000);
}

#[test]
fn model_configs() {
    run(&examples::model_configs(), entry::model_config, 5_000);
}

#[test]
fn openai_requests() {
    run(&examples::openai_requests(), entry::openai_requests, 20_000);
}
