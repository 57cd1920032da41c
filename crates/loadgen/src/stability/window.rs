//! A window of the warm-up, and whether windows agree.

use std::time::Duration;

use crate::{Distribution, Slice};

/// 95 % of the ranges of `n` equally distributed normal values are at most this many standard
/// deviations, for `n` from 2 (Tukey's studentized range with many degrees of freedom).
const RANGES: [f64; 9] = [2.77, 3.31, 3.63, 3.86, 4.03, 4.17, 4.29, 4.39, 4.47];

/// Neighbouring slices of a warm-up.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    length: Duration,
    completed: u64,
    latency: Distribution,
    /// Completed requests of each slice, with its seconds.
    slices: Vec<(u64, f64)>,
}

impl Window {
    pub(super) fn push(&mut self, slice: &Slice) {
        self.length += slice.length;
        self.completed += slice.completed;
        self.latency.merge(&slice.latency);
        self.slices.push((slice.completed, slice.length.as_secs_f64()));
    }

    pub(super) fn is_full(&self, length_min: Duration, completions_min: u64) -> bool {
        self.length >= length_min && self.completed >= completions_min.max(1)
    }

    fn throughput(&self) -> Figure {
        let seconds = self.length.as_secs_f64();
        let value = self.completed as f64 / seconds;
        Figure { value, error: self.count_error() / seconds }
    }

    /// Standard error of the number of completed requests: from the differences between successive
    /// slices (von Neumann 1941), which a trend within the window adds little to, or that of a Poisson
    /// process if there are few slices.
    fn count_error(&self) -> f64 {
        let number = self.slices.len() as f64;
        if number < 4.0 {
            return (self.completed as f64).sqrt();
        }
        let rate = self.completed as f64 / self.length.as_secs_f64();
        let rest = |(completed, seconds): (u64, f64)| completed as f64 - rate * seconds;
        let squares = self.slices.windows(2).map(|pair| (rest(pair[1]) - rest(pair[0])).powi(2));
        (squares.sum::<f64>() / 2.0 * number / (number - 1.0)).sqrt()
    }

    /// The standard error is half of the way from one standard error of the rank below the median to
    /// one above.
    fn median(&self) -> Figure {
        let count = self.latency.count() as f64;
        let step = 0.5 / count.max(1.0).sqrt();
        let at = |q: f64| self.latency.quantile(q.clamp(0.0, 1.0)) as f64;
        Figure { value: at(0.5), error: (at(0.5 + step) - at(0.5 - step)) / 2.0 }
    }
}

/// A figure and its standard error.
#[derive(Clone, Copy, Debug)]
struct Figure {
    value: f64,
    error: f64,
}

/// In which figures the windows disagree, in words.
pub(super) fn disagreements(windows: &[Window], tolerance: f64) -> Vec<String> {
    let throughputs: Vec<Figure> = windows.iter().map(Window::throughput).collect();
    let medians: Vec<Figure> = windows.iter().map(Window::median).collect();
    [("throughput", throughputs), ("median latency", medians)]
        .into_iter()
        .filter_map(|(name, figures)| disagreement(name, &figures, tolerance))
        .collect()
}

fn disagreement(name: &str, figures: &[Figure], tolerance: f64) -> Option<String> {
    let number = figures.len();
    let values = || figures.iter().map(|figure| figure.value);
    let (low, high) = (values().fold(f64::MAX, f64::min), values().fold(0.0, f64::max));
    let spread = if low > 0.0 { high / low - 1.0 } else { 0.0 };
    let noise = relative_error(figures);
    let range = RANGES[number.clamp(2, RANGES.len() + 1) - 2];
    if spread > tolerance.max(range * noise) {
        let percent = spread * 100.0;
        return Some(format!(
            "{name} of the warm-up's last {number} windows differs by {percent:.0} %"
        ));
    }
    let is_trend = spread > (0.5 * tolerance).max(RANGES[0] * noise);
    let rises = figures.windows(2).all(|pair| pair[0].value < pair[1].value);
    let falls = figures.windows(2).all(|pair| pair[0].value > pair[1].value);
    let direction = if rises { "rising" } else { "falling" };
    (is_trend && (rises || falls))
        .then(|| format!("{name} was still {direction} at the end of the warm-up"))
}

/// The median of the relative standard errors: one window in which the load changed does not excuse
/// the others.
fn relative_error(figures: &[Figure]) -> f64 {
    let known = figures.iter().filter(|figure| figure.value > 0.0);
    let mut errors: Vec<f64> = known.map(|figure| figure.error / figure.value).collect();
    errors.sort_unstable_by(f64::total_cmp);
    errors.get(errors.len() / 2).copied().unwrap_or_default()
}
