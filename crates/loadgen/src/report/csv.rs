//! The table that perf_analyzer's `-f` writes, so that scripts made for it read Hone's results too.

use std::{
    fmt::Display,
    io::{Result, Write},
};

use crate::{
    result::{LevelResult, LoadMode, ResultDocument, Summary},
    slice::Stage,
};

/// Writes one row per load level, sorted by throughput; times are whole microseconds.
///
/// The columns are perf_analyzer's, in its order: an unknown stage is 0, what perf_analyzer has no
/// column for (decoding, encoding, hand-offs) is in `Network+Server Send/Recv`, and the wait before
/// a request could be sent is in `Client Send`, so that the stages sum to the mean latency. If A and B
/// were measured, a last column `Target` tells them apart.
///
/// # Errors
///
/// `out` fails.
pub fn write_csv(document: &ResultDocument, out: &mut dyn Write) -> Result<()> {
    let both = document.targets.len() > 1;
    let levels = || document.targets.iter().flat_map(|target| &target.levels);
    let callers =
        levels().all(|level| matches!(level.load.mode, LoadMode::Closed | LoadMode::Sessions));
    let load = if callers { "Concurrency" } else { "Request Rate" };
    let target = if both { ",Target" } else { "" };
    writeln!(out, "{load},{COLUMNS}{target}")?;
    for target in &document.targets {
        let mut levels: Vec<_> = target.levels.iter().collect();
        levels.sort_by(|a, b| throughput(a).total_cmp(&throughput(b)));
        for level in levels {
            write_row(level, target.rows_per_request, out)?;
            if both {
                write!(out, ",{}", quoted(&target.label))?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

const COLUMNS: &str = "Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,\
     Server Compute Input,Server Compute Infer,Server Compute Output,Client Recv,\
     p50 latency,p90 latency,p95 latency,p99 latency";

fn throughput(level: &LevelResult) -> f64 {
    level.summary.throughput.value
}

/// An inference is a row of a request there.
fn write_row(level: &LevelResult, rows: u64, out: &mut dyn Write) -> Result<()> {
    let Summary { latency, .. } = &level.summary;
    #[expect(clippy::cast_precision_loss, reason = "batches have far fewer than 2^52 rows")]
    let inferences = throughput(level) * rows.max(1) as f64;
    write!(out, "{},{}", plain(level.load.value), plain(inferences))?;
    for column in STAGES {
        write!(out, ",{}", microseconds(stages_ms(&level.summary, column)))?;
    }
    for percentile in [latency.p50, latency.p90, latency.p95, latency.p99] {
        write!(out, ",{}", microseconds(percentile.value))?;
    }
    Ok(())
}

/// The stages that each of perf_analyzer's columns sums.
const STAGES: [&[Stage]; 7] = [
    &[Stage::ClientWait, Stage::ClientSend],
    &[Stage::Network, Stage::Decode, Stage::Encode, Stage::ServerOther],
    &[Stage::Queue],
    &[Stage::ComputeInput],
    &[Stage::ComputeInfer],
    &[Stage::ComputeOutput],
    &[Stage::ClientReceive],
];

fn stages_ms(summary: &Summary, column: &[Stage]) -> f64 {
    let shares = summary.stages.iter().flat_map(|stages| &stages.stages);
    let summed = shares.filter(|share| column.iter().any(|stage| stage.name() == share.stage));
    summed.map(|share| share.mean_ms).sum()
}

/// At most six significant digits without an exponent, as C++ streams write a `double`.
fn plain(value: f64) -> impl Display {
    let decimals = match value.abs() {
        size if size >= 100_000.0 => 0,
        size if size >= 1_000.0 => 2,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn microseconds(ms: f64) -> impl Display {
    // A sum of nothing is -0.
    format!("{:.0}", (ms * 1000.0).max(0.0) + 0.0)
}

/// A field that commas, quotes and line ends of a name cannot break.
fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

#[cfg(test)]
mod tests;
