//! Hone's engine without its server: the task `engine`, which prints what `llama-batched-bench` prints.
//!
//! Prompts of random tokens go in together; when each has its first token, so many steps of all sequences
//! together are timed. Nothing is shared between prompts, and no tokens are guessed.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, time::Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use kernels::{KvFormat, Precision, Threads, ThreadsOptions};
use llm::{Engine, EngineOptions, Event, Request, SamplingParameters, SequenceId, Wanted};
use loadgen::Random;

use super::batched::Line;
use crate::{clock::now, report};

/// Arguments of `bench engine`.
#[derive(Debug, Args)]
pub(crate) struct EngineArgs {
    /// A model that Hone serves.
    model: PathBuf,
    /// Threads that compute.
    #[arg(long)]
    threads: NonZeroUsize,
    /// Tokens of each prompt.
    #[arg(long, value_delimiter = ',')]
    prompts: Vec<usize>,
    /// Sequences at a time.
    #[arg(long, value_delimiter = ',')]
    batches: Vec<usize>,
    /// Tokens that each sequence gets.
    #[arg(long)]
    generated: usize,
    /// What keys and values are kept as; llama.cpp's default is its f16 too.
    #[arg(long, default_value = "f16", value_parser = kv_format)]
    kv: KvFormat,
}

/// Bytes for keys and values: more than any measurement needs; what is not used is not taken.
const KV_BYTES: usize = 4 << 30;

/// Sequences that run at a time at most.
const SEQUENCES_MAX: usize = 128;

/// Tokens of one step at most, as `hone serve` has them.
const STEP_TOKENS_MAX: usize = 512;

/// Tokens of the prompt that is computed before time counts, to touch the weights.
const WARM_UP_TOKENS: usize = 64;

/// More tokens than a sequence gets until it is cancelled, those while others' prompts are computed included.
const OUTPUT_TOKENS_MAX: usize = 1024;

fn kv_format(name: &str) -> Result<KvFormat, String> {
    let known = [KvFormat::F16, KvFormat::Bf16, KvFormat::Int8, KvFormat::F32];
    let found = known.into_iter().find(|format| format.name() == name);
    found.ok_or_else(|| format!("say one of {}", known.map(KvFormat::name).join(", ")))
}

/// Measures every combination and prints one line of JSON for each.
///
/// # Errors
///
/// The model cannot be loaded, or a sequence failed.
pub(crate) fn run(arguments: &EngineArgs) -> Result<()> {
    let generated_max = OUTPUT_TOKENS_MAX / 2;
    let fits = (1..=generated_max).contains(&arguments.generated);
    ensure!(fits, "--generated must be from 1 to {generated_max}");
    let engine = Engine::load(&arguments.model, arguments.options()?);
    let mut bench = Bench {
        engine: engine.with_context(|| arguments.model.display().to_string())?,
        random: Random::new(1),
        events: Vec::new(),
    };
    report::progress(&bench.engine.description());
    bench.measure(WARM_UP_TOKENS, 1, 1)?;
    for pp in &arguments.prompts {
        for pl in &arguments.batches {
            let line = bench.measure(*pp, *pl, arguments.generated)?;
            report::say(&serde_json::to_string(&line)?);
        }
    }
    Ok(())
}

impl EngineArgs {
    fn options(&self) -> Result<EngineOptions> {
        Ok(EngineOptions {
            threads: Arc::new(Threads::new(ThreadsOptions::new(self.threads))?),
            precision: Precision::Stored,
            kv_format: self.kv,
            kv_bytes: KV_BYTES,
            context_length: None,
            sequences_max: SEQUENCES_MAX,
            step_tokens_max: STEP_TOKENS_MAX,
            queue_requests_max: SEQUENCES_MAX,
            queue_tokens_max: usize::MAX,
            speculation: false,
            prefix_cache: false,
        })
    }
}

struct Bench {
    engine: Engine,
    random: Random,
    events: Vec<Event>,
}

impl Bench {
    fn measure(&mut self, pp: usize, pl: usize, tg: usize) -> Result<Line> {
        let start = now();
        let sequences = (0..pl).map(|_| self.add(pp)).collect::<Result<Vec<_>>>()?;
        let mut waiting = sequences.clone();
        while !waiting.is_empty() {
            self.step()?;
            waiting.retain(|id| !has_token(&self.events, *id));
        }
        let prompts_done = now();
        let generated = self.decode(prompts_done, (pl, tg))?;
        sequences.into_iter().for_each(|id| self.engine.cancel(id));
        let prompt = (prompts_done - start).as_secs_f64();
        Ok(Line { pp, tg, pl, speed_pp: (pp * pl) as f64 / prompt, speed_tg: generated })
    }

    /// Steps until each of `pl` sequences has got `tg` tokens more; returns tokens per second.
    fn decode(&mut self, start: Instant, (pl, tg): (usize, usize)) -> Result<f64> {
        let mut tokens = 0;
        while tokens < pl * tg {
            self.step()?;
            tokens += self.events.iter().map(new_tokens).sum::<usize>();
        }
        Ok(tokens as f64 / (now() - start).as_secs_f64())
    }

    fn step(&mut self) -> Result<()> {
        self.events.clear();
        let start = now();
        let computed = self.engine.step(&mut self.events);
        self.engine.note_step_duration(now() - start);
        ensure!(computed > 0, "the engine has nothing to do");
        match self.events.iter().find_map(failure) {
            Some(error) => bail!("a sequence failed: {error}"),
            None => Ok(()),
        }
    }

    fn add(&mut self, tokens: usize) -> Result<SequenceId> {
        let vocabulary = self.engine.hyperparameters().vocabulary as u64;
        let token = |_| u32::try_from(self.random.below(vocabulary)).unwrap_or(0);
        let prompt = (0..tokens).map(token).collect();
        let sampling = SamplingParameters {
            temperature: 0.0,
            ignore_eos: true,
            max_tokens: OUTPUT_TOKENS_MAX.min(self.engine.context_length() - tokens),
            ..SamplingParameters::default()
        };
        Ok(self.engine.add(Request {
            prompt,
            wanted: Wanted::Text { sampling: Box::new(sampling), grammar: None },
            tenant: String::new(),
            weight: 1,
            priority: 0,
            salt: String::new(),
        })?)
    }
}

fn has_token(events: &[Event], id: SequenceId) -> bool {
    events.iter().any(|event| event.sequence() == id && new_tokens(event) > 0)
}

fn new_tokens(event: &Event) -> usize {
    if let Event::Output(output) = event { output.tokens.len() } else { 0 }
}

fn failure(event: &Event) -> Option<&str> {
    if let Event::Failed { error, .. } = event { Some(error) } else { None }
}
