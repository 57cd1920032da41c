//! The text of an objective.

use std::time::Duration;

use super::{Requirement, Term, Time};

const TIMES: [(&str, Time); 4] = [
    ("latency", Time::Latency),
    ("ttft", Time::FirstToken),
    ("tpot", Time::OutputToken),
    ("itl", Time::InterToken),
];
/// What has to be within a limit if nothing is said.
const DEFAULT_QUANTILE: f64 = 0.99;

/// One term, such as `ttft.p90=200ms`; what is wrong with it otherwise.
pub(super) fn term(text: &str) -> Result<Term, String> {
    let text = text.trim();
    let Some((name, value)) = text.split_once('=') else {
        return Err(format!("`{text}` has no `=`"));
    };
    let requirement = requirement(name.trim(), value.trim())?;
    Ok(Term { text: text.to_owned(), requirement })
}

fn requirement(name: &str, value: &str) -> Result<Requirement, String> {
    if name == "errors" {
        return Ok(Requirement::Errors { share_max: share(value)? });
    }
    let named = TIMES.iter().find_map(|(prefix, time)| {
        let rest = name.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('.')).then(|| (*time, rest.trim_start_matches('.')))
    });
    let (time, statistic) = named.unwrap_or((Time::Latency, name));
    let limit = || duration(value);
    match statistic {
        "avg" | "mean" => Ok(Requirement::Mean { time, limit: limit()? }),
        "" if named.is_some() => {
            Ok(Requirement::Quantile { time, q: DEFAULT_QUANTILE, limit: limit()? })
        }
        _ => {
            let q = quantile(statistic)
                .ok_or_else(|| format!("`{name}` is neither a time nor a percentile"))?;
            Ok(Requirement::Quantile { time, q, limit: limit()? })
        }
    }
}

/// `p99.9`, above 0 and below 100.
fn quantile(text: &str) -> Option<f64> {
    let share = percent(text.strip_prefix('p')?)?;
    (share > 0.0 && share < 1.0).then_some(share)
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.strip_suffix('%').and_then(percent).filter(|share| *share <= 1.0);
    share.ok_or_else(|| format!("`{text}` is no share in percent"))
}

/// As a share. `99.9` becomes 0.999 and not the number next to it that a division would give.
fn percent(text: &str) -> Option<f64> {
    number(text)?;
    format!("{text}e-2").parse().ok()
}

fn duration(text: &str) -> Result<Duration, String> {
    let units = [("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let seconds = units
        .iter()
        .find_map(|(unit, seconds)| Some(number(text.strip_suffix(unit)?.trim_end())? * seconds));
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| format!("`{text}` is no time above 0 in `us`, `ms` or `s`"))
}

/// Digits with at most one point: no sign, no exponent, no `inf`.
fn number(text: &str) -> Option<f64> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_plain.then(|| text.parse().ok()).flatten()
}
