//! The measurement over time: one drawing per level.

use super::{
    axis::{Axis, Spread},
    markup::{Colour, element, escape},
    plot::{Plot, Point, Size},
    series::Series,
};
use crate::{
    report::figure::{count, figure},
    result::TimelinePoint,
};

/// Points of a line; what has more is thinned to the worst of neighbours.
const POINTS_MAX: usize = 300;

/// One large drawing.
pub(super) fn large(series: &Series<'_>, several: bool) -> String {
    let of = if several { format!(" at {}", series.name) } else { String::new() };
    drawing(series, Size::LARGE, &format!("Latency over time{of}: median to p99"))
}

/// Small drawings of all levels.
pub(super) fn small(all: &[Series<'_>]) -> String {
    let drawings: String =
        all.iter().map(|series| drawing(series, Size::SMALL, &series.name)).collect();
    if all.len() < 2 { String::new() } else { element("div", "small", &drawings) }
}

fn drawing(series: &Series<'_>, size: Size, title: &str) -> String {
    let points = thinned(&series.level.summary.timeline);
    let Some(last) = points.last() else { return String::new() };
    // Slices in which nothing ended have no latency.
    let seen: Vec<&TimelinePoint> = points.iter().filter(|point| point.p50_ms > 0.0).collect();
    let latencies = seen.iter().flat_map(|point| [point.p50_ms, point.p99_ms]);
    let x = Axis::between(Spread::Linear, 0.0, last.seconds, size.across());
    let y = Axis::spanning(latencies, 12.0, size.up());
    let mut plot = Plot::new(size, x, y);
    plot.frame(&x.named_ticks(), &y.named_ticks(), ("seconds", "ms"));
    draw(&mut plot, &series.colour, &seen);
    for point in points.iter().filter(|point| point.failures > 0) {
        let tip = format!("{} failed until {} s", count(point.failures), figure(point.seconds));
        plot.mark(point.seconds, &tip);
    }
    let heading = element("h3", "", &escape(title));
    element("div", "card", &format!("{heading}{}", plot.finish(title)))
}

fn draw(plot: &mut Plot, colour: &Colour, points: &[&TimelinePoint]) {
    let line = |latency: fn(&TimelinePoint) -> f64| -> Vec<Point> {
        points.iter().map(|point| (point.seconds, latency(point))).collect()
    };
    let (median, tail) = (line(|point| point.p50_ms), line(|point| point.p99_ms));
    plot.band(colour, &median, &tail);
    let tip = |point: &TimelinePoint| {
        let [p50, p99, rate] = [point.p50_ms, point.p99_ms, point.rate].map(figure);
        format!("{} s: p50 {p50} ms, p99 {p99} ms, {rate} requests/s", figure(point.seconds))
    };
    let told = |line: &[Point]| -> Vec<_> {
        line.iter().zip(points).map(|(at, point)| (*at, tip(point))).collect()
    };
    plot.series(colour, "", &told(&median));
    plot.series(colour, "thin", &told(&tail));
}

/// At most [`POINTS_MAX`] points, none of whose latencies or failures is lost to its neighbours'.
fn thinned(timeline: &[TimelinePoint]) -> Vec<TimelinePoint> {
    let group = timeline.len().div_ceil(POINTS_MAX).max(1);
    let worst = |points: &[TimelinePoint]| {
        let last = points.last().copied().unwrap_or_default();
        let greatest =
            |figure: fn(&TimelinePoint) -> f64| points.iter().map(figure).fold(0.0, f64::max);
        #[expect(clippy::cast_precision_loss, reason = "a few points")]
        let number = points.len() as f64;
        TimelinePoint {
            seconds: last.seconds,
            rate: points.iter().map(|point| point.rate).sum::<f64>() / number,
            p50_ms: greatest(|point| point.p50_ms),
            p99_ms: greatest(|point| point.p99_ms),
            failures: points.iter().map(|point| point.failures).sum(),
        }
    };
    timeline.chunks(group).map(worst).collect()
}

#[cfg(test)]
mod tests;
