//! What more load brings and costs: throughput against p99, and the probes of a search.

use super::{
    axis::Axis,
    markup::{Colour, element, escape, legend},
    plot::{Plot, Point, Size},
    series::Series,
};
use crate::{
    report::figure::{figure, interval, load},
    result::{Estimate, ResultDocument, SearchProbe, SearchResult, TargetResult},
};

/// A point per level, joined in the order of load; nothing for a single level.
pub(super) fn against_latency(document: &ResultDocument, all: &[Series<'_>]) -> String {
    let drawn: Vec<&Series<'_>> =
        all.iter().filter(|series| series.level.summary.completed > 0).collect();
    if drawn.len() < 2 {
        return String::new();
    }
    let size = Size::LARGE;
    let rates = drawn.iter().map(|series| series.level.summary.throughput.high);
    let tails = drawn.iter().map(|series| series.level.summary.latency.p99);
    let x = Axis::from_zero(rates, size.across());
    let y = Axis::spanning(tails.flat_map(|p99| [p99.low, p99.high]), 12.0, size.up());
    let mut plot = Plot::new(size, x, y);
    plot.frame(&x.named_ticks(), &y.named_ticks(), ("requests/s", "p99, ms"));
    for target in document.targets.iter() {
        draw_way(&mut plot, target, &drawn);
    }
    for series in &drawn {
        draw_level(&mut plot, series);
    }
    for knee in document.targets.iter().filter_map(|target| target.knee.as_ref()) {
        plot.ring((knee.throughput, knee.p99_ms));
        plot.label((knee.throughput, knee.p99_ms), &format!("knee: {}", load(&knee.load)));
    }
    let title = element("h3", "", "Throughput against p99");
    let drawing = plot.finish("Throughput against the 99th percentile of the latency");
    let knees = document.targets.iter().filter_map(|target| target.knee.as_ref());
    let notes: String = knees.map(|knee| element("p", "note", &escape(&knee.reason))).collect();
    element("div", "card", &format!("{title}{drawing}{notes}"))
}

/// The line through a target's levels.
fn draw_way(plot: &mut Plot, target: &TargetResult, drawn: &[&Series<'_>]) {
    let mut own: Vec<&&Series<'_>> =
        drawn.iter().filter(|series| std::ptr::eq(series.target, target)).collect();
    own.sort_by(|a, b| a.level.load.value.total_cmp(&b.level.load.value));
    let points: Vec<_> = own
        .iter()
        .map(|series| {
            let summary = &series.level.summary;
            ((summary.throughput.value, summary.latency.p99.value), tip(series))
        })
        .collect();
    plot.series(&Colour::Class("is-plain"), "thin", &points);
}

fn draw_level(plot: &mut Plot, series: &Series<'_>) {
    let summary = &series.level.summary;
    let (rate, p99) = (summary.throughput, summary.latency.p99);
    plot.dot(&series.colour, (rate.value, p99.value), ends(rate), ends(p99), &tip(series));
}

fn tip(series: &Series<'_>) -> String {
    let summary = &series.level.summary;
    let (rate, p99) = (summary.throughput, summary.latency.p99);
    format!(
        "{}: {} requests/s ({}), p99 {} ms ({})",
        series.name,
        figure(rate.value),
        interval(rate),
        figure(p99.value),
        interval(p99)
    )
}

/// Rates that were tried against what was observed.
pub(super) fn probes(search: &SearchResult) -> String {
    if search.probes.is_empty() {
        return String::new();
    }
    let size = Size::LARGE;
    let x = Axis::from_zero(search.probes.iter().map(|probe| probe.rate), size.across());
    let observed = search.probes.iter().flat_map(|probe| [probe.observed.low, probe.observed.high]);
    let y = Axis::spanning(observed, 12.0, size.up());
    let mut plot = Plot::new(size, x, y);
    plot.frame(&x.named_ticks(), &y.named_ticks(), ("requests/s", "ms"));
    for (number, probe) in search.probes.iter().enumerate() {
        draw_probe(&mut plot, number + 1, probe);
    }
    let colours = [Some(true), None, Some(false)].map(judged);
    let names = colours.iter().map(|(colour, name)| (colour, *name));
    let title = element("h3", "", &escape(&format!("What was tried for {}", search.objective)));
    let drawing = plot.finish("Probes of the search");
    let drawing = element("div", "card", &format!("{title}{drawing}{}", legend(names)));
    element("div", "pair", &(drawing + &probe_table(search)))
}

fn probe_table(search: &SearchResult) -> String {
    let row = |(number, probe): (usize, &SearchProbe)| {
        let (colour, word) = judged(probe.holds);
        let class = match colour {
            Colour::Class("is-good") => "words good",
            Colour::Class("is-bad") => "words bad",
            _ => "words unsure",
        };
        format!(
            "<tr><td>{}</td><td>{}</td><td>{}<small>{}</small></td><td class=\"{class}\">{word}</td></tr>",
            number + 1,
            figure(probe.rate),
            figure(probe.observed.value),
            interval(probe.observed),
        )
    };
    let rows: String = search.probes.iter().enumerate().map(row).collect();
    let head = "<tr><th>probe</th><th>requests/s</th><th>observed ms</th><th></th></tr>";
    element("div", "card", &format!("<div class=\"scroll\"><table>{head}{rows}</table></div>"))
}

fn draw_probe(plot: &mut Plot, number: usize, probe: &SearchProbe) {
    let (colour, word) = judged(probe.holds);
    let at = (probe.rate, probe.observed.value);
    let tip = format!(
        "probe {number}: {}/s {word}; {} ms ({})",
        figure(probe.rate),
        figure(probe.observed.value),
        interval(probe.observed)
    );
    plot.dot(&colour, at, (probe.rate, probe.rate), ends(probe.observed), &tip);
    plot.name((probe.rate, probe.observed.high), &number.to_string());
}

/// Colour and word of an answer.
pub(super) const fn judged(holds: Option<bool>) -> (Colour, &'static str) {
    match holds {
        Some(true) => (Colour::Class("is-good"), "holds"),
        Some(false) => (Colour::Class("is-bad"), "breaks"),
        None => (Colour::Class("is-unsure"), "cannot tell"),
    }
}

fn ends(estimate: Estimate) -> Point {
    let Estimate { value, low, high } = estimate;
    if low.is_finite() && high.is_finite() { (low, high) } else { (value, value) }
}
