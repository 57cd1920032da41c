//! The result as a page that needs nothing else: no network, no other file.

mod axis;
mod comparison;
mod latency;
mod levels;
mod manifest;
mod markup;
mod plot;
mod series;
mod stages;
mod throughput;
mod timeline;

use std::io::{Result, Write};

use self::{
    markup::{element, escape, section},
    series::Series,
};
use super::{
    headline::{headline, most_telling},
    objective::terms,
    omission::omission,
};
use crate::result::ResultDocument;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Writes one HTML file with its style, drawings and script inside. It adapts to dark mode, print and
/// narrow screens; names from elsewhere cannot become markup.
///
/// # Errors
///
/// `out` fails.
pub fn write_html(document: &ResultDocument, out: &mut dyn Write) -> Result<()> {
    let title = escape(&title(document));
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n"
    )?;
    out.write_all(header(document).as_bytes())?;
    out.write_all(body(document).as_bytes())?;
    write!(
        out,
        "<footer>Made by <code>hone bench</code>. Ranges are 95 % confidence intervals.</footer>\n\
         </main><div id=\"tip\" role=\"tooltip\"></div>\n<script>\n{SCRIPT}</script></body></html>\n"
    )
}

fn title(document: &ResultDocument) -> String {
    let mut models: Vec<&str> = document.targets.iter().map(|target| &*target.model).collect();
    models.dedup();
    format!("hone bench: {}", models.join(", "))
}

fn header(document: &ResultDocument) -> String {
    let target = |target: &crate::TargetResult| {
        format!("{} at {} over {}", target.model, target.url, target.protocol)
    };
    let targets: Vec<_> = document.targets.iter().map(target).collect();
    let eyebrow = element("div", "eyebrow", &escape(&targets.join(" · ")));
    let headline = element("h1", "", &escape(&headline(document)));
    let warnings = manifest::warnings(document);
    element("header", "", &format!("{eyebrow}{headline}{warnings}")) + "\n"
}

fn body(document: &ResultDocument) -> String {
    let series = series::all(document);
    // Of A and B no one level tells more than the others.
    let told = telling(document, &series).filter(|_| document.targets.len() == 1);
    let several = series.len() > 1;
    let mut body = told.map(|told| best(told, several)).unwrap_or_default();
    body += &against(document);
    body += &search(document);
    let over_time = told.map(|told| timeline::large(told, several)).unwrap_or_default();
    let batches = told.map(|told| stages::batches(told, several)).unwrap_or_default();
    let drawings = [
        latency::distribution(document, &series),
        over_time,
        throughput::against_latency(document, &series),
        batches,
    ]
    .concat();
    if !drawings.is_empty() {
        let note = latency_note(&series, told);
        body += &section("Latency and throughput", &note, &element("div", "pair", &drawings));
    }
    body += &section("Where the time goes", STAGES_NOTE, &stages::bars(&series));
    body += &section("Levels", "", &levels::tables(document));
    body += &section("Every level over time", OVER_TIME_NOTE, &timeline::small(&series));
    body + &section("How this was measured", "", &manifest::manifest(document))
}

fn best(told: &Series<'_>, several: bool) -> String {
    let of = format!("At {}:", told.name);
    let of = if several { element("p", "note", &escape(&of)) } else { String::new() };
    let terms = terms(&told.level.summary);
    let terms: String = terms.iter().map(|term| element("p", "note", &escape(term))).collect();
    of + &levels::tiles(&told.level.summary) + &terms
}

const STAGES_NOTE: &str = "Shares of the mean latency of the requests that were sampled, in the order in which they pass.";

const OVER_TIME_NOTE: &str =
    "From the median (lower line) to the 99th percentile (upper line); red marks are failures.";

fn latency_note(series: &[Series<'_>], told: Option<&Series<'_>>) -> String {
    let is_open = series.iter().any(|series| series.level.summary.service.is_some());
    let mut note = match is_open {
        true => {
            "Latency counts from the moment a request was due, whether or not it was sent then."
        }
        false => "Latency counts from the moment a request was sent.",
    }
    .to_owned();
    if let Some(omitted) = told.and_then(|told| omission(&told.level.summary)) {
        note = note + " " + &omitted;
    }
    note
}

/// The series of the most telling level.
fn telling<'a>(document: &ResultDocument, series: &'a [Series<'a>]) -> Option<&'a Series<'a>> {
    let target = document.targets.first()?;
    let level = most_telling(document, target)?;
    series.iter().find(|series| std::ptr::eq(series.level, level)).or_else(|| series.first())
}

fn against(document: &ResultDocument) -> String {
    let parts =
        [(&document.comparison, "Comparison"), (&document.baseline, "Against the stored result")];
    let part = |(comparison, title): (&Option<crate::Comparison>, &str)| {
        let comparison = comparison.as_ref()?;
        Some(section(title, &comparison.verdict, &comparison::table(comparison)))
    };
    parts.into_iter().filter_map(part).collect()
}

fn search(document: &ResultDocument) -> String {
    let Some(search) = &document.search else { return String::new() };
    section("Search", &search.verdict, &throughput::probes(search))
}

#[cfg(test)]
mod tests;
