//! The answer to what was asked, in a sentence.

use super::figure::{figure, load, percent};
use crate::result::{Estimate, LevelResult, LoadMode, ResultDocument, Summary, TargetResult};

/// What came out, in one or two sentences; what makes it doubtful comes last.
#[must_use]
pub fn headline(document: &ResultDocument) -> String {
    let answer = answer(document).unwrap_or_else(|| "Nothing was measured.".to_owned());
    format!("{answer}{}", doubt(document))
}

fn answer(document: &ResultDocument) -> Option<String> {
    told_first(document).map(sentence).or_else(|| measured(document, document.targets.first()?))
}

/// The verdict that a headline is made of, if there is one.
pub(crate) fn told_first(document: &ResultDocument) -> Option<&str> {
    let verdicts = [
        document.comparison.as_ref().map(|comparison| &*comparison.verdict),
        document.search.as_ref().map(|search| &*search.verdict),
        document.baseline.as_ref().map(|baseline| &*baseline.verdict),
    ];
    verdicts.into_iter().flatten().find(|verdict| !verdict.is_empty())
}

/// The level whose details are shown: the rate that was searched for, the knee, or the one with the
/// most throughput.
pub(crate) fn most_telling<'a>(
    document: &ResultDocument,
    target: &'a TargetResult,
) -> Option<&'a LevelResult> {
    let found = document.search.as_ref().and_then(|search| search.holds);
    let knee = target.knee.as_ref().map(|knee| &knee.load);
    let mut levels = target.levels.iter();
    let throughput = |level: &LevelResult| level.summary.throughput.value;
    levels
        .clone()
        .find(|level| Some(level.load.value) == found)
        .or_else(|| levels.find(|level| Some(&level.load) == knee))
        .or_else(|| target.levels.iter().max_by(|a, b| throughput(a).total_cmp(&throughput(b))))
}

/// What a target did at the level that tells most.
fn measured(document: &ResultDocument, target: &TargetResult) -> Option<String> {
    let level = most_telling(document, target)?;
    let model = &target.model;
    let mut text = if level.summary.completed == 0 {
        format!("{model} answered nothing at {}", load(&level.load))
    } else if level.summary.generation.is_some() {
        generation(model, level)?
    } else {
        requests(model, level)
    };
    text += &failures(&level.summary);
    if target.knee.as_ref().is_some_and(|knee| knee.load == level.load) {
        text += "; more load brings little more";
    }
    Some(text + ".")
}

fn requests(model: &str, level: &LevelResult) -> String {
    let Summary { throughput, latency, .. } = &level.summary;
    let range = range(*throughput);
    let answers = match level.load.mode {
        LoadMode::Open | LoadMode::Ramp if lags(&level.summary) => "does not keep up: it answers",
        _ => "answers",
    };
    format!(
        "{model} {answers} {} requests/s{range} at {}, half of them within {} ms and 99 % within {} ms",
        figure(throughput.value),
        load(&level.load),
        figure(latency.p50.value),
        figure(latency.p99.value),
    )
}

fn generation(model: &str, level: &LevelResult) -> Option<String> {
    let generation = level.summary.generation.as_ref()?;
    Some(format!(
        "{model} generates {} tokens/s{} at {}; the first comes after {} ms and each next one after \
         {} ms (medians)",
        figure(generation.output_tokens_per_second.value),
        range(generation.output_tokens_per_second),
        load(&level.load),
        figure(generation.time_to_first_token.p50.value),
        figure(generation.time_per_output_token.p50.value),
    ))
}

fn range(estimate: Estimate) -> String {
    let Estimate { low, high, .. } = estimate;
    if low < high && high.is_finite() {
        format!(" ({} to {})", figure(low), figure(high))
    } else {
        String::new()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn failures(summary: &Summary) -> String {
    let failed: u64 = summary.failures.values().sum();
    let ended = failed + summary.completed;
    if failed == 0 {
        return String::new();
    }
    format!("; {} of the requests failed", percent(failed as f64 / ended as f64))
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn lags(summary: &Summary) -> bool {
    summary.throughput.value * summary.seconds < 0.95 * summary.offered as f64
}

/// Why the answer is not to be trusted, as far as it is not.
fn doubt(document: &ResultDocument) -> String {
    let levels = || document.targets.iter().flat_map(|target| &target.levels);
    let warned = levels().any(|level| !level.summary.generator.warnings.is_empty());
    let unsteady = levels().any(|level| !level.summary.stability.stable);
    match (warned, unsteady) {
        (false, false) => String::new(),
        (true, false) => " But the generator warns about itself.".to_owned(),
        (false, true) => " But not every level was steady.".to_owned(),
        (true, true) => {
            " But the generator warns about itself, and not every level was steady.".to_owned()
        }
    }
}

/// With a capital and a full stop.
fn sentence(words: &str) -> String {
    let words = words.trim();
    let mut letters = words.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    // An objective, such as `p99=50ms`, is no word.
    let is_word = words.split(' ').next().is_some_and(|word| word.chars().all(char::is_alphabetic));
    let text: String = if is_word { first.chain(letters).collect() } else { words.to_owned() };
    if text.ends_with('.') { text } else { text + "." }
}

#[cfg(test)]
mod tests;
