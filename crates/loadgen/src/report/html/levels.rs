//! Key figures, and the table of all levels.

use super::{
    markup::{element, escape},
    series,
    throughput::judged,
};
use crate::{
    report::figure::{bytes, count, cpu as cpu_time, figure, interval, percent, seen},
    result::{Estimate, GenerationSummary, LevelResult, ResultDocument, Summary, TargetResult},
};

/// The most telling figures of one level, large.
pub(super) fn tiles(summary: &Summary) -> String {
    let mut tiles = String::new();
    if let Some(generation) = &summary.generation {
        tiles += &generation_tiles(generation);
    }
    tiles += &estimate_tile("throughput", summary.throughput, "requests/s");
    let latency = &summary.latency;
    for (name, value) in [("p50", latency.p50), ("p99", latency.p99), ("p99.9", latency.p999)] {
        tiles += &estimate_tile(name, value, "ms");
    }
    if let Some(goodput) = &summary.goodput {
        let (_, word) = judged(goodput.holds);
        let name = format!("good for {}", goodput.objective);
        let range = format!("{}; {word}", percent(goodput.share));
        tiles += &tile(&name, &figure(goodput.rate.value), "requests/s", &range, false);
    }
    let failed = failed(summary);
    tiles += &tile("failed", &failed.0, "", &failed.1, failed.1 != "none");
    if let Some(cpu) = summary.server.as_ref().and_then(|server| server.cpu_us_per_request) {
        let memory = summary.server.as_ref().and_then(|server| server.resident_bytes);
        let memory = memory.map(|memory| format!("{} resident", bytes(memory))).unwrap_or_default();
        let (cpu, unit) = cpu_time(cpu);
        tiles += &tile("server's CPU", &cpu, unit, &memory, false);
    }
    element("div", "tiles", &tiles)
}

fn generation_tiles(generation: &GenerationSummary) -> String {
    estimate_tile("output", generation.output_tokens_per_second, "tokens/s")
        + &estimate_tile("time to first token, p50", generation.time_to_first_token.p50, "ms")
        + &estimate_tile("time per output token, p50", generation.time_per_output_token.p50, "ms")
}

fn estimate_tile(name: &str, estimate: Estimate, unit: &str) -> String {
    tile(name, &seen(estimate.value), unit, &interval(estimate), false)
}

fn tile(name: &str, value: &str, unit: &str, range: &str, is_bad: bool) -> String {
    let class = if is_bad { "tile bad" } else { "tile" };
    let inner = format!(
        "<div class=\"name\">{}</div><div class=\"value\">{} <small>{}</small></div>\
         <div class=\"range\">{}</div>",
        escape(name),
        escape(value),
        escape(unit),
        escape(range)
    );
    element("div", class, &inner)
}

/// The share of failed requests, and which.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn failed(summary: &Summary) -> (String, String) {
    let failed: u64 = summary.failures.values().sum();
    if failed == 0 {
        return ("0".to_owned(), "none".to_owned());
    }
    let kind =
        |(name, number): (&String, &u64)| format!("{} {}", count(*number), name.replace('_', " "));
    let kinds: Vec<_> = summary.failures.iter().map(kind).collect();
    (percent(failed as f64 / (failed + summary.completed) as f64), kinds.join(", "))
}

/// One table per target.
pub(super) fn tables(document: &ResultDocument) -> String {
    document.targets.iter().map(table).collect()
}

fn table(target: &TargetResult) -> String {
    let generates = target.levels.iter().any(|level| level.summary.generation.is_some());
    let told = target.levels.iter().any(|level| cpu_us(level).is_some());
    let mut head = HEAD.to_vec();
    if told {
        head.push("CPU µs/req");
    }
    if generates {
        head.extend(GENERATION_HEAD);
    }
    let head: String = head.iter().map(|name| element("th", "", name)).collect();
    let rows: String =
        target.levels.iter().map(|level| row(target, level, told, generates)).collect();
    let TargetResult { label, model, url, protocol, .. } = target;
    let label =
        if label.is_empty() || label == model { String::new() } else { format!("{label}: ") };
    let title = escape(&format!("{label}{model} at {url} over {protocol}"));
    let table = format!("<div class=\"scroll\"><table><tr>{head}</tr>{rows}</table></div>");
    element("div", "card", &format!("{}{table}", element("h3", "", &title)))
}

fn cpu_us(level: &LevelResult) -> Option<f64> {
    level.summary.server.as_ref()?.cpu_us_per_request
}

const HEAD: [&str; 9] =
    ["load", "requests/s", "mean ms", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms", "failed"];
const GENERATION_HEAD: [&str; 5] =
    ["tokens/s", "TTFT p50 ms", "TTFT p99 ms", "TPOT p50 ms", "ITL p99 ms"];

fn row(target: &TargetResult, level: &LevelResult, told: bool, generates: bool) -> String {
    let Summary { throughput, latency, generation, .. } = &level.summary;
    let mut cells = element("td", "", &escape(&series::name(target, level, false)));
    cells += &estimate(*throughput);
    cells += &element("td", "", &seen(latency.mean));
    for percentile in [latency.p50, latency.p90, latency.p99, latency.p999] {
        cells += &estimate(percentile);
    }
    cells += &element("td", "", &seen(latency.max));
    let (share, kinds) = failed(&level.summary);
    let class = if kinds == "none" { "" } else { "bad" };
    cells += &element("td", class, &escape(&share));
    if told {
        cells += &element("td", "", &cpu_us(level).map(figure).unwrap_or_default());
    }
    if generates {
        cells += &generation.as_ref().map(generation_cells).unwrap_or_default();
    }
    element("tr", "", &cells)
}

fn generation_cells(generation: &GenerationSummary) -> String {
    let figures = [
        generation.output_tokens_per_second,
        generation.time_to_first_token.p50,
        generation.time_to_first_token.p99,
        generation.time_per_output_token.p50,
        generation.inter_token_latency.p99,
    ];
    figures.map(estimate).concat()
}

fn estimate(estimate: Estimate) -> String {
    let (value, range) = (seen(estimate.value), interval(estimate));
    element("td", "", &format!("{value}<small>{range}</small>"))
}
