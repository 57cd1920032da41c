//! Where the time went, and in which batches.

use std::fmt::Write;

use super::{
    markup::{element, escape, sentences},
    series::Series,
};
use crate::{
    report::figure::{count, figure, percent},
    result::{BatchCount, StageShare, StageSummary},
    slice::Stage,
};

/// Shares below this have no name in the bar.
const NAMED: f64 = 0.09;
/// Columns of the batch sizes.
const COLUMNS_MAX: usize = 40;

/// A bar per level, a legend, and the verdicts.
pub(super) fn bars(all: &[Series<'_>]) -> String {
    let told: Vec<(&Series<'_>, &StageSummary)> = all
        .iter()
        .filter_map(|series| Some((series, series.level.summary.stages.as_ref()?)))
        .filter(|(_, stages)| stages.samples > 0)
        .collect();
    if told.is_empty() {
        return String::new();
    }
    let rows: String = told.iter().map(|(series, stages)| row(&series.name, stages)).collect();
    let bars = element("div", "stages", &rows);
    let content = format!("{bars}{}{}", legend(&told), verdicts(&told));
    element("div", "card", &content)
}

fn row(name: &str, summary: &StageSummary) -> String {
    let mean: f64 = summary.stages.iter().map(|stage| stage.mean_ms).sum();
    let parts: String = summary.stages.iter().map(part).collect();
    format!(
        "<div class=\"of\">{}</div><div class=\"mean\" data-tip=\"mean of {} requests\">{} ms</div>\
         <div class=\"bar\">{parts}</div>",
        escape(name),
        count(summary.samples),
        figure(mean)
    )
}

fn part(stage: &StageShare) -> String {
    // Also keeps what is no number out of the style.
    if stage.share.is_nan() || stage.share <= 0.0 {
        return String::new();
    }
    let (name, share) = (escape(&words(&stage.stage)), percent(stage.share));
    let text = if stage.share >= NAMED { &*name } else { "" };
    format!(
        "<span class=\"{}\" style=\"width:{:.2}%\" data-tip=\"{name}: {} ms, {share}\">{text}</span>",
        class(&stage.stage),
        stage.share.min(1.0) * 100.0,
        figure(stage.mean_ms),
    )
}

/// The style sheet's class of a stage.
fn class(name: &str) -> String {
    let known = Stage::ALL.iter().any(|stage| stage.name() == name);
    format!("s-{}", if known { name } else { "unknown" })
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// The stages that took any time anywhere.
fn legend(told: &[(&Series<'_>, &StageSummary)]) -> String {
    let mut items = String::new();
    for stage in Stage::ALL {
        let took = told.iter().flat_map(|(_, summary)| &summary.stages);
        if took.clone().any(|share| share.stage == stage.name() && share.share > 0.0) {
            let name = stage.name();
            let _ = write!(items, "<li><i class=\"s-{name}\"></i>{}</li>", words(name));
        }
    }
    element("ul", "legend", &items)
}

/// What limits, level by level; levels of the same bottleneck are said together, in the last's words.
fn verdicts(told: &[(&Series<'_>, &StageSummary)]) -> String {
    let mut items: Vec<(Vec<&str>, &StageSummary)> = Vec::new();
    for (series, stages) in told.iter().filter(|(_, stages)| !stages.verdict.is_empty()) {
        match items.last_mut() {
            Some((names, last)) if last.bottleneck == stages.bottleneck => {
                names.push(&series.name);
                *last = stages;
            }
            _ => items.push((vec![&series.name], stages)),
        }
    }
    let item = |(names, stages): &(Vec<&str>, &StageSummary)| {
        let names = match &names[..] {
            [first, .., last] => format!("{first} to {last}"),
            [one] => (*one).to_owned(),
            [] => String::new(),
        };
        let verdict = sentences(&stages.verdict);
        element("li", "", &format!("<b>{}:</b> {verdict}", escape(&names)))
    };
    element("ul", "verdicts", &items.iter().map(item).collect::<String>())
}

/// How often each size of batch ran.
pub(super) fn batches(series: &Series<'_>, several: bool) -> String {
    let Some(server) = &series.level.summary.server else { return String::new() };
    let Some(mean) = server.batch_rows_mean() else { return String::new() };
    let of = if several { format!(" at {}", series.name) } else { String::new() };
    let title = element("h3", "", &escape(&format!("Batch sizes{of}")));
    let note = format!("{} rows on average; columns are shares of all batches.", figure(mean));
    let columns = columns(&server.batches);
    element("div", "card", &format!("{title}{}{columns}", element("p", "note", &note)))
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn columns(batches: &[BatchCount]) -> String {
    let all: u64 = batches.iter().map(|batch| batch.batches).sum();
    let most = batches.iter().map(|batch| batch.batches).max().unwrap_or(1).max(1);
    let (mut columns, mut names) = (String::new(), String::new());
    for batch in batches.iter().take(COLUMNS_MAX) {
        let _ = write!(
            columns,
            "<div style=\"height:{:.1}%\" data-tip=\"{} rows: {} batches, {}\"></div>",
            batch.batches as f64 / most as f64 * 100.0,
            batch.rows,
            count(batch.batches),
            percent(batch.batches as f64 / all as f64),
        );
        let _ = write!(names, "<span>{}</span>", batch.rows);
    }
    let more = match batches.len().saturating_sub(COLUMNS_MAX) {
        0 => String::new(),
        more => element("p", "note", &format!("and {more} larger sizes")),
    };
    element("div", "columns", &columns) + &element("div", "column-names", &names) + &more
}
