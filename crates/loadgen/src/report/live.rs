//! What is shown while a measurement runs.

use std::time::Duration;

use super::{
    figure::{count, figure, load, seen},
    table::{Colours, clean},
};
use crate::result::LoadLevel;

/// Rates that the spark line shows.
const RATES_MAX: usize = 60;
/// Characters of a whole progress bar.
const BAR: usize = 24;

/// What a level is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LivePhase {
    /// Waiting until the server is warm; nothing counts yet.
    #[default]
    WarmUp,
    /// Measuring.
    Measuring,
}

/// A running measurement at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveFigures {
    /// Name of the target; empty if there is one only.
    pub target: String,
    /// The load level.
    pub load: LoadLevel,
    /// Number of the level, from 1.
    pub level: usize,
    /// Levels in all; 0 if that is not known yet.
    pub levels: usize,
    /// What it is doing.
    pub phase: LivePhase,
    /// Time in this phase.
    pub elapsed: Duration,
    /// Length of this phase, if it has one.
    pub of: Option<Duration>,
    /// Requests per second answered rightly, of late.
    pub rate: f64,
    /// Median latency of late, in milliseconds; 0 if nothing ended.
    pub p50_ms: f64,
    /// Latency of late that one of a hundred requests exceeds, in milliseconds; 0 if nothing ended.
    pub p99_ms: f64,
    /// Failed requests of this phase.
    pub failures: u64,
    /// Rates of the last intervals, the newest last; only the last 60 are shown.
    pub rates: Vec<f64>,
}

/// A few lines that are drawn again and again in the same place of a terminal.
#[derive(Clone, Debug)]
pub struct LiveView {
    colours: Colours,
    width: usize,
    /// Lines that stand there.
    shown: usize,
}

impl LiveView {
    /// A view that has not drawn yet, for a terminal of `width` columns.
    #[must_use]
    pub const fn new(width: usize, colours: Colours) -> Self {
        Self { colours, width, shown: 0 }
    }

    /// What to write to put these figures into the place of the last ones.
    #[must_use]
    pub fn redraw(&mut self, figures: &LiveFigures) -> String {
        let mut text = self.back();
        let lines = self.lines(figures);
        for line in &lines {
            text += line;
            text += ERASE_LINE_END;
            text.push('\n');
        }
        self.shown = lines.len();
        text
    }

    /// What to write to leave nothing of it, so that a result can stand there.
    #[must_use]
    pub fn clear(&mut self) -> String {
        let back = self.back();
        let had_lines = std::mem::take(&mut self.shown) > 0;
        if had_lines { back + ERASE_BELOW } else { back }
    }

    /// To the start of the first line that stands there.
    fn back(&self) -> String {
        match self.shown {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\r"),
        }
    }

    fn lines(&self, figures: &LiveFigures) -> [String; 3] {
        let progress = cut(&format!("{}  {}", title(figures), progress(figures)), self.width);
        let now = cut(&format!("  {}", now(figures)), self.width);
        let now = if figures.failures > 0 { self.colours.red(&now) } else { now };
        let rates = cut(&format!("  {}", spark(&figures.rates)), self.width);
        [self.colours.bold(&progress), now, self.colours.dim(&rates)]
    }
}

const ERASE_LINE_END: &str = "\x1b[K";
const ERASE_BELOW: &str = "\x1b[J";

/// One line without any control sequence, for what is no terminal; to be written every few seconds.
#[must_use]
pub fn live_line(figures: &LiveFigures) -> String {
    format!("{}: {}: {}", title(figures), time(figures), now(figures))
}

/// `A, level 2 of 6: 8 in flight, warming up`.
fn title(figures: &LiveFigures) -> String {
    let LiveFigures { target, level, levels, .. } = figures;
    let target = if target.is_empty() { String::new() } else { format!("{}, ", clean(target)) };
    let of = if *levels > 0 { format!(" of {levels}") } else { String::new() };
    let phase = match figures.phase {
        LivePhase::WarmUp => "warming up",
        LivePhase::Measuring => "measuring",
    };
    format!("{target}level {level}{of}, {}, {phase}", load(&figures.load))
}

fn progress(figures: &LiveFigures) -> String {
    let Some(of) = figures.of.filter(|of| !of.is_zero()) else { return time(figures) };
    let part = (figures.elapsed.as_secs_f64() / of.as_secs_f64()).min(1.0);
    #[expect(clippy::cast_precision_loss, reason = "a small constant")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to BAR")]
    let filled = (part * BAR as f64) as usize;
    format!("{}{}  {}", "━".repeat(filled), "─".repeat(BAR - filled), time(figures))
}

fn time(figures: &LiveFigures) -> String {
    let elapsed = figures.elapsed.as_secs_f64();
    match figures.of {
        Some(of) => format!("{elapsed:.1} of {:.1} s", of.as_secs_f64()),
        None => format!("{elapsed:.1} s"),
    }
}

fn now(figures: &LiveFigures) -> String {
    let LiveFigures { rate, p50_ms, p99_ms, failures, .. } = figures;
    format!(
        "{} requests/s, p50 {} ms, p99 {} ms, {} failed",
        figure(*rate),
        seen(*p50_ms),
        seen(*p99_ms),
        count(*failures)
    )
}

/// A character per rate, the greatest one full.
fn spark(rates: &[f64]) -> String {
    const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let rates = &rates[rates.len().saturating_sub(RATES_MAX)..];
    let greatest = rates.iter().copied().filter(|rate| rate.is_finite()).fold(0.0, f64::max);
    let character = |rate: &f64| {
        let part = if greatest > 0.0 { rate / greatest } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 7")]
        let eighth = (part * 7.0).round().clamp(0.0, 7.0) as usize;
        EIGHTHS[eighth]
    };
    rates.iter().map(character).collect()
}

/// At most so many characters: a line that wraps would be drawn over only in part.
fn cut(line: &str, width: usize) -> String {
    line.chars().take(width).collect()
}

#[cfg(test)]
mod tests;
