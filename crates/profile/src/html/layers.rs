//! Every node of the model as an area, and the time of each operator.

use super::{
    svg::{Anchor, Area, Svg},
    treemap,
};
use crate::{Bound, ProfileDocument};

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 380.0;
/// Smaller areas are not seen.
const NODES_MAX: usize = 300;
const BARS_MAX: usize = 10;
const BAR: f64 = 26.0;

pub(super) fn draw(document: &ProfileDocument) -> String {
    let bars = document.ceiling.operators.len().min(BARS_MAX) as f64 * BAR;
    let mut svg = Svg::new(WIDTH, HEIGHT + bars + 44.0);
    map(&mut svg, document);
    svg.legend(
        (0.0, HEIGHT + 20.0),
        &[
            ("compute", "bound by multiplying"),
            ("move", "bound by moving bytes"),
            ("network", "the engine's own"),
        ],
    );
    operators(&mut svg, document, HEIGHT + 42.0);
    svg.finish("Time of every node and operator")
}

fn map(svg: &mut Svg, document: &ProfileDocument) {
    let nodes: Vec<_> = document.ceiling.nodes.iter().take(NODES_MAX).collect();
    let shown: f64 = nodes.iter().map(|node| node.ms).sum();
    let own = (document.engine.run_seconds * 1e3 - shown).max(0.0);
    let mut tiles: Vec<(f64, &str, String, &str)> = nodes
        .iter()
        .map(|node| {
            let title = format!(
                "{} {} ({}): {:.3} ms, {:.1} % of the run, {:.0} % of its {} bound",
                node.operator,
                node.name,
                node.shapes,
                node.ms,
                node.share * 100.0,
                node.share_of_bound * 100.0,
                node.bound.name()
            );
            (node.ms, class(node.bound), title, node.operator.as_str())
        })
        .collect();
    tiles.push((own, "network", format!("the engine's own: {own:.3} ms"), "the engine's own"));
    tiles.sort_by(|one, other| other.0.total_cmp(&one.0));
    let weights: Vec<f64> = tiles.iter().map(|tile| tile.0).collect();
    let within = Area { x: 0.0, y: 0.0, width: WIDTH, height: HEIGHT };
    for ((ms, class, title, label), area) in tiles.iter().zip(treemap::layout(&weights, within)) {
        svg.rect(area, &format!("{class} tile-edge"), 3.0, title);
        if area.width > 7.0 * label.len() as f64 + 8.0 && area.height > 32.0 {
            let at = (area.x + 6.0, area.y + 15.0);
            svg.text(at, Anchor::Start, "inside", label);
            svg.text((at.0, at.1 + 14.0), Anchor::Start, "inside", &format!("{ms:.3} ms"));
        }
    }
}

fn operators(svg: &mut Svg, document: &ProfileDocument, top: f64) {
    const LABEL: f64 = 190.0;
    let operators = &document.ceiling.operators;
    let most = operators.first().map_or(1.0, |operator| operator.ms).max(1e-9);
    for (index, operator) in operators.iter().take(BARS_MAX).enumerate() {
        let y = top + index as f64 * BAR;
        let room = WIDTH - LABEL - 300.0;
        let width = operator.ms / most * room;
        let title = format!("{}: {:.3} ms", operator.operator, operator.ms);
        svg.text((LABEL - 10.0, y + 14.0), Anchor::End, "", &operator.operator);
        let bar = Area { x: LABEL, y: y + 2.0, width, height: BAR - 9.0 };
        svg.rect(bar, class(operator.bound), 3.0, &title);
        let rate = operator
            .achieved
            .map_or_else(String::new, |rate| format!(", {:.1} GFLOP/s", rate / 1e9));
        let figures = format!(
            "{:.3} ms, {:.1} %, {:.0} % of bound{rate}",
            operator.ms,
            operator.share * 100.0,
            operator.share_of_bound * 100.0
        );
        svg.text((LABEL + width + 8.0, y + 14.0), Anchor::Start, "soft small", &figures);
    }
}

const fn class(bound: Bound) -> &'static str {
    match bound {
        Bound::Compute => "compute",
        Bound::Memory => "move",
    }
}
