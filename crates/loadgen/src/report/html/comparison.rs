//! A against B: every ratio with its interval.

use std::fmt::Write;

use super::{
    axis::{Axis, Spread},
    markup::{Colour, element, escape},
    series::TARGETS,
};
use crate::{
    report::{
        comparison::{finding, metric_name},
        figure::{figure, ratio},
    },
    result::{ComparedMetric, Comparison, MetricVerdict},
};

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 30.0;

/// A table whose rows hold their error bars, on a common scale.
pub(super) fn table(comparison: &Comparison) -> String {
    if comparison.metrics.is_empty() {
        return String::new();
    }
    let axis = axis(&comparison.metrics);
    let (a, b) = (escape(&comparison.a), escape(&comparison.b));
    let head = format!(
        "<tr><th></th><th>{a}</th><th>{b}</th><th>{a} / {b}</th><th>{}</th>\
         <th class=\"words\">95 % interval</th></tr>",
        scale(axis)
    );
    let rows: String =
        comparison.metrics.iter().map(|metric| row(metric, comparison, axis)).collect();
    let table = format!("<div class=\"scroll\"><table>{head}{rows}</table></div>");
    let rounds = match comparison.rounds {
        0 => String::new(),
        rounds => element("p", "note", &format!("{rounds} rounds, A and B in turn.")),
    };
    element("div", "card", &format!("{table}{rounds}"))
}

/// Ratios by their logarithm, so that twice and half are equally far from one.
fn axis(metrics: &[ComparedMetric]) -> Axis {
    let ends = metrics.iter().flat_map(|metric| [metric.ratio.low, metric.ratio.high]);
    let usable = ends.filter(|end| end.is_finite() && *end > 0.0);
    let far = usable.map(|end| end.max(1.0 / end)).fold(1.05, f64::max) * 1.05;
    Axis::between(Spread::Log, 1.0 / far, far, (10.0, WIDTH - 10.0))
}

fn scale(axis: Axis) -> String {
    let mut text = String::new();
    let candidates = [0.1, 0.25, 0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0, 10.0];
    let mut last = f64::NEG_INFINITY;
    for tick in candidates {
        let x = axis.place(tick);
        let inside = x > 10.0 && x < WIDTH - 10.0;
        if inside && x - last > 42.0 {
            let _ =
                write!(text, "<text text-anchor=\"middle\" x=\"{x:.1}\" y=\"12\">{tick}</text>");
            last = x;
        }
    }
    format!("<svg viewBox=\"0 0 {WIDTH} 16\" aria-hidden=\"true\">{text}</svg>")
}

fn row(metric: &ComparedMetric, comparison: &Comparison, axis: Axis) -> String {
    let (colour, class) = match metric.verdict {
        MetricVerdict::ABetter => (&TARGETS[0], ""),
        MetricVerdict::BBetter => (&TARGETS[1], ""),
        MetricVerdict::NoDifferenceShown => (&Colour::Class("is-plain"), "note"),
    };
    let tip = format!("{}: {}", metric_name(&metric.metric), ratio(metric.ratio));
    format!(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
         <td class=\"forest\">{}</td><td class=\"words {class}\">{}</td></tr>",
        escape(&metric_name(&metric.metric)),
        figure(metric.a),
        figure(metric.b),
        ratio(metric.ratio),
        error_bar(metric, colour, axis, &tip),
        escape(&finding(metric, comparison)),
    )
}

fn error_bar(metric: &ComparedMetric, colour: &Colour, axis: Axis, tip: &str) -> String {
    let place = |value: f64| axis.place(value);
    let (low, at, high) =
        (place(metric.ratio.low), place(metric.ratio.value), place(metric.ratio.high));
    let (one, middle) = (place(1.0), HEIGHT / 2.0);
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{tip}\">\
         <line class=\"one\" x1=\"{one:.1}\" y1=\"0\" x2=\"{one:.1}\" y2=\"{HEIGHT}\"/>\
         <g {} data-tip=\"{tip}\">\
         <line class=\"whisker\" x1=\"{low:.1}\" y1=\"{middle}\" x2=\"{high:.1}\" y2=\"{middle}\"/>\
         <line class=\"whisker\" x1=\"{low:.1}\" y1=\"10\" x2=\"{low:.1}\" y2=\"20\"/>\
         <line class=\"whisker\" x1=\"{high:.1}\" y1=\"10\" x2=\"{high:.1}\" y2=\"20\"/>\
         <circle class=\"dot\" cx=\"{at:.1}\" cy=\"{middle}\" r=\"5\"/></g></svg>",
        colour.attributes(""),
        tip = escape(tip),
    )
}
