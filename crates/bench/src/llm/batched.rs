//! The engines without their servers: prompts and batches of so many tokens, as llama.cpp's
//! `llama-batched-bench` and this program's own `engine` measure them.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{
    board::{Better, Board, Place},
    limits::Limits,
    subject::{Places, Subject},
};
use crate::process::{self, Process};

/// Tokens of the prompts whose computation is measured.
pub(super) const PREFILLS: [usize; 3] = [128, 512, 1024];

/// Sequences that are continued together.
pub(super) const BATCHES: [usize; 5] = [1, 4, 8, 16, 32];

/// Tokens that each of these has before, and gets.
const DEPTH: usize = 128;
const GENERATED: usize = 32;

/// One measurement as both programs print it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct Line {
    /// Tokens of each prompt.
    pub(super) pp: usize,
    /// Tokens generated for each.
    pub(super) tg: usize,
    /// Sequences at a time.
    pub(super) pl: usize,
    /// Prompt tokens per second.
    pub(super) speed_pp: f64,
    /// Generated tokens per second, of all sequences together.
    pub(super) speed_tg: f64,
}

/// What is run: prompts of each length one at a time, or batches of each size.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) prompts: Vec<usize>,
    pub(super) generated: usize,
    pub(super) batches: Vec<usize>,
}

impl Job {
    fn prefill() -> Self {
        Self { prompts: PREFILLS.to_vec(), generated: 1, batches: vec![1] }
    }

    fn decode() -> Self {
        Self { prompts: vec![DEPTH], generated: GENERATED, batches: BATCHES.to_vec() }
    }

    /// Tokens of all caches together, of the largest of its measurements.
    fn context(&self) -> usize {
        let prompt = self.prompts.iter().max().unwrap_or(&0);
        let batch = self.batches.iter().max().unwrap_or(&1);
        // Some more: it rounds up what each sequence gets.
        (prompt + self.generated + 64) * batch
    }
}

/// Measures prompts and batches of one engine.
///
/// # Errors
///
/// It is not there, fails, or takes too long.
pub(super) fn engine(
    board: &mut Board,
    place: Place<'_>,
    (subject, places): (Subject, &Places),
    limits: &Limits,
) -> Result<()> {
    let run = |job: &Job| run(subject, places, &subject.weights(places), job, limits);
    let (typed, lines) = run(&Job::prefill())?;
    for line in lines {
        board.add(place, &prefill_line(line.pp), Better::Higher, line.speed_pp);
    }
    board.made(place, typed);
    for line in run(&Job::decode())?.1 {
        board.add(place, &decode_line(line.pl), Better::Higher, line.speed_tg);
    }
    Ok(())
}

/// The name of a line of the table.
pub(super) fn prefill_line(tokens: usize) -> String {
    format!("prefill {tokens}, tok/s")
}

/// The name of a line of the table.
pub(super) fn decode_line(batch: usize) -> String {
    format!("decode batch {batch}, tok/s")
}

/// The name of the only line about a model that does not fit the caches.
pub(super) const BILLION_DECODE: &str = "decode batch 1, tok/s";

/// Measures one sequence of a model of 1.1 billion weights.
///
/// # Errors
///
/// As [`engine`].
pub(super) fn billion(
    board: &mut Board,
    place: Place<'_>,
    (subject, places): (Subject, &Places),
    limits: &Limits,
) -> Result<()> {
    let file = &places.billion;
    ensure!(file.exists(), "there is no {}", file.display());
    let job = Job { prompts: vec![32], generated: GENERATED, batches: vec![1] };
    let (typed, lines) = run(subject, places, file, &job, limits)?;
    let line = lines.first().context("nothing was printed")?;
    board.add(place, BILLION_DECODE, Better::Higher, line.speed_tg);
    board.add(place, "prefill 32, tok/s", Better::Higher, line.speed_pp);
    board.made(place, typed);
    Ok(())
}

/// Runs the job and returns the command with what it printed.
fn run(
    subject: Subject,
    places: &Places,
    weights: &std::path::Path,
    job: &Job,
    limits: &Limits,
) -> Result<(String, Vec<Line>)> {
    limits.fits(Duration::from_secs(5))?;
    let command = match subject {
        Subject::Hone | Subject::HoneQ40 => own(weights, places, job)?,
        _ => llama_batched_bench(weights, places, job),
    };
    let typed = process::command_line(&command);
    let log = places.work.join("engine.log");
    let output = Process::start(command, log)?.wait_output(limits.left())?;
    let lines = parse(&output)?;
    Ok((typed, lines))
}

fn llama_batched_bench(weights: &std::path::Path, places: &Places, job: &Job) -> Command {
    let mut command = Command::new(places.llama_cpp("llama-batched-bench"));
    command.arg("-m").arg(weights).args(["-t", &places.threads.to_string(), "-fa", "on"]);
    command.args(["-c", &job.context().to_string(), "-b", "2048", "-ub", "512"]);
    // The prompt is computed once and its cache copied to every sequence.
    command.args(["-pps", "--no-kv-unified", "--output-format", "jsonl"]);
    command.args(["-npp", &list(&job.prompts), "-ntg", &job.generated.to_string()]);
    command.args(["-npl", &list(&job.batches)]);
    command
}

/// This program's `engine` task, in a process of its own like the other.
fn own(weights: &std::path::Path, places: &Places, job: &Job) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("engine").arg(weights).args(["--threads", &places.threads.to_string()]);
    command.args(["--prompts", &list(&job.prompts), "--batches", &list(&job.batches)]);
    command.args(["--generated", &job.generated.to_string()]);
    Ok(command)
}

fn list(numbers: &[usize]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The measurements among what was printed.
fn parse(output: &str) -> Result<Vec<Line>> {
    let lines = output.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Line> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(!lines.is_empty(), "no measurement was printed");
    let is_good = |line: &Line| line.speed_pp.is_finite() && line.speed_tg.is_finite();
    ensure!(lines.iter().all(is_good), "a speed is no number");
    Ok(lines)
}

#[cfg(test)]
mod tests;
