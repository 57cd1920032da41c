//! What was measured: figures by part, line and subject, one value per round.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Part;
use crate::{report, results::median};

/// Which of two values is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Better {
    Higher,
    Lower,
}

/// One line of a table for one subject.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figure {
    pub(super) part: Part,
    /// What was measured, with its unit.
    pub(super) what: String,
    pub(super) better: Better,
    /// Of what: a server or an engine with its weights' format.
    pub(super) subject: String,
    /// By round, from 0. A round in which it could not be measured is not there.
    pub(super) rounds: BTreeMap<usize, f64>,
}

/// How a subject's figures of a part were obtained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Made {
    pub(super) part: Part,
    pub(super) subject: String,
    /// As one would type it.
    pub(super) command: String,
}

/// All of it.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Board {
    pub(super) figures: Vec<Figure>,
    pub(super) made: Vec<Made>,
    /// What is missing and why.
    pub(super) left_out: Vec<String>,
}

/// Where values of a measurement go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) part: Part,
    pub(super) subject: &'a str,
    pub(super) round: usize,
}

impl Board {
    /// Writes one value down.
    pub(super) fn add(&mut self, place: Place<'_>, what: &str, better: Better, value: f64) {
        let Place { part, subject, round } = place;
        report::progress(&format!("  {subject}: {what}: {value:.3}"));
        let same = |figure: &&mut Figure| {
            figure.part == part && figure.subject == subject && figure.what == what
        };
        if let Some(figure) = self.figures.iter_mut().find(same) {
            figure.rounds.insert(round, value);
            return;
        }
        self.figures.push(Figure {
            part,
            what: what.to_owned(),
            better,
            subject: subject.to_owned(),
            rounds: BTreeMap::from([(round, value)]),
        });
    }

    /// Writes down how a subject's figures were obtained, once.
    pub(super) fn made(&mut self, place: Place<'_>, command: String) {
        let Place { part, subject, .. } = place;
        let known = |made: &Made| made.part == part && made.subject == subject;
        if !self.made.iter().any(known) {
            self.made.push(Made { part, subject: subject.to_owned(), command });
        }
    }

    /// Writes down that something is missing from the run.
    pub(super) fn leave_out(&mut self, why: &str) {
        report::progress(&format!("left out: {why}"));
        let why = shortened(why);
        if !self.left_out.contains(&why) {
            self.left_out.push(why);
        }
    }

    /// The figure of a subject, if there is one.
    pub(super) fn find(&self, part: Part, what: &str, subject: &str) -> Option<&Figure> {
        self.of(part, what).find(|figure| figure.subject == subject)
    }

    /// Every subject's figure of one line.
    pub(super) fn of(&self, part: Part, what: &str) -> impl Iterator<Item = &Figure> {
        self.figures.iter().filter(move |figure| figure.part == part && figure.what == what)
    }

    /// The best of those that are not Hone's, by their medians.
    pub(super) fn best_peer(&self, part: Part, what: &str) -> Option<&Figure> {
        let peers = self.of(part, what).filter(|figure| !figure.is_hone());
        peers.max_by(|one, other| one.merit().total_cmp(&other.merit()))
    }

    /// Median over the rounds of Hone's figure to that of the best peer in the same round.
    pub(super) fn ratio(&self, part: Part, what: &str) -> Option<f64> {
        let hone = self.of(part, what).find(|figure| figure.is_hone())?;
        hone.ratio(self.best_peer(part, what)?)
    }
}

impl Figure {
    /// Whether it is Hone's own.
    pub(super) fn is_hone(&self) -> bool {
        self.subject.starts_with("Hone")
    }

    /// Median over the rounds.
    pub(super) fn median(&self) -> Option<f64> {
        median(self.rounds.values().copied().collect())
    }

    /// Median over the rounds that both have of this figure's ratio to `base`.
    pub(super) fn ratio(&self, base: &Self) -> Option<f64> {
        let both = self.rounds.iter().filter_map(|(round, own)| {
            let base = base.rounds.get(round)?;
            (*base > 0.0).then(|| own / base)
        });
        median(both.collect())
    }

    /// More is better, whatever is measured.
    fn merit(&self) -> f64 {
        let median = self.median().unwrap_or(f64::NAN);
        match self.better {
            Better::Higher => median,
            Better::Lower => -median,
        }
    }
}

/// The first line and the last: a log between them is for the screen alone.
fn shortened(why: &str) -> String {
    let mut lines = why.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    lines.next_back().map_or_else(|| first.to_owned(), |last| format!("{first} {last}"))
}

#[cfg(test)]
mod tests;
