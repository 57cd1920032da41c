//! The highest rate that holds an objective.

use crate::{Estimate, Objective, SearchProbe, SearchResult, Summary};

mod words;

#[cfg(test)]
mod tests;

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchOptions {
    /// First rate that is tried, per second.
    pub start: f64,
    /// Highest rate that may be tried.
    pub max: f64,
    /// The search ends when the rates that hold and break are no further apart than this share.
    pub precision: f64,
    /// Most probes.
    pub probes_max: usize,
    /// How often a probe that cannot tell is repeated, each time twice as long.
    pub repeats_max: u32,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { start: 10.0, max: 1e6, precision: 0.02, probes_max: 40, repeats_max: 2 }
    }
}

/// What to measure next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probe {
    /// Requests per second.
    pub rate: f64,
    /// How many times as long as usual.
    pub length: u32,
}

/// A search for the highest rate that holds an objective: asks for probes and is told what came of
/// them.
///
/// It doubles the rate from the start until a probe does not hold (or halves it until one does), and
/// then halves the logarithm of the distance between the two until they are as close as asked for. A
/// probe **holds** or **breaks** only with 95 % confidence (see [`Objective`]); one that cannot tell
/// is repeated twice and four times as long, and counts as not shown to hold after that: the rate that
/// is found is one that can be relied on, and lies below the true one rather than above.
///
/// A probe breaks, whatever its latencies are, if the server did not keep up: fewer requests ended in
/// the measured time than 98 % of those that were due in it.
///
/// A single disturbance could send the search astray. So if the last probes all contradict an end of
/// the interval that was tried only once, that end is tried again before the search closes.
#[derive(Clone, Debug)]
pub struct Search {
    objective: Objective,
    options: SearchOptions,
    /// Highest rate that holds.
    low: Option<f64>,
    /// Lowest rate that does not.
    high: Option<f64>,
    next: Option<Probe>,
    tried: Vec<Tried>,
    /// Ends that were tried again.
    confirmed: Vec<f64>,
}

#[derive(Clone, Copy, Debug)]
struct Tried {
    probe: SearchProbe,
    /// Why it is as it is.
    kept_up: bool,
    is_warned: bool,
}

/// Share of the offered requests that has to end.
const KEPT_UP_MIN: f64 = 0.98;
/// Factor of the steps up and down.
const STEP: f64 = 2.0;
/// Below this share of the start, nothing can be said to hold.
const LOWEST: f64 = 1e-3;
/// Probes in a row that make an end doubtful.
const CONTRADICTIONS: usize = 3;

impl Search {
    /// Nothing tried yet.
    ///
    /// Rates and precision that are no use are corrected: the start is at least a thousandth per second
    /// and at most `max`, the precision at least 0.1 %.
    #[must_use]
    pub fn new(objective: Objective, options: SearchOptions) -> Self {
        let max = if options.max > 0.0 { options.max } else { f64::MAX };
        let options = SearchOptions {
            start: options.start.max(1e-3).min(max),
            max,
            precision: options.precision.max(1e-3),
            ..options
        };
        let next = (options.probes_max > 0).then_some(Probe { rate: options.start, length: 1 });
        let (low, high) = (None, None);
        Self { objective, options, low, high, next, tried: Vec::new(), confirmed: Vec::new() }
    }

    /// What to measure next; `None` if the search has ended.
    #[must_use]
    pub const fn next(&self) -> Option<Probe> {
        self.next
    }

    /// What came of the probe that [`Search::next`] asked for, summarised with the same objective.
    /// Nothing happens if there was none.
    pub fn observe(&mut self, summary: &Summary) {
        let Some(probe) = self.next else { return };
        let kept_up = kept_up(summary);
        let holds = summary.goodput.as_ref().and_then(|goodput| goodput.holds);
        let holds = if kept_up { holds } else { Some(false) };
        self.tried.push(Tried {
            probe: SearchProbe { rate: probe.rate, holds, observed: observed(summary) },
            kept_up,
            is_warned: !summary.generator.warnings.is_empty(),
        });
        self.next = self.after(probe, holds);
        if self.tried.len() >= self.options.probes_max {
            self.next = None;
        }
    }

    /// What was found so far.
    #[must_use]
    pub fn result(&self) -> SearchResult {
        let breaks = self.tried.iter().map(|tried| tried.probe);
        let breaks = breaks.filter(|probe| probe.holds == Some(false)).map(|probe| probe.rate);
        // A probe below what holds was a disturbance.
        let breaks = breaks.filter(|rate| self.low.is_none_or(|low| *rate > low));
        SearchResult {
            objective: self.objective.to_string(),
            holds: self.low,
            breaks: breaks.min_by(f64::total_cmp),
            probes: self.tried.iter().map(|tried| tried.probe).collect(),
            verdict: words::verdict(self),
        }
    }

    /// Takes in what came of a probe; the next one.
    fn after(&mut self, probe: Probe, holds: Option<bool>) -> Option<Probe> {
        let longest = 1 << self.options.repeats_max.min(16);
        match holds {
            None if probe.length < longest => {
                return Some(Probe { length: probe.length * 2, ..probe });
            }
            Some(true) => self.raise(probe.rate),
            Some(false) | None => self.lower(probe.rate),
        }
        self.step().map(|rate| Probe { rate, length: 1 })
    }

    fn raise(&mut self, rate: f64) {
        self.low = Some(self.low.unwrap_or(rate).max(rate));
        self.high = self.high.filter(|high| *high > rate);
    }

    fn lower(&mut self, rate: f64) {
        self.high = Some(self.high.unwrap_or(rate).min(rate));
        self.low = self.low.filter(|low| *low < rate);
    }

    /// The next rate.
    fn step(&mut self) -> Option<f64> {
        match (self.low, self.high) {
            (None, None) => Some(self.options.start),
            (Some(low), None) if low >= self.options.max => None,
            (Some(low), None) => Some((low * STEP).min(self.options.max)),
            (None, Some(high)) => {
                let rate = high / STEP;
                (rate >= self.options.start * LOWEST).then_some(rate)
            }
            (Some(low), Some(high)) if high > low * (1.0 + self.options.precision) => {
                Some((low * high).sqrt())
            }
            (Some(low), Some(high)) => self.doubtful(low, high),
        }
    }

    /// The end that the last probes contradict, if it was tried only once.
    fn doubtful(&mut self, low: f64, high: f64) -> Option<f64> {
        let last = self.tried.iter().rev().take(CONTRADICTIONS);
        let all =
            |holds: bool| last.clone().all(|tried| (tried.probe.holds == Some(true)) == holds);
        let end = if self.tried.len() < CONTRADICTIONS {
            return None;
        } else if all(true) {
            high
        } else if all(false) {
            low
        } else {
            return None;
        };
        let is_new = !self.confirmed.contains(&end);
        self.confirmed.push(end);
        is_new.then_some(end)
    }
}

/// Whether as much ended in the measured time as was due in it, but for what chance makes of it.
fn kept_up(summary: &Summary) -> bool {
    let failed: u64 = summary.failures.values().sum();
    let ended = summary.throughput.value * summary.seconds + failed as f64;
    let offered = summary.offered as f64;
    ended >= KEPT_UP_MIN * offered || offered - ended <= 2.0 * offered.sqrt()
}

/// The term that is nearest to its limit, or furthest beyond it.
fn observed(summary: &Summary) -> Estimate {
    let terms = summary.goodput.iter().flat_map(|goodput| &goodput.terms);
    let used = terms.filter(|term| term.limit > 0.0);
    used.max_by(|a, b| (a.observed.value / a.limit).total_cmp(&(b.observed.value / b.limit)))
        .map(|term| term.observed)
        .unwrap_or_default()
}
