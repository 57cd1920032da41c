//! The profile as tables for a terminal.

mod table;

use std::fmt::Write as _;

use crate::{Ceiling, LoadProfile, ProfileDocument, ShapeOrigin};
use table::Table;

/// The whole profile; `top` nodes are listed.
#[must_use]
pub fn text(document: &ProfileDocument, top: usize) -> String {
    let sections = [
        head(document),
        loads(&document.loads),
        operators(document),
        nodes(&document.ceiling, top),
        batches(document),
        scaling(document),
        machine(document),
        list("Verdict", &document.verdict),
        list("Notes", &document.notes),
    ];
    let sections: Vec<String> =
        sections.into_iter().filter(|section| !section.is_empty()).collect();
    sections.join("\n")
}

fn head(document: &ProfileDocument) -> String {
    let model = &document.model;
    let mut text = format!(
        "{} {}: {}, {} served, batches up to {}\n",
        model.name,
        model.version,
        model.engine,
        count(model.instances, "instance"),
        count(model.batch_rows_max, "row")
    );
    for input in &model.inputs {
        let origin = match input.origin {
            ShapeOrigin::Model => "",
            ShapeOrigin::Given => " (given)",
            ShapeOrigin::Assumed => " (length assumed; --shape NAME:DIMS sets it)",
        };
        let (name, data_type, shape) = (&input.name, input.data_type, &input.shape);
        let _ = writeln!(text, "  {name} {data_type} {shape:?}{origin}, {}", input.values);
    }
    text
}

fn loads(loads: &[LoadProfile]) -> String {
    let Some(first) = loads.first() else { return String::new() };
    let mut table = Table::new("Where a request's time goes");
    for load in loads {
        let connections = count(load.connections, "connection");
        table.column(&format!("{} load: {connections}, ms", load.name));
        table.column("%");
    }
    for (place, stage) in first.stages.iter().enumerate() {
        let cells = loads.iter().flat_map(|load| {
            let stage = &load.stages[place];
            [ms(stage.ms), percent(stage.share)]
        });
        table.row(stage.label, cells);
    }
    table.row(
        "unexplained",
        loads.iter().flat_map(|load| [ms(load.unexplained_ms), percent(1.0 - load.explained)]),
    );
    table.line();
    let mean = |load: &LoadProfile| load.stages.iter().map(|stage| stage.ms).sum::<f64>();
    table.row(
        "mean latency",
        loads.iter().flat_map(|load| [ms(mean(load) + load.unexplained_ms), String::new()]),
    );
    let two = |value: fn(&LoadProfile) -> String| {
        loads.iter().flat_map(move |load| [value(load), String::new()])
    };
    table.row("explained", two(|load| format!("{:.1} %", load.explained * 100.0)));
    table.row("median", two(|load| ms(load.latency.p50_ms)));
    table.row("99 of 100 within", two(|load| ms(load.latency.p99_ms)));
    table.row("requests per second", two(|load| format!("{:.1}", load.requests_per_second)));
    table.row("rows per batch", two(|load| format!("{:.2}", load.batch_rows)));
    table.row("instances at a batch", two(|load| percent(load.instances_busy.min(1.0)) + " %"));
    let cores = |load: &LoadProfile| percent(load.cores_in_model.min(1.0)) + " %";
    table.row("cores' time that the model needs", two(cores));
    table.row("cores' time that it got, with client", two(|load| percent(load.cores_here) + " %"));
    table.row("cores' time of other programs", two(|load| percent(load.cores_elsewhere) + " %"));
    table.to_string()
}

fn operators(document: &ProfileDocument) -> String {
    let (ceiling, engine) = (&document.ceiling, &document.engine);
    let mut table = Table::new("Compute by operator");
    for name in ["nodes", "ms", "%", "GFLOP", "GFLOP/s", "% of bound", "bound"] {
        table.column(name);
    }
    for operator in ceiling.operators.iter().take(12) {
        table.row(
            &operator.operator,
            [
                operator.nodes.to_string(),
                ms(operator.ms),
                percent(operator.share),
                giga(operator.operations),
                giga(operator.achieved),
                percent(operator.share_of_bound),
                operator.bound.name().to_owned(),
            ],
        );
    }
    let hidden = ceiling.operators.len().saturating_sub(12);
    if hidden > 0 {
        let left: f64 = ceiling.operators.iter().skip(12).map(|own| own.ms).sum();
        let share: f64 = ceiling.operators.iter().skip(12).map(|own| own.share).sum();
        let label = format!("{hidden} more operators");
        table.row(&label, ["".to_owned(), ms(left), percent(share)]);
    }
    let own = engine.run_seconds - engine.nodes_seconds;
    let share = own / engine.run_seconds.max(1e-9);
    table.row("the engine's own", ["".to_owned(), ms(own * 1e3), percent(share)]);
    table.line();
    let (rows, threads) = (count(ceiling.rows, "row"), count(ceiling.threads, "thread"));
    table
        .row(&format!("a run of {rows}, {threads}"), ["".to_owned(), ms(engine.run_seconds * 1e3)]);
    table.to_string()
}

fn nodes(ceiling: &Ceiling, top: usize) -> String {
    if top == 0 {
        return String::new();
    }
    let shown = top.min(ceiling.nodes.len());
    let mut table = Table::new(&format!("The {shown} longest of {} nodes", ceiling.nodes.len()));
    for name in ["ms", "%", "GFLOP/s", "% of bound", "bound"] {
        table.column(name);
    }
    for node in ceiling.nodes.iter().take(top) {
        table.row(
            &format!("{} {} {}", node.operator, shortened(&node.name), node.shapes),
            [
                ms(node.ms),
                percent(node.share),
                giga(node.achieved),
                percent(node.share_of_bound),
                node.bound.name().to_owned(),
            ],
        );
    }
    table.to_string()
}

/// Long names differ at their ends.
fn shortened(name: &str) -> String {
    const LEN: usize = 44;
    let len = name.chars().count();
    if len <= LEN {
        return name.to_owned();
    }
    let tail: String = name.chars().skip(len - LEN + 2).collect();
    format!("..{tail}")
}

fn batches(document: &ProfileDocument) -> String {
    let curve = &document.batches;
    let threads = count(curve.threads, "thread");
    let mut table = Table::new(&format!("Compute by batch size ({threads} per run)"));
    for name in ["ms per run", "ms per row", "rows/s", "against the first"] {
        table.column(name);
    }
    let first = curve.points.first().map_or(1.0, |point| point.rows_per_second);
    for point in &curve.points {
        table.row(
            &count(point.rows, "row"),
            [
                ms(point.run_ms),
                ms(point.row_ms),
                format!("{:.1}", point.rows_per_second),
                format!("x{:.2}", point.rows_per_second / first.max(1e-9)),
            ],
        );
    }
    table.to_string()
}

fn scaling(document: &ProfileDocument) -> String {
    let mut table = Table::new("Instances and threads per run, without the server");
    table.column("requests/s");
    table.column("median ms");
    for point in &document.scaling {
        table.row(
            &format!("{} x {}", count(point.instances, "instance"), count(point.threads, "thread")),
            [format!("{:.1}", point.requests_per_second), ms(point.p50_ms)],
        );
    }
    table.to_string()
}

fn machine(document: &ProfileDocument) -> String {
    let machine = &document.machine;
    let title = format!(
        "What this machine can do ({}, {}), as measured",
        machine.processor,
        count(machine.cores, "core")
    );
    let mut table = Table::new(&title);
    for name in ["one core", "all cores", ""] {
        table.column(name);
    }
    for peak in &machine.roofline.peaks {
        let cells = match peak.isa {
            Some(isa) => [
                format!("{:.1}", peak.one_core / 1e9),
                format!("{:.1}", peak.all_cores / 1e9),
                isa.to_owned(),
            ],
            None => ["-".to_owned(), "-".to_owned(), "no instruction for it".to_owned()],
        };
        table.row(&format!("{} G operations/s", peak.element), cells);
    }
    for level in &machine.roofline.bandwidth {
        table.row(
            &format!("read from {}, GB/s", level.level),
            [
                format!("{:.1}", level.one_core / 1e9),
                format!("{:.1}", level.all_cores / 1e9),
                bytes(level.bytes),
            ],
        );
    }
    let ceiling = &document.ceiling;
    let _ = writeln!(
        table.footer(),
        "The model: {} GFLOP and {:.1} MB per run, {:.1} operations per byte, {:.1} GFLOP/s, {} % of \
         the {} peak of {}",
        giga(Some(ceiling.operations)),
        ceiling.bytes / 1e6,
        ceiling.intensity,
        ceiling.achieved / 1e9,
        percent(ceiling.share_of_peak),
        ceiling.element,
        count(ceiling.threads, "thread")
    );
    table.to_string()
}

fn list(title: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("{title}\n");
    for line in lines {
        let _ = writeln!(text, "  - {line}");
    }
    text
}

pub(crate) fn ms(value: f64) -> String {
    let decimals = if value >= 100.0 { 1 } else { 3 };
    format!("{value:.decimals$}")
}

fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

fn giga(value: Option<f64>) -> String {
    let text = |value: f64| {
        let decimals = if value >= 1e8 {
            2
        } else if value >= 1e6 {
            4
        } else {
            6
        };
        format!("{:.decimals$}", value / 1e9)
    };
    value.map_or_else(|| "-".to_owned(), text)
}

fn bytes(bytes: usize) -> String {
    if bytes >= 1 << 20 { format!("{} MB", bytes >> 20) } else { format!("{} KB", bytes >> 10) }
}

pub(crate) fn count(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests;
