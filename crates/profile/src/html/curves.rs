//! Rates by batch size, and by instances and threads.

use super::svg::{Anchor, Area, Scale, Svg, steps};
use crate::{BatchCurve, BatchOutcome, ScalingPoint};

const WIDTH: f64 = 500.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 52.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 34.0;

pub(super) fn batches(curve: &BatchCurve) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT);
    let most = curve.points.iter().map(|point| point.rows_per_second).fold(0.0, f64::max);
    let y = rates(&mut svg, most);
    let last = curve.points.len().saturating_sub(1).max(1) as f64;
    let x = Scale { from: (0.0, last), to: (LEFT + 20.0, WIDTH - 24.0), logarithmic: false };
    let points: Vec<(f64, f64)> = curve
        .points
        .iter()
        .enumerate()
        .map(|(index, point)| (x.place(index as f64), y.place(point.rows_per_second)))
        .collect();
    if let (Some(first), Some(last)) = (points.first(), points.last()) {
        let floor = HEIGHT - BOTTOM;
        let area = [&points[..], &[(last.0, floor), (first.0, floor)]].concat();
        svg.path(&area, "area");
        svg.path(&points, "curve");
    }
    for (point, place) in curve.points.iter().zip(&points) {
        let is_best = curve.outcome == BatchOutcome::Pays && point.rows == curve.best_rows;
        let (radius, class) = if is_best { (7.0, "queue tile-edge") } else { (4.5, "accent") };
        let title = format!(
            "{} rows: {:.1} rows/s, {:.3} ms per run",
            point.rows, point.rows_per_second, point.run_ms
        );
        svg.circle(*place, radius, class, &title);
        let below = (place.0, HEIGHT - BOTTOM + 17.0);
        svg.text(below, Anchor::Middle, "soft small", &point.rows.to_string());
    }
    svg.finish("Rows per second by batch size")
}

pub(super) fn scaling(points: &[ScalingPoint]) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT);
    let most = points.iter().map(|point| point.requests_per_second).fold(0.0, f64::max);
    let y = rates(&mut svg, most);
    let slot = (WIDTH - LEFT) / points.len().max(1) as f64;
    for (index, point) in points.iter().enumerate() {
        let top = y.place(point.requests_per_second);
        let width = (slot * 0.6).min(90.0);
        let middle = LEFT + slot * (index as f64 + 0.5);
        let bar = Area { x: middle - width / 2.0, y: top, width, height: HEIGHT - BOTTOM - top };
        let title = format!(
            "{} instances x {} threads: {:.1} requests/s, {:.3} ms",
            point.instances, point.threads, point.requests_per_second, point.p50_ms
        );
        let is_best = point.requests_per_second >= most;
        svg.rect(bar, if is_best { "accent" } else { "network" }, 4.0, &title);
        let rate = format!("{:.1}", point.requests_per_second);
        svg.text((middle, top - 6.0), Anchor::Middle, "strong", &rate);
        let name = format!("{} x {}", point.instances, point.threads);
        svg.text((middle, HEIGHT - BOTTOM + 17.0), Anchor::Middle, "soft small", &name);
    }
    let legend = "instances x threads per run";
    svg.text((WIDTH, HEIGHT - 2.0), Anchor::End, "soft small", legend);
    svg.finish("Requests per second by instances and threads")
}

/// The grid of rates, from zero.
fn rates(svg: &mut Svg, most: f64) -> Scale {
    let steps = steps(most * 1.08);
    let end = steps.last().copied().unwrap_or(1.0);
    let scale = Scale { from: (0.0, end), to: (HEIGHT - BOTTOM, TOP), logarithmic: false };
    for step in steps {
        let y = scale.place(step);
        svg.path(&[(LEFT, y), (WIDTH, y)], if step == 0.0 { "axis" } else { "grid" });
        svg.text((LEFT - 8.0, y + 4.0), Anchor::End, "soft small", &number(step));
    }
    scale
}

fn number(value: f64) -> String {
    if value >= 10.0 || value == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
