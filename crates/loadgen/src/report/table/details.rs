//! Where the time of one level went, and in which batches.

use std::io::{Result, Write};

use super::{Colours, write_paragraph};
use crate::{
    report::figure::{bytes, count, figure, load, percent},
    result::{BatchCount, LevelResult, ServerSummary, StageShare, StageSummary},
};

/// Characters of a whole bar.
const BAR: usize = 50;
/// Stages with less than this share have no line of their own.
const SMALL: f64 = 0.005;
/// Batch sizes that are listed.
const SIZES_MAX: usize = 8;

/// Writes them; `named` if it has to be said which level it is.
pub(super) fn write(
    level: &LevelResult,
    named: bool,
    colours: Colours,
    out: &mut dyn Write,
) -> Result<()> {
    let at = if named { format!(" at {}", load(&level.load)) } else { String::new() };
    if let Some(stages) = level.summary.stages.as_ref().filter(|stages| stages.samples > 0) {
        writeln!(out, "\n  Where the time goes{at} ({})", source(stages))?;
        write_stages(stages, out)?;
        write_paragraph(&stages.verdict, 2, |line| colours.bold(line), out)?;
    }
    if let Some(server) = &level.summary.server {
        write_server(server, &at, out)?;
    }
    Ok(())
}

fn source(stages: &StageSummary) -> String {
    let from = match &*stages.source {
        "server-timing" => "as the server told",
        "statistics" => "from the server's statistics",
        other => other,
    };
    format!("mean of {} requests, {from}", count(stages.samples))
}

fn write_stages(stages: &StageSummary, out: &mut dyn Write) -> Result<()> {
    let (shown, small): (Vec<&StageShare>, Vec<&StageShare>) =
        stages.stages.iter().partition(|stage| stage.share >= SMALL);
    for stage in shown {
        write_stage(&stage.stage, stage.mean_ms, stage.share, out)?;
    }
    let rest: f64 = small.iter().map(|stage| stage.mean_ms).sum();
    if rest > 0.0 {
        write_stage("others", rest, small.iter().map(|stage| stage.share).sum(), out)?;
    }
    Ok(())
}

fn write_stage(name: &str, ms: f64, share: f64, out: &mut dyn Write) -> Result<()> {
    let (ms, percent) = (figure(ms), percent(share));
    writeln!(out, "    {name:<15} {ms:>8} ms  {percent:>7}  {}", bar(share))
}

/// A bar in eighths of a character.
fn bar(share: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 400")]
    #[expect(clippy::cast_precision_loss, reason = "a small constant")]
    let eighths = (share.clamp(0.0, 1.0) * BAR as f64 * 8.0).round() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

fn write_server(server: &ServerSummary, at: &str, out: &mut dyn Write) -> Result<()> {
    if let Some(mean) = server.batch_rows_mean() {
        let text =
            format!("Batches{at}: {} rows on average. {}", figure(mean), sizes(&server.batches));
        writeln!(out)?;
        write_paragraph(&text, 2, str::to_owned, out)?;
    }
    if let Some(resident) = server.resident_bytes {
        writeln!(out, "  Server's memory{at}: {}", bytes(resident))?;
    }
    Ok(())
}

/// The commonest sizes, in the order of size.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn sizes(batches: &[BatchCount]) -> String {
    let all: u64 = batches.iter().map(|batch| batch.batches).sum();
    let mut common: Vec<&BatchCount> = batches.iter().collect();
    common.sort_by_key(|batch| std::cmp::Reverse(batch.batches));
    common.truncate(SIZES_MAX);
    common.sort_by_key(|batch| batch.rows);
    let size = |batch: &&BatchCount| {
        format!("{}: {}", batch.rows, percent(batch.batches as f64 / all as f64))
    };
    let mut sizes: Vec<_> = common.iter().map(size).collect();
    if batches.len() > SIZES_MAX {
        sizes.push(format!("and {} sizes more", batches.len() - SIZES_MAX));
    }
    format!("By rows: {}", sizes.join(", "))
}
