//! The latency's distribution, with a tail that can be read.

use super::{
    axis::{Axis, Spread},
    markup::element,
    plot::{Plot, Point, Size},
    series::{self, Series},
};
use crate::{
    report::figure::{figure, percent},
    result::{LevelResult, ResultDocument},
};

/// Percentiles to the right, so spread that each further nine is as wide as the one before.
pub(super) fn distribution(document: &ResultDocument, all: &[Series<'_>]) -> String {
    let drawn: Vec<&Series<'_>> =
        all.iter().filter(|series| !series.level.summary.cdf.is_empty()).collect();
    if drawn.is_empty() {
        return String::new();
    }
    let points: Vec<_> = drawn.iter().map(|series| points(&series.name, series.level)).collect();
    let all_points = || points.iter().flatten().map(|(point, _)| *point);
    let nines = all_points().map(|(nines, _)| nines).fold(2.0, f64::max);
    let size = Size::LARGE;
    let x = Axis::between(Spread::Linear, 0.0, nines, size.across());
    let y = Axis::spanning(all_points().map(|(_, ms)| ms), 12.0, size.up());
    let mut plot = Plot::new(size, x, y);
    plot.frame(&ticks(nines), &y.named_ticks(), ("requests within", "ms"));
    let class = if drawn.len() > 6 { "thin" } else { "" };
    for (series, points) in drawn.iter().zip(&points) {
        plot.series(&series.colour, class, points);
    }
    let title = element("h3", "", "Latency distribution");
    let drawing = plot.finish("Latency by percentile");
    element("div", "card", &format!("{title}{drawing}{}", series::legend(document, all)))
}

fn points(name: &str, level: &LevelResult) -> Vec<(Point, String)> {
    let cdf = &level.summary.cdf;
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let count = level.summary.latency.count.max(2) as f64;
    // Where the slowest of so many requests stands, on an axis that never comes to its end.
    let beyond = 0.5 / count;
    let point = |share: f64, ms: f64| {
        let nines = -(1.0 - share).max(beyond).log10();
        ((nines, ms), format!("{name}: {} within {} ms", percent(share), figure(ms)))
    };
    let start = cdf.first().map(|_| point(0.0, level.summary.latency.min));
    let within = cdf.partition_point(|at| 1.0 - at.share > beyond) + 1;
    start.into_iter().chain(cdf.iter().take(within).map(|at| point(at.share, at.ms))).collect()
}

fn ticks(nines: f64) -> Vec<(f64, String)> {
    let shares: [f64; 8] = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999_999];
    let names = ["0", "50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"];
    let ticks = shares.iter().zip(names).map(|(share, name)| {
        let place = -(1.0 - share).log10();
        (place, name.to_owned())
    });
    ticks.filter(|(place, _)| *place <= nines + 1e-9).collect()
}
