//! One bar per load, as long as a request's latency is, divided into its stages.

use super::svg::{Anchor, Area, Svg};
use crate::LoadProfile;

const WIDTH: f64 = 1000.0;
const BAR: f64 = 46.0;
const GAP: f64 = 46.0;
const LEGEND: [(&str, &str); 6] = [
    ("compute", "compute"),
    ("queue", "queue and batch formation"),
    ("move", "gather inputs, split outputs"),
    ("front", "front end: decode, encode, hand over"),
    ("network", "network and client"),
    ("unexplained", "unexplained"),
];

pub(super) fn draw(loads: &[LoadProfile]) -> String {
    let height = loads.len() as f64 * (BAR + GAP) + 30.0;
    let mut svg = Svg::new(WIDTH, height);
    for (index, load) in loads.iter().enumerate() {
        bar(&mut svg, load, index as f64 * (BAR + GAP) + 24.0);
    }
    svg.legend((0.0, height - 8.0), &LEGEND);
    svg.finish("Stages of a request at low and at saturating load") + &table(loads)
}

fn bar(svg: &mut Svg, load: &LoadProfile, y: f64) {
    let total: f64 = load.stages.iter().map(|stage| stage.ms).sum::<f64>() + load.unexplained_ms;
    let connections = crate::text::count(load.connections, "connection");
    let title = format!("{} load, {connections}: {total:.3} ms", load.name);
    svg.text((0.0, y - 8.0), Anchor::Start, "strong", &title);
    let explained = format!(
        "{:.1} requests/s, {:.1} % explained",
        load.requests_per_second,
        load.explained * 100.0
    );
    svg.text((WIDTH, y - 8.0), Anchor::End, "soft", &explained);
    let mut x = 0.0;
    let unexplained = ("unexplained", "unexplained", load.unexplained_ms);
    let stages = load.stages.iter().map(|stage| (stage.name, stage.label, stage.ms));
    for (name, label, ms) in stages.chain([unexplained]) {
        let width = ms / total.max(1e-9) * WIDTH;
        let share = ms / total.max(1e-9) * 100.0;
        let title = format!("{label}: {ms:.3} ms, {share:.1} %");
        svg.rect(Area { x, y, width, height: BAR }, class(name), 0.0, &title);
        if width > 7.0 * label.len() as f64 + 10.0 {
            svg.text((x + 8.0, y + 19.0), Anchor::Start, "inside", label);
            let figures = format!("{ms:.2} ms, {share:.1} %");
            svg.text((x + 8.0, y + 35.0), Anchor::Start, "inside", &figures);
        }
        x += width;
    }
}

fn class(stage: &str) -> &'static str {
    match stage {
        "compute_infer" => "compute",
        "queue" => "queue",
        "compute_input" | "compute_output" => "move",
        "decode" | "encode" | "server_other" => "front",
        "unexplained" => "unexplained",
        _ => "network",
    }
}

/// The small stages, which no bar shows.
fn table(loads: &[LoadProfile]) -> String {
    let Some(first) = loads.first() else { return String::new() };
    let mut table = "<table>\n<tr><th>stage</th>".to_owned();
    for load in loads {
        table += &format!("<th>{} load, ms</th><th>%</th>", load.name);
    }
    table += "</tr>\n";
    for (place, stage) in first.stages.iter().enumerate() {
        table += &format!("<tr><td>{}</td>", stage.label);
        for load in loads {
            let stage = &load.stages[place];
            table += &format!("<td>{:.3}</td><td>{:.1}</td>", stage.ms, stage.share * 100.0);
        }
        table += "</tr>\n";
    }
    table += "<tr><td>unexplained</td>";
    for load in loads {
        let share = (1.0 - load.explained) * 100.0;
        table += &format!("<td>{:.3}</td><td>{share:.1}</td>", load.unexplained_ms);
    }
    table + "</tr>\n</table>\n"
}
