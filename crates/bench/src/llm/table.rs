//! Markdown of a run.

use std::fmt::Write;

use super::{
    Part, Run,
    batched::{BATCHES, BILLION_DECODE, PREFILLS, decode_line, prefill_line},
    board::{Board, Figure},
    goals,
};
use crate::report;

/// Load average of a machine that has work of its own; that of the last minute's build is below it.
const BUSY: f64 = 3.0;

impl Run {
    /// The whole report.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = self.head();
        text += &report::left_out(&self.board.left_out);
        text += &section("", &report::goals_table(&goals::evaluate(&self.board, &self.limits)));
        for part in Part::ALL {
            text += &section(part.title(), &part_table(&self.board, part));
        }
        text += &section("Share of what this machine can do", &self.shares());
        text
    }

    fn head(&self) -> String {
        let Self { machine, limits, seconds, seed, peers, .. } = self;
        let load = &self.load_average;
        let busy = match load.parse::<f64>() {
            Ok(load) if load > BUSY => " (the machine had other work: believe none of this)",
            _ => "",
        };
        format!(
            "Made by `cargo xtask bench {}` at {} in {seconds:.0} s: {}, {} cores, {}; load average \
             {load} at the start{busy}; seed {seed}. Measured just before: {:.0} GOP/s of int8 ({}), {:.0} GFLOP/s of \
             f32, {:.1} GB/s from memory. {}\n\n\
             Every figure is the median of the rounds; a ratio is the median of the ratios within \
             rounds, to the best of the others. Subjects take turns, only one of them works at a time.\n",
            self.command,
            self.commit,
            machine.cpu,
            machine.cores,
            machine.system,
            limits.int8 / 1e9,
            limits.isa,
            limits.f32 / 1e9,
            limits.memory / 1e9,
            peers.join("; "),
        )
    }

    /// How far Hone is from the machine's limits.
    fn shares(&self) -> String {
        let hone =
            |part, what: &str| self.board.of(part, what).find(|figure| figure.is_hone())?.median();
        let limits = &self.limits;
        let mut rows = String::new();
        let mut row = |what: &str, of: &str, share: Option<f64>| {
            if let Some(share) = share {
                let _ = writeln!(rows, "| {what} | {of} | {share:.0} % |");
            }
        };
        for tokens in PREFILLS {
            let what = prefill_line(tokens);
            let share = hone(Part::Engine, &what).and_then(|rate| limits.share_of_prefill(rate));
            row(&what, "int8 operations", share);
        }
        for batch in BATCHES {
            let what = decode_line(batch);
            let rate = hone(Part::Engine, &what);
            row(&what, "int8 operations", rate.and_then(|rate| limits.share_of_decode(rate)));
            let steps = rate.map(|rate| rate / batch as f64);
            let share = steps.zip(limits.model_bytes);
            let share = share.and_then(|(steps, bytes)| limits.share_of_memory(steps, bytes));
            row(&what, "memory bandwidth, for the file's bytes", share);
        }
        let billion = hone(Part::Billion, BILLION_DECODE).zip(limits.billion_bytes);
        let share = billion.and_then(|(rate, bytes)| limits.share_of_memory(rate, bytes));
        row("1.1 billion weights, decode batch 1", "memory bandwidth, for the file's bytes", share);
        if rows.is_empty() { rows } else { format!("| Hone | of | |\n|---|---|--:|\n{rows}") }
    }
}

fn section(title: &str, text: &str) -> String {
    match (title, text) {
        (_, "") => String::new(),
        ("", text) => format!("\n{text}"),
        (title, text) => format!("\n## {title}\n\n{text}"),
    }
}

/// One line per figure, one column per subject.
fn part_table(board: &Board, part: Part) -> String {
    let figures = || board.figures.iter().filter(|figure| figure.part == part);
    let subjects = distinct(figures().map(|figure| &*figure.subject));
    let lines = distinct(figures().map(|figure| &*figure.what));
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("| | {} | Hone / best |\n", subjects.join(" | "));
    text += &format!("|---|{}--:|\n", "--:|".repeat(subjects.len()));
    for what in lines {
        let value = |subject: &&str| board.find(part, what, subject).and_then(Figure::median);
        let values: Vec<_> =
            subjects.iter().map(|subject| value(subject).map(number).unwrap_or_default()).collect();
        let ratio = board.ratio(part, what).map(|ratio| format!("{ratio:.2}x")).unwrap_or_default();
        let _ = writeln!(text, "| {what} | {} | {ratio} |", values.join(" | "));
    }
    text + "\n" + &commands(board, part)
}

/// How the figures were obtained, and in how many rounds.
fn commands(board: &Board, part: Part) -> String {
    let line = |made: &super::board::Made| {
        let own = board.figures.iter().filter(|f| f.part == part && f.subject == made.subject);
        let rounds = own.map(|figure| figure.rounds.len()).max().unwrap_or(0);
        let rounds = if rounds == 1 { "1 round".to_owned() } else { format!("{rounds} rounds") };
        format!("- {} ({rounds}): `{}`\n", made.subject, made.command)
    };
    board.made.iter().filter(|made| made.part == part).map(line).collect()
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut distinct = Vec::new();
    for name in names {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    distinct
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests;
