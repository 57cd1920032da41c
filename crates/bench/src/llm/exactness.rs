//! What the speed was bought with: perplexity on a text, by the protocol of llama.cpp's own tool.
//!
//! The text's tokens, nothing added, are cut into chunks of 512; what is left over is dropped. Of each
//! chunk, alone in an empty cache, tokens 257 to 512 (from 1) are predicted, except the first of them:
//! 255 logarithms of probabilities. The perplexity is the exponential of their mean's negative.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    board::{Better, Board, Place},
    client,
    limits::Limits,
    prompts::Prompts,
    subject::{Places, Server, Subject},
};
use crate::process::{self, Process};

/// Tokens that are computed together, and those at their start that are context alone.
const CHUNK: usize = 512;
const CONTEXT: usize = CHUNK / 2 + 1;

/// The name of the line.
pub(super) const PERPLEXITY: &str = "perplexity of 50 kB of Shakespeare";

/// Asks a server for the probabilities of a text's tokens.
///
/// # Errors
///
/// It cannot tell them.
pub(super) async fn of_server(
    board: &mut Board,
    place: Place<'_>,
    (server, prompts): (&Server, &Prompts),
    chunks: Option<usize>,
    limits: &Limits,
) -> Result<()> {
    let mut sum = Sum::default();
    for chunk in prompts.tokens().chunks_exact(CHUNK).take(chunks.unwrap_or(usize::MAX)) {
        let document = json!({
            "model": server.model, "prompt": chunk, "echo": true, "logprobs": 0,
            "max_tokens": 1, "temperature": 0, "ignore_eos": true,
        });
        let post = client::post(server.address, "/v1/completions", &document);
        sum.add(&token_logprobs(&limits.hold(post).await?)?)?;
    }
    board.add(place, &line(chunks), Better::Lower, sum.perplexity()?);
    board.made(place, format!("{}; /v1/completions with echo and logprobs", server.command));
    Ok(())
}

/// Lets llama.cpp's tool compute it.
///
/// # Errors
///
/// It is not there, fails, or takes too long.
pub(super) fn of_llama_cpp(
    board: &mut Board,
    place: Place<'_>,
    (subject, places): (Subject, &Places),
    chunks: Option<usize>,
    limits: &Limits,
) -> Result<()> {
    limits.fits(Duration::from_secs(10))?;
    let mut command = Command::new(places.llama_cpp("llama-perplexity"));
    command.arg("-m").arg(subject.weights(places)).arg("-f").arg(&places.text);
    command.args(["-c", "512", "-b", "512", "-fa", "on", "-t", &places.threads.to_string()]);
    if let Some(chunks) = chunks {
        command.args(["--chunks", &chunks.to_string()]);
    }
    let typed = process::command_line(&command);
    let log = places.work.join("perplexity.log");
    let output = Process::start(command, log)?.wait_output(limits.left())?;
    board.add(place, &line(chunks), Better::Lower, parse(&output)?);
    board.made(place, typed);
    Ok(())
}

fn line(chunks: Option<usize>) -> String {
    chunks.map_or_else(
        || PERPLEXITY.to_owned(),
        |chunks| format!("{PERPLEXITY}, the first {chunks} chunks of it"),
    )
}

/// What llama-perplexity found.
fn parse(output: &str) -> Result<f64> {
    let (_, found) = output.split_once("Final estimate: PPL = ").context("no final estimate")?;
    let number = found.split_whitespace().next().context("no number in the final estimate")?;
    Ok(number.parse()?)
}

/// The logarithms of a completion's tokens, the prompt's first and among them one of none.
fn token_logprobs(answer: &Value) -> Result<Vec<Option<f64>>> {
    let logprobs = answer["choices"][0]["logprobs"]["token_logprobs"].clone();
    let found: Vec<Option<f64>> =
        serde_json::from_value(logprobs).context("the answer tells no probabilities")?;
    ensure!(found.len() >= CHUNK, "probabilities of {} tokens came", found.len());
    Ok(found)
}

#[derive(Debug, Default)]
struct Sum {
    negative_logarithms: f64,
    tokens: usize,
}

impl Sum {
    /// Adds what counts of a chunk.
    fn add(&mut self, logprobs: &[Option<f64>]) -> Result<()> {
        for logprob in &logprobs[CONTEXT..CHUNK] {
            self.negative_logarithms -= logprob.context("a token has no probability")?;
            self.tokens += 1;
        }
        Ok(())
    }

    fn perplexity(&self) -> Result<f64> {
        ensure!(self.tokens > 0, "the text is shorter than a chunk");
        Ok((self.negative_logarithms / self.tokens as f64).exp())
    }
}

#[cfg(test)]
mod tests;
