//! The parts of an objective against what was measured.

use super::figure::{figure, interval, percent};
use crate::result::{Estimate, ObjectiveTerm, Summary};

/// A sentence per part: `p99=50ms breaks: 271 ms (220–336)`; empty without an objective.
pub(crate) fn terms(summary: &Summary) -> Vec<String> {
    summary.goodput.iter().flat_map(|goodput| &goodput.terms).map(term).collect()
}

fn term(term: &ObjectiveTerm) -> String {
    let Estimate { value, low, high } = term.observed;
    let observed = if term.term.starts_with("errors") {
        format!("{} ({} to {})", percent(value), percent(low), percent(high))
    } else {
        format!("{} ms ({})", figure(value), interval(term.observed))
    };
    match term.holds {
        Some(true) => format!("{} holds: {observed}", term.term),
        Some(false) => format!("{} breaks: {observed}", term.term),
        None => format!("whether {} holds cannot be told: {observed}; measure longer", term.term),
    }
}

#[cfg(test)]
mod tests;
