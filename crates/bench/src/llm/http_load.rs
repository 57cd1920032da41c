//! A server under so many requests at a time: a fixed number of them, each of as many tokens.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use loadgen::ProcessTree;
use tokio::task::JoinSet;

use super::{
    board::{Better, Board, Place},
    client::{self, Prompt, Streamed},
    limits::Limits,
    prompts::Prompts,
    subject::Server,
};
use crate::clock;

/// Tokens of each prompt beside what all have in common, and of each answer.
pub(super) const PROMPT_TOKENS: usize = 128;
pub(super) const OUTPUT_TOKENS: usize = 64;

/// Tokens that all prompts begin with, where they have something in common.
pub(super) const SHARED_TOKENS: usize = 512;

/// Requests that are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct HttpLoad {
    /// At a time.
    pub(super) concurrency: usize,
    /// In all.
    pub(super) requests: usize,
    /// Tokens at the start of the prompts that are the same in all of them.
    pub(super) shared_tokens: usize,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) streamed: Vec<Streamed>,
    /// From the first request to the last answer's end.
    pub(super) took: Duration,
    /// CPU time of the server's processes meanwhile.
    pub(super) cpu: Duration,
}

/// Loads the server and writes down what was measured.
///
/// # Errors
///
/// A request failed: such a measurement says nothing.
pub(super) async fn measure(
    board: &mut Board,
    place: Place<'_>,
    (server, load): (&Server, HttpLoad),
    prompts: &Prompts,
    limits: &Limits,
) -> Result<()> {
    limits.fits(Duration::from_secs(5))?;
    let prompts = prompts.of_load(&server.model, &load, place.round);
    let outcome = limits.hold(run(server, load.concurrency, prompts)).await?;
    let line = |what: &str| format!("{} at a time: {what}", load.concurrency);
    let mut add = |what: &str, better, value| board.add(place, &line(what), better, value);
    add("output tok/s", Better::Higher, outcome.tokens_per_second());
    let first = outcome.milliseconds(Streamed::time_to_first_token);
    add("TTFT p50, ms", Better::Lower, quantile(&first, 0.5).context("no first tokens")?);
    add("TTFT p99, ms", Better::Lower, quantile(&first, 0.99).context("no first tokens")?);
    let per_token = outcome.milliseconds(Streamed::time_per_output_token);
    add("TPOT p50, ms", Better::Lower, quantile(&per_token, 0.5).context("no second tokens")?);
    add("CPU per output token, ms", Better::Lower, outcome.cpu_per_token());
    if let Some(share) = outcome.cached_share().filter(|_| load.shared_tokens > 0) {
        add("prompt tokens found in a cache, %", Better::Higher, share * 100.0);
    }
    board.made(place, server.command.clone());
    Ok(())
}

async fn run(server: &Server, concurrency: usize, prompts: Vec<Prompt>) -> Result<Outcome> {
    let process = ProcessTree(server.process.id());
    let address = server.address;
    let waiting = Arc::new(Mutex::new(prompts));
    let mut callers = JoinSet::new();
    let (start, cpu) = (clock::now(), process.cpu_time());
    for _ in 0..concurrency {
        let waiting = Arc::clone(&waiting);
        callers.spawn(async move {
            let mut streamed = Vec::new();
            while let Some(prompt) = next(&waiting) {
                streamed.push(client::stream(address, &prompt, |_| ()).await?);
            }
            anyhow::Ok(streamed)
        });
    }
    let mut streamed = Vec::new();
    while let Some(done) = callers.join_next().await {
        streamed.extend(done??);
    }
    let took = clock::now() - start;
    Ok(Outcome { streamed, took, cpu: process.cpu_time().saturating_sub(cpu) })
}

fn next(waiting: &Mutex<Vec<Prompt>>) -> Option<Prompt> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

impl Outcome {
    fn output_tokens(&self) -> f64 {
        self.streamed.iter().map(|one| one.usage.completion_tokens).sum::<u64>() as f64
    }

    fn tokens_per_second(&self) -> f64 {
        self.output_tokens() / self.took.as_secs_f64()
    }

    fn cpu_per_token(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e3 / self.output_tokens()
    }

    fn milliseconds(&self, time: impl Fn(&Streamed) -> Option<Duration>) -> Vec<f64> {
        let times = self.streamed.iter().filter_map(time);
        times.map(|time| time.as_secs_f64() * 1e3).collect()
    }

    /// Share of the prompts' tokens that were not computed again, if the server tells.
    fn cached_share(&self) -> Option<f64> {
        let cached = self.streamed.iter().map(|one| one.usage.cached_tokens());
        let cached: u64 = cached.sum::<Option<u64>>()?;
        let all: u64 = self.streamed.iter().map(|one| one.usage.prompt_tokens).sum();
        Some(cached as f64 / all as f64)
    }
}

/// The value that this share of the values does not exceed: the nearest rank, none between.
pub(super) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank is between 0 and the number of values"
    )]
    let rank = rank as usize;
    values.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests;
