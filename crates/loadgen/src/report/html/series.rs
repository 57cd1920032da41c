//! Which measurements are drawn, under which name and in which colour.

use super::markup::Colour;
use crate::{
    report::figure::load,
    result::{LevelResult, ResultDocument, TargetResult},
};

/// Measurements that are drawn; those beyond are in the table only.
const DRAWN_MAX: usize = 24;

/// One measurement.
#[derive(Clone, Debug)]
pub(super) struct Series<'a> {
    pub name: String,
    pub colour: Colour,
    pub target: &'a TargetResult,
    pub level: &'a LevelResult,
}

/// All that are drawn. Levels of one target are coloured by their order; where there are two
/// targets, the colour tells those apart.
pub(super) fn all(document: &ResultDocument) -> Vec<Series<'_>> {
    let both = document.targets.len() > 1;
    let mut series = Vec::new();
    for (number, target) in document.targets.iter().enumerate() {
        for (place, level) in target.levels.iter().enumerate() {
            let colour = match number {
                _ if !both => Colour::Ramp(rank(place, target)),
                0 => TARGETS[0],
                _ => TARGETS[1],
            };
            series.push(Series { name: name(target, level, both), colour, target, level });
        }
    }
    series.truncate(DRAWN_MAX);
    series
}

/// The colours of A and B.
pub(super) const TARGETS: [Colour; 2] = [Colour::Class("target-a"), Colour::Class("target-b")];

/// The name of a level.
pub(super) fn name(target: &TargetResult, level: &LevelResult, both: bool) -> String {
    let label = if both { format!("{}, ", target.label) } else { String::new() };
    let rounds = target.levels.iter().any(|level| level.round > 0);
    let round = if rounds { format!(", round {}", level.round + 1) } else { String::new() };
    label + &load(&level.load) + &round
}

/// Entries of a legend: each level, or each target where there are two.
pub(super) fn legend(document: &ResultDocument, series: &[Series<'_>]) -> String {
    if document.targets.len() > 1 {
        let targets = TARGETS.iter().zip(document.targets.iter().map(|target| &*target.label));
        return super::markup::legend(targets);
    }
    if series.len() < 2 {
        return String::new();
    }
    super::markup::legend(series.iter().map(|series| (&series.colour, &*series.name)))
}

/// The share of a target's levels that have a smaller load, 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "counts of levels")]
fn rank(place: usize, target: &TargetResult) -> f64 {
    let value = |level: &LevelResult| level.load.value;
    let own = value(&target.levels[place]);
    let below = target
        .levels
        .iter()
        .enumerate()
        .filter(|(other, level)| value(level) < own || (value(level) == own && *other < place));
    let last = target.levels.len().saturating_sub(1).max(1);
    below.count() as f64 / last as f64
}
