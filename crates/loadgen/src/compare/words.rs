//! What a comparison shows, in sentences.

use super::{Finding, ROUNDS_MIN};
use crate::{FailureKind, MetricVerdict, TargetResult};

/// Figures whose resolution is told if nothing is claimed of them.
const HEADLINES: [&str; 4] =
    ["throughput", "latency_p50", "latency_p99", "output_tokens_per_second"];
/// A share of failed requests that makes the other figures doubtful.
const FAILED_SHARE: f64 = 0.001;

pub(super) fn of_rounds(
    a: &TargetResult,
    b: &TargetResult,
    findings: &[Finding],
    rounds: usize,
) -> String {
    let (a_label, b_label) = (&a.label, &b.label);
    if findings.is_empty() {
        return format!(
            "Nothing to compare: no load was answered by both {a_label} and {b_label} in one round"
        );
    }
    if rounds < ROUNDS_MIN {
        let told = if rounds == 1 { "One round shows" } else { "Two rounds show" };
        return format!(
            "{told} no difference between {a_label} and {b_label}, however large: measure at least \
             {ROUNDS_MIN} rounds, better 5 to 10"
        );
    }
    let claims: Vec<String> = findings.iter().filter_map(claim).collect();
    let unseen: Vec<String> = findings.iter().filter_map(resolution).collect();
    let mut text = if claims.is_empty() {
        format!("No difference between {a_label} and {b_label} shown in {rounds} rounds")
    } else {
        format!("Compared with {b_label}, {a_label} has {}", listed(&claims))
    };
    if !unseen.is_empty() {
        text += &format!("; differences of {} could not be seen", listed(&unseen));
    }
    text + &failures(a, b)
}

/// `8 % higher throughput`.
fn claim(finding: &Finding) -> Option<String> {
    let compared = &finding.compared;
    (compared.verdict != MetricVerdict::NoDifferenceShown)
        .then(|| format!("{} {}", change(compared.ratio.value), finding.metric.words))
}

/// `less than 3 % in throughput`.
fn resolution(finding: &Finding) -> Option<String> {
    let is_told = finding.compared.verdict == MetricVerdict::NoDifferenceShown
        && HEADLINES.contains(&finding.metric.name);
    let (share, words) = (finding.visible, finding.metric.words);
    is_told.then(|| format!("less than {} in {words}", percent(share)))
}

/// A ratio as `8 % higher` or `8 % lower`.
pub(crate) fn change(ratio: f64) -> String {
    let direction = if ratio > 1.0 { "higher" } else { "lower" };
    format!("{} {direction}", percent((ratio - 1.0).abs()))
}

/// With one decimal below 10 %.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// `x, y and z`.
pub(crate) fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A server that fails requests is fast.
fn failures(a: &TargetResult, b: &TargetResult) -> String {
    let shares = [failed_share(a), failed_share(b)];
    if shares.iter().all(|share| *share <= FAILED_SHARE) {
        return String::new();
    }
    let [of_a, of_b] = shares.map(percent);
    format!(
        ". But requests failed ({of_a} of {}'s, {of_b} of {}'s), and the figures are of the others",
        a.label, b.label
    )
}

fn failed_share(target: &TargetResult) -> f64 {
    let summaries = || target.levels.iter().map(|level| &level.summary);
    let completed: u64 = summaries().map(|summary| summary.completed).sum();
    let failed = |kind: &FailureKind| -> u64 {
        summaries().filter_map(|summary| summary.failures.get(kind.name())).sum()
    };
    let failed: u64 = FailureKind::ALL.iter().map(failed).sum();
    failed as f64 / (completed + failed).max(1) as f64
}
