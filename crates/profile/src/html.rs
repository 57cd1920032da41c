//! The profile as one page: no script, nothing from elsewhere, light and dark.

mod curves;
mod layers;
mod roofline;
mod stages;
mod svg;
mod treemap;

use std::fmt::Write as _;

use crate::{
    ProfileDocument,
    text::{count, ms},
};
use svg::escape;

const STYLE: &str = include_str!("html/style.css");

/// The page.
#[must_use]
pub fn html(document: &ProfileDocument) -> String {
    let name = escape(&document.model.name);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name} &middot; hone profile</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    page += &header(document);
    page += &figures(document);
    page += &list("Verdict", "verdict", &document.verdict);
    page += &card(
        "Where a request's time goes",
        "Mean of the sampled requests, from the server's stamps and the client's.",
        &stages::draw(&document.loads),
    );
    page += &card(
        "Compute, node by node",
        "Area is time. From the engine's profiler, a run at a time.",
        &layers::draw(document),
    );
    page += &card(
        "Against what this machine can do",
        "Lines are measured bounds; the large point is the model, the small ones its longest nodes.",
        &roofline::draw(document),
    );
    page += "<div class=\"pair\">\n";
    page += &card(
        "Batch size",
        "Rows per second of one instance, by rows per run.",
        &curves::batches(&document.batches),
    );
    page += &card(
        "Instances and threads",
        "Requests per second through the engine alone.",
        &curves::scaling(&document.scaling),
    );
    page += "</div>\n";
    page += &list("Notes", "notes", &document.notes);
    page += &footer(document);
    page += "</main>\n</body>\n</html>\n";
    page
}

fn header(document: &ProfileDocument) -> String {
    let model = &document.model;
    let mut text = format!(
        "<header>\n<p class=\"kicker\">hone profile</p>\n<h1>{} <small>version {}</small></h1>\n\
         <p>{}, {} served, batches up to {}</p>\n<p class=\"inputs\">",
        escape(&model.name),
        model.version,
        escape(&model.engine),
        count(model.instances, "instance"),
        count(model.batch_rows_max, "row")
    );
    for input in &model.inputs {
        let (name, shape) = (escape(&input.name), &input.shape);
        let _ = write!(text, "<span><b>{name}</b> {} {shape:?}</span> ", input.data_type);
    }
    text += "</p>\n</header>\n";
    text
}

/// The few figures that most readers come for.
fn figures(document: &ProfileDocument) -> String {
    let load = |name: &str| document.loads.iter().find(|load| load.name == name);
    let mut tiles = Vec::new();
    if let Some(low) = load("low") {
        tiles.push((format!("{} ms", ms(low.latency.mean_ms)), "a request alone"));
    }
    if let Some(full) = load("saturating") {
        tiles.push((format!("{:.1} /s", full.requests_per_second), "requests at saturation"));
    }
    let explained = document.loads.iter().map(|load| load.explained).fold(1.0, f64::min);
    tiles.push((format!("{:.1} %", explained * 100.0), "of the time explained, at least"));
    if document.ceiling.operations > 0.0 {
        let share = document.ceiling.share_of_peak * 100.0;
        tiles.push((format!("{share:.1} %"), "of the measured peak while computing"));
    }
    let tile = |(figure, label): &(String, &str)| {
        format!("<div class=\"tile\"><b>{figure}</b><span>{label}</span></div>\n")
    };
    let tiles: String = tiles.iter().map(tile).collect();
    format!("<section class=\"tiles\">\n{tiles}</section>\n")
}

fn card(title: &str, subtitle: &str, content: &str) -> String {
    format!(
        "<section class=\"card\">\n<h2>{title}</h2>\n<p class=\"subtitle\">{subtitle}</p>\n\
         {content}</section>\n"
    )
}

fn list(title: &str, class: &str, lines: &[String]) -> String {
    let items: String = lines.iter().map(|line| format!("<li>{}</li>\n", escape(line))).collect();
    format!("<section class=\"card {class}\">\n<h2>{title}</h2>\n<ul>\n{items}</ul>\n</section>\n")
}

fn footer(document: &ProfileDocument) -> String {
    let machine = &document.machine;
    format!(
        "<footer>\n<p>{}, {}, {:.0} GB, Linux {}, load average {}; {}</p>\n\
         <p>hone {}: <code>{}</code></p>\n</footer>\n",
        escape(&machine.processor),
        count(machine.cores, "core"),
        machine.memory_bytes as f64 / 1e9,
        escape(&machine.kernel),
        escape(&machine.load_average),
        escape(&machine.cpu_features.join(" ")),
        escape(&document.hone),
        escape(&document.command)
    )
}

#[cfg(test)]
mod tests;
