//! Markdown.

use std::fmt::Write;

use crate::{
    goals::Goal,
    life::LifeFigure,
    machine::Machine,
    results::{Cell, Sample},
    server::Kind,
    suite::PLAIN,
};

/// One line about a cell.
pub(super) fn cell_line(cell: &Cell) -> String {
    let figure = |figure: fn(&Sample) -> f64| cell.median(figure).unwrap_or(f64::NAN);
    let head = format!(
        "{}, {}, {} connections, {}",
        cell.payload, cell.protocol, cell.connections, cell.server
    );
    match &cell.failure {
        Some(failure) => format!("{head}: failed: {failure}"),
        None => format!(
            "{head}: {:.0}/s, p50 {:.3} ms, p99 {:.3} ms, server {:.1} us, client {:.1} us",
            figure(|sample| sample.requests_per_second),
            figure(|sample| sample.p50_ms),
            figure(|sample| sample.p99_ms),
            figure(|sample| sample.server_cpu_us),
            figure(|sample| sample.client_cpu_us),
        ),
    }
}

/// What the run was made on.
pub(super) fn machine(machine: &Machine, seconds: f64) -> String {
    let Machine { processor, cores, memory_mb, kernel, .. } = machine;
    format!(
        "Made by `cargo xtask bench {}` at {} in {:.0} s: {processor}, {cores} cores ({}), \
         {memory_mb} MB, Linux {kernel}, load average {} at the start; {} rounds of {} ms, seed {}. \
         {}.\n",
        machine.command,
        machine.commit,
        seconds,
        machine.instruction_sets.join(", "),
        machine.load_average,
        machine.rounds,
        machine.window_ms,
        machine.seed,
        machine.versions.join(", "),
    )
}

/// What is missing; empty if nothing is.
pub(super) fn left_out(left_out: &[String]) -> String {
    let line = |why: &String| format!("- left out: {}\n", why.replace('\n', " "));
    left_out.iter().map(line).collect()
}

/// The goals and what became of them; empty if none was measured.
pub(super) fn goals(goals: &[Goal]) -> String {
    let mut table = String::new();
    let mut measured = goals.iter().filter_map(|goal| Some((goal, goal.measured?))).peekable();
    if measured.peek().is_some() {
        table += "## Goals\n\n| goal | must | aim | measured | |\n|---|---|---|---|---|\n";
    }
    for (goal, value) in measured {
        let sign = if goal.at_least { ">=" } else { "<=" };
        let verdict = goal.verdict(value);
        let (name, aim) = (&goal.name, goal.aim);
        let must = goal.must.map(|must| format!("{sign} {must}")).unwrap_or_default();
        let _ = writeln!(table, "| {name} | {must} | {sign} {aim} | {value:.3} | {verdict} |");
    }
    table
}

/// One table per payload and protocol.
pub(super) fn loads(cells: &[Cell]) -> String {
    let mut text = String::new();
    let mut title = String::new();
    for cell in cells {
        let own = format!("{}, {}", cell.payload, cell.protocol);
        if own != title {
            let _ = write!(text, "{}## {own}\n\n{HEAD}", if title.is_empty() { "" } else { "\n" });
            title = own;
        }
        text += &row(cell, base(cell, cells));
    }
    text
}

const HEAD: &str = "\
| connections | server | requests/s | | p50 ms | | p99 ms | server CPU us/request | | client CPU us | RSS MB |
|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

/// What a cell's ratios are to: the floor, or the engine in a loop, under the same load.
fn base<'a>(cell: &Cell, cells: &'a [Cell]) -> Option<&'a Cell> {
    let same_load = |other: &&Cell| {
        other.payload == cell.payload
            && other.protocol == cell.protocol
            && other.connections == cell.connections
    };
    let is_base = |other: &&Cell| [Kind::FloorHttp.title(), PLAIN].contains(&&*other.server);
    cells.iter().filter(same_load).find(is_base).filter(|base| base.server != cell.server)
}

fn row(cell: &Cell, base: Option<&Cell>) -> String {
    let Cell { connections, server, .. } = cell;
    if let Some(failure) = &cell.failure {
        let failure = failure.replace(['\n', '|'], " ");
        return format!("| {connections} | {server} | failed: {failure} | | | | | | | | |\n");
    }
    let value = |figure: fn(&Sample) -> f64| cell.median(figure).unwrap_or(f64::NAN);
    let ratio = |figure: fn(&Sample) -> f64| {
        let ratio = base.and_then(|base| cell.ratio(base, figure));
        ratio.map(|ratio| format!("{ratio:.2}x")).unwrap_or_default()
    };
    // With more connections than instances a median is a wait in the queue, which a loop has none of.
    let queues = base.is_some_and(|base| base.server == PLAIN) && *connections > 1;
    let p50_ratio = if queues { String::new() } else { ratio(|sample| sample.p50_ms) };
    format!(
        "| {connections} | {server} | {:.0} | {} | {:.3} | {} | {:.3} | {:.1} | {} | {:.1} | {:.0} |\n",
        value(|sample| sample.requests_per_second),
        ratio(|sample| sample.requests_per_second),
        value(|sample| sample.p50_ms),
        p50_ratio,
        value(|sample| sample.p99_ms),
        value(|sample| sample.server_cpu_us),
        ratio(|sample| sample.server_cpu_us),
        value(|sample| sample.client_cpu_us),
        value(|sample| sample.resident_mb),
    )
}

/// Start, memory and health.
pub(super) fn life(figures: &[LifeFigure]) -> String {
    let mut table = String::new();
    if !figures.is_empty() {
        table += "## Life\n\n| figure | server | median | all |\n|---|---|--:|---|\n";
    }
    for figure in figures {
        let all: Vec<_> = figure.values.iter().map(|value| format!("{value:.3}")).collect();
        let median = figure.median().unwrap_or(f64::NAN);
        let (what, server) = (figure.what, &figure.server);
        let _ = writeln!(table, "| {what} | {server} | {median:.3} | {} |", all.join(" "));
    }
    table
}
