//! A server that fails its requests is fast: what it answers has to be compared first.

use super::{Pair, Regression};
use crate::{Estimate, LevelResult, interval::clopper_pearson};

/// By how much the share of failed requests may grow: one in a thousand.
const SHARE_MAX: f64 = 0.001;

/// More failures than before, surely.
pub(super) fn regression(pair: &Pair<'_>) -> Option<Regression> {
    let (failed, ended) = counts(&pair.this);
    let (failed_before, ended_before) = counts(&pair.stored);
    if ended == 0 || ended_before == 0 {
        return None;
    }
    let answered_before = 1.0 - failed_before as f64 / ended_before as f64;
    let answered = clopper_pearson(ended - failed, ended);
    let is_worse = answered.high < answered_before - SHARE_MAX;
    is_worse.then(|| Regression {
        model: pair.model.to_owned(),
        load: pair.load.clone(),
        metric: "answered_share".to_owned(),
        ratio: Estimate {
            value: answered.value / answered_before,
            low: answered.low / answered_before,
            high: answered.high / answered_before,
        },
    })
}

/// Failed and ended requests.
fn counts(rounds: &[&LevelResult]) -> (u64, u64) {
    let failed = rounds.iter().flat_map(|level| level.summary.failures.values()).sum();
    let completed: u64 = rounds.iter().map(|level| level.summary.completed).sum();
    (failed, completed + failed)
}
