//! What a search found, in a sentence.

use super::{Search, Tried};
use crate::report::figure::figure;

/// `p99=50ms holds at 470 requests/s and breaks at 600; at 500 the measurement could not tell`.
pub(super) fn verdict(search: &Search) -> String {
    if search.tried.is_empty() {
        return format!("{} was not measured", search.objective);
    }
    let mut text = found(search);
    if search.next.is_some() {
        text += "; the search was not finished";
    } else if search.is_cut_short() {
        text += &format!("; the search ended after {} probes, its limit", search.tried.len());
    }
    if search.limiting().any(|tried| tried.is_warned) {
        text += "; the generator warned about itself where it broke, so the server may do more";
    }
    text
}

fn found(search: &Search) -> String {
    let objective = search.objective.to_string();
    match (search.low, search.limiting().next()) {
        (Some(low), None) => {
            format!("{objective} holds at {} requests/s, the highest rate tried", figure(low))
        }
        (None, _) => {
            let lowest = search.high.map(figure).unwrap_or_default();
            format!("{objective} was not shown to hold at any rate, down to {lowest} requests/s")
        }
        (Some(low), Some(_)) => {
            let breaks = breaks(search);
            format!("{objective} holds at {} requests/s and {breaks}", figure(low))
        }
    }
}

/// What is known above the rate that holds.
fn breaks(search: &Search) -> String {
    let broken = search.limiting().filter(|tried| tried.probe.holds == Some(false));
    let lowest = broken.min_by(|a, b| a.probe.rate.total_cmp(&b.probe.rate));
    let untold = search.high.filter(|high| lowest.is_none_or(|tried| tried.probe.rate > *high));
    let untold = untold.map(|rate| format!("at {} the measurement could not tell", figure(rate)));
    match (lowest, untold) {
        (Some(tried), None) => broke(tried),
        (Some(tried), Some(untold)) => format!("{}; {untold}", broke(tried)),
        (None, Some(untold)) => format!("was not broken; {untold}"),
        (None, None) => "was not broken".to_owned(),
    }
}

fn broke(tried: &Tried) -> String {
    let rate = figure(tried.probe.rate);
    if tried.kept_up { format!("breaks at {rate}") } else { format!("falls behind at {rate}") }
}

impl Search {
    /// The probes above what holds that did not hold.
    fn limiting(&self) -> impl Iterator<Item = &Tried> {
        let is_above = |tried: &&Tried| self.low.is_none_or(|low| tried.probe.rate > low);
        self.tried.iter().filter(is_above).filter(|tried| tried.probe.holds != Some(true))
    }

    /// Whether it ended before it was done.
    fn is_cut_short(&self) -> bool {
        let is_done = match (self.low, self.high) {
            (Some(low), Some(high)) => high <= low * (1.0 + self.options.precision),
            (Some(low), None) => low >= self.options.max,
            (None, Some(high)) => high / super::STEP < self.options.start * super::LOWEST,
            (None, None) => false,
        };
        !is_done && self.tried.len() >= self.options.probes_max
    }
}
