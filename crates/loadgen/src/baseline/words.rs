//! What a comparison with a stored run shows, in sentences.

use super::{BaselineError, BaselineOptions, Regression};
use crate::{
    ResultDocument,
    compare::words::{change, listed, percent},
    metric::METRICS,
    report::figure::load,
};

/// Regressions named in the verdict; the others are counted.
const NAMED_MAX: usize = 4;

pub(super) fn verdict(
    regressions: &[Regression],
    warnings: &[String],
    name: &str,
    options: BaselineOptions,
) -> String {
    let tolerance = percent(options.tolerance);
    let mut text = if regressions.is_empty() {
        format!("No regression of more than {tolerance} against {name} shown")
    } else {
        let mut parts: Vec<String> = regressions.iter().take(NAMED_MAX).map(regression).collect();
        if regressions.len() > NAMED_MAX {
            parts.push(format!("{} more figures are worse", regressions.len() - NAMED_MAX));
        }
        format!("Worse than {name} by more than {tolerance}: {}", listed(&parts))
    };
    if !warnings.is_empty() {
        text += &format!(". But {}", warnings.join(", and "));
    }
    text
}

/// `p99 latency at 16 in flight is 12 % higher`.
fn regression(regression: &Regression) -> String {
    let metric = METRICS.iter().find(|metric| metric.name == regression.metric);
    let words = metric.map_or("the share of requests answered rightly", |metric| metric.words);
    format!("{words} at {} is {}", load(&regression.load), change(regression.ratio.value))
}

pub(super) fn nothing_in_common(stored: &ResultDocument, name: &str) -> BaselineError {
    let mut models: Vec<String> = Vec::new();
    let mut loads: Vec<String> = Vec::new();
    for target in &stored.targets {
        models.push(format!("{} over {}", target.model, target.protocol));
        loads.extend(target.levels.iter().map(|level| load(&level.load)));
    }
    models.dedup();
    loads.dedup();
    BaselineError { stored: name.to_owned(), models: listed(&models), loads: listed(&loads) }
}
