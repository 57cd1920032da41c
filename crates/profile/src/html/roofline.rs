//! Operations per second over operations per byte, under what the machine can do at most.

use super::svg::{Anchor, Scale, Svg};
use crate::{Bound, ProfileDocument};

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 430.0;
/// Room for the axes' numbers and the bounds' names.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 46.0;
const NODES_MAX: usize = 30;

pub(super) fn draw(document: &ProfileDocument) -> String {
    let ceiling = &document.ceiling;
    if ceiling.operations == 0.0 {
        return "<p class=\"subtitle\">No node multiplies matrices in a way that is known here.</p>\n"
            .to_owned();
    }
    let picture = Picture::new(document);
    let mut svg = Svg::new(WIDTH, HEIGHT);
    picture.axes(&mut svg);
    picture.roofs(&mut svg, document);
    for node in ceiling.nodes.iter().take(NODES_MAX) {
        let (Some(intensity), Some(achieved)) = (node.intensity, node.achieved) else { continue };
        let class = if node.bound == Bound::Compute { "compute" } else { "move" };
        let radius = 3.0 + 14.0 * node.share.sqrt();
        let title = format!(
            "{} {}: {:.1} GFLOP/s at {intensity:.1} operations per byte, {:.1} % of the run",
            node.operator,
            node.name,
            achieved / 1e9,
            node.share * 100.0
        );
        svg.circle(picture.at(intensity, achieved), radius, &format!("{class} tile-edge"), &title);
    }
    let model = picture.at(ceiling.intensity, ceiling.achieved);
    let words = format!("{} {:.1} GFLOP/s", document.model.name, ceiling.achieved / 1e9);
    svg.circle(model, 9.0, "unexplained tile-edge", &words);
    svg.text((model.0 - 14.0, model.1 + 4.0), Anchor::End, "strong", &words);
    svg.finish("Roofline of this machine with the model and its nodes")
}

struct Picture {
    x: Scale,
    y: Scale,
}

impl Picture {
    fn new(document: &ProfileDocument) -> Self {
        let ceiling = &document.ceiling;
        let nodes = ceiling.nodes.iter().take(NODES_MAX);
        let intensities = nodes.clone().filter_map(|node| node.intensity);
        let intensities: Vec<f64> = intensities.chain([ceiling.intensity, 0.3, 100.0]).collect();
        let rates = nodes.filter_map(|node| node.achieved).chain([ceiling.achieved]);
        let least = rates.fold(ceiling.peak / 30.0, f64::min);
        let low = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let peaks = document.machine.roofline.peaks.iter().map(|peak| peak.all_cores);
        let most = peaks.fold(ceiling.peak, f64::max);
        let (left, right) = (LEFT, WIDTH - RIGHT);
        Self {
            x: Scale {
                from: (
                    decade(low(&intensities), f64::floor),
                    decade(high(&intensities), f64::ceil),
                ),
                to: (left, right),
                logarithmic: true,
            },
            y: Scale {
                from: (decade(least, f64::floor), most * 1.6),
                to: (HEIGHT - BOTTOM, TOP),
                logarithmic: true,
            },
        }
    }

    fn at(&self, intensity: f64, rate: f64) -> (f64, f64) {
        (self.x.place(intensity), self.y.place(rate))
    }

    fn axes(&self, svg: &mut Svg) {
        for value in decades(self.x.from) {
            let x = self.x.place(value);
            svg.path(&[(x, TOP), (x, HEIGHT - BOTTOM)], "grid");
            let place = (x, HEIGHT - BOTTOM + 17.0);
            svg.text(place, Anchor::Middle, "soft small", &format!("{value}"));
        }
        for value in decades(self.y.from) {
            let y = self.y.place(value);
            svg.path(&[(LEFT, y), (WIDTH - RIGHT, y)], "grid");
            let number = format!("{}", value / 1e9);
            svg.text((LEFT - 8.0, y + 4.0), Anchor::End, "soft small", &number);
        }
        let middle = (LEFT + WIDTH - RIGHT) / 2.0;
        svg.text((middle, HEIGHT - 8.0), Anchor::Middle, "soft", "operations per byte");
        svg.text((4.0, TOP + 4.0), Anchor::Start, "soft", "GFLOP/s");
    }

    /// The peaks as level lines, the bandwidths as rising ones that end at the highest peak.
    fn roofs(&self, svg: &mut Svg, document: &ProfileDocument) {
        let (ceiling, machine) = (&document.ceiling, &document.machine);
        let all = ceiling.threads >= machine.cores;
        let of = |one: f64, many: f64| if all { many } else { one };
        for peak in machine.roofline.peaks.iter().filter(|peak| peak.isa.is_some()) {
            let rate = of(peak.one_core, peak.all_cores);
            let class = if peak.element == ceiling.element { "roof" } else { "roof faint" };
            let y = self.y.place(rate);
            svg.path(&[(LEFT, y), (WIDTH - RIGHT, y)], class);
            let name = format!("{} {:.0} G/s", peak.element, rate / 1e9);
            svg.text((WIDTH - RIGHT + 8.0, y + 4.0), Anchor::Start, "soft small", &name);
        }
        for level in &machine.roofline.bandwidth {
            let bandwidth = of(level.one_core, level.all_cores);
            let start = self.x.from.0.max(self.y.from.0 / bandwidth);
            let end = (ceiling.peak / bandwidth).min(self.x.from.1);
            if end <= start {
                continue;
            }
            let class = if level.level == "memory" { "roof" } else { "roof faint" };
            let points = [self.at(start, start * bandwidth), self.at(end, end * bandwidth)];
            svg.path(&points, class);
            let name = format!("{} {:.0} GB/s", level.level, bandwidth / 1e9);
            let place = (points[0].0 + 14.0, points[0].1 + 10.0);
            svg.text(place, Anchor::Start, "soft small", &name);
        }
    }
}

/// A power of ten at or beyond a value.
fn decade(value: f64, round: fn(f64) -> f64) -> f64 {
    10_f64.powf(round(value.max(1e-6).log10()))
}

fn decades((from, to): (f64, f64)) -> Vec<f64> {
    let first = from.max(1e-9).log10().ceil();
    let steps = (0..24).map(|step| 10_f64.powf(first + f64::from(step)));
    steps.take_while(|value| *value <= to * 1.0001).collect()
}
