use std::collections::BTreeSet;

use super::{LONG_TOKENS, Prompts};
use crate::llm::http_load::HttpLoad;

fn prompts(seed: u64) -> Prompts {
    Prompts::new((0..12_000).collect(), seed).unwrap()
}

const LOAD: HttpLoad = HttpLoad { concurrency: 8, requests: 16, shared_tokens: 0 };

#[track_caller]
fn check_load(load: HttpLoad, distinct_starts: usize) {
    let made = prompts(1).of_load("model", &load, 0);
    assert_eq!(made.len(), load.requests);
    assert!(made.iter().all(|prompt| prompt.tokens.len() == load.shared_tokens + 128));
    let starts: BTreeSet<&[u32]> = made.iter().map(|prompt| &prompt.tokens[..16]).collect();
    assert_eq!(starts.len(), distinct_starts);
}

#[test]
fn only_what_is_meant_to_be_shared_is_shared() {
    check_load(LOAD, 16);
    check_load(HttpLoad { shared_tokens: 512, ..LOAD }, 1);
}

#[test]
fn every_server_gets_the_same_and_every_round_something_else() {
    let tokens = |prompts: Prompts, round| {
        let made = prompts.of_load("any", &LOAD, round).into_iter();
        made.map(|prompt| prompt.tokens).collect::<Vec<_>>()
    };
    assert_eq!(tokens(prompts(1), 0), tokens(prompts(1), 0));
    assert_ne!(tokens(prompts(1), 0), tokens(prompts(1), 1));
    assert_ne!(tokens(prompts(1), 0), tokens(prompts(2), 0));
}

#[test]
fn a_long_prompt_is_long() {
    assert_eq!(prompts(1).long("model", 8, 0).tokens.len(), LONG_TOKENS);
}

#[test]
fn a_text_must_be_long_enough() {
    assert!(Prompts::new(vec![1; 100], 1).is_err());
}
