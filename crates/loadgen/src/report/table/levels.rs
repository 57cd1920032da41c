//! One row per load level, its intervals below it.

use std::io::{Result, Write};

use super::{
    Colours,
    grid::{Grid, Tone},
};
use crate::{
    report::{
        figure::{count, figure, interval, load, percent, seen},
        objective::terms,
        omission::omission,
    },
    result::{Estimate, GenerationSummary, LevelResult, Summary, TargetResult},
};

pub(super) fn write(target: &TargetResult, colours: Colours, out: &mut dyn Write) -> Result<()> {
    let rounds = target.levels.iter().any(|level| level.round > 0);
    let mut grid = Grid::new(HEADER.map(str::to_owned).into());
    for level in &target.levels {
        push(level, rounds, &mut grid);
    }
    grid.write(colours, out)?;
    let mut grid = Grid::new(GENERATION_HEADER.map(str::to_owned).into());
    for level in &target.levels {
        if let Some(generation) = &level.summary.generation {
            push_generation(name(level, rounds), generation, &mut grid);
        }
    }
    if target.levels.iter().any(|level| level.summary.generation.is_some()) {
        writeln!(out)?;
        grid.write(colours, out)?;
    }
    Ok(())
}

const HEADER: [&str; 9] = [
    "load",
    "requests/s",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "p99.9 ms",
    "failed",
    "good",
    "CPU us/req",
];

fn push(level: &LevelResult, rounds: bool, grid: &mut Grid) {
    let summary = &level.summary;
    let latency = &summary.latency;
    let percentiles = [latency.p50, latency.p90, latency.p99, latency.p999];
    let mut figures = vec![name(level, rounds), figure(summary.throughput.value)];
    figures.extend(percentiles.map(|percentile| seen(percentile.value)));
    figures.extend([failed(summary), good(summary), cpu(summary)]);
    grid.push(figures, Tone::Plain);
    let mut intervals = vec![String::new(), interval(summary.throughput)];
    intervals.extend(percentiles.map(interval));
    let goodput = summary.goodput.as_ref();
    let objective = goodput.map(|goodput| holds(goodput.holds).to_owned()).unwrap_or_default();
    intervals.extend([String::new(), objective, String::new()]);
    grid.push(intervals, Tone::Dim);
    warn(summary, grid);
}

fn name(level: &LevelResult, rounds: bool) -> String {
    let round = if rounds { format!(", round {}", level.round + 1) } else { String::new() };
    load(&level.load) + &round
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn failed(summary: &Summary) -> String {
    let failed: u64 = summary.failures.values().sum();
    if failed == 0 {
        return "0".to_owned();
    }
    percent(failed as f64 / (failed + summary.completed) as f64)
}

fn good(summary: &Summary) -> String {
    let goodput = summary.goodput.as_ref();
    goodput.map(|goodput| format!("{}/s", figure(goodput.rate.value))).unwrap_or_default()
}

const fn holds(holds: Option<bool>) -> &'static str {
    match holds {
        Some(true) => "holds",
        Some(false) => "breaks",
        None => "unclear",
    }
}

fn cpu(summary: &Summary) -> String {
    let server = summary.server.as_ref();
    server.and_then(|server| server.cpu_us_per_request).map(figure).unwrap_or_default()
}

/// What failed, what a row does not show, and what makes its figures doubtful.
fn warn(summary: &Summary, grid: &mut Grid) {
    if !summary.failures.is_empty() {
        let kind = |(name, number): (&String, &u64)| format!("{} {name}", count(*number));
        let kinds: Vec<_> = summary.failures.iter().map(kind).collect();
        grid.warn(format!("failed: {}", kinds.join(", ")));
    }
    for term in terms(summary) {
        grid.note(term);
    }
    if let Some(omitted) = omission(summary) {
        grid.note(omitted);
    }
    for reason in &summary.stability.reasons {
        grid.warn(format!("not steady: {reason}"));
    }
    if !summary.stability.stable && summary.stability.reasons.is_empty() {
        grid.warn("not steady".to_owned());
    }
    for warning in &summary.generator.warnings {
        grid.warn(format!("generator: {warning}"));
    }
}

const GENERATION_HEADER: [&str; 9] = [
    "generation",
    "tokens/s",
    "TTFT p50",
    "TTFT p99",
    "TPOT p50",
    "TPOT p99",
    "ITL p50",
    "ITL p99",
    "tokens in/out",
];

fn push_generation(name: String, generation: &GenerationSummary, grid: &mut Grid) {
    let GenerationSummary { time_to_first_token, time_per_output_token, .. } = generation;
    let between = &generation.inter_token_latency;
    let times = [
        time_to_first_token.p50,
        time_to_first_token.p99,
        time_per_output_token.p50,
        time_per_output_token.p99,
        between.p50,
        between.p99,
    ];
    let rate = generation.output_tokens_per_second;
    let tokens = [generation.prompt_tokens_mean, generation.output_tokens_mean].map(figure);
    let row = |figures: fn(Estimate) -> String| {
        [rate].into_iter().chain(times).map(figures).collect::<Vec<_>>()
    };
    let figures = [vec![name], row(|estimate| seen(estimate.value)), vec![tokens.join("/")]];
    grid.push(figures.concat(), Tone::Plain);
    grid.push([vec![String::new()], row(interval)].concat(), Tone::Dim);
}
