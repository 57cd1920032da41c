//! A against B, this run against a stored one, and the probes of a search.

use std::io::{Result, Write};

use super::{
    Colours,
    grid::{Grid, Tone},
    write_paragraph,
};
use crate::{
    report::{
        comparison::{finding, metric_name},
        figure::{figure, interval, ratio},
        headline::told_first,
    },
    result::{Comparison, ResultDocument, SearchResult},
};

pub(super) fn write(
    document: &ResultDocument,
    colours: Colours,
    out: &mut dyn Write,
) -> Result<()> {
    if let Some(search) = &document.search {
        write_search(search, colours, out)?;
        write_verdict(document, &search.verdict, colours, out)?;
    }
    for comparison in document.comparison.iter().chain(&document.baseline) {
        write_comparison(comparison, colours, out)?;
        write_verdict(document, &comparison.verdict, colours, out)?;
    }
    Ok(())
}

/// Writes a verdict that is not the first line already.
fn write_verdict(
    document: &ResultDocument,
    verdict: &str,
    colours: Colours,
    out: &mut dyn Write,
) -> Result<()> {
    if told_first(document) == Some(verdict) {
        return Ok(());
    }
    write_paragraph(verdict, 2, |line| colours.bold(line), out)
}

fn write_comparison(comparison: &Comparison, colours: Colours, out: &mut dyn Write) -> Result<()> {
    let Comparison { a, b, rounds, metrics, .. } = comparison;
    let over = if *rounds > 0 { format!(", {rounds} rounds") } else { String::new() };
    writeln!(out, "\n{} / {}{over}", super::clean(a), super::clean(b))?;
    let header = ["", a, b, "ratio [95 %]"].map(super::clean);
    let mut grid = Grid::new(header.into());
    for metric in metrics {
        let pair = [metric.a, metric.b].map(figure);
        let [a, b] = pair;
        let row =
            [metric_name(&metric.metric), a, b, ratio(metric.ratio), finding(metric, comparison)];
        grid.push(row.into(), Tone::Plain);
    }
    grid.write(colours, out)
}

fn write_search(search: &SearchResult, colours: Colours, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "\nSearch for the highest rate that holds {}", super::clean(&search.objective))?;
    let header = ["probe", "requests/s", "observed ms", "95 %"].map(str::to_owned);
    let mut grid = Grid::new(header.into());
    for (number, probe) in search.probes.iter().enumerate() {
        let holds = match probe.holds {
            Some(true) => "holds",
            Some(false) => "breaks",
            None => "cannot tell",
        };
        let row = [
            (number + 1).to_string(),
            figure(probe.rate),
            figure(probe.observed.value),
            interval(probe.observed),
            holds.to_owned(),
        ];
        grid.push(row.into(), Tone::Plain);
    }
    grid.write(colours, out)
}
