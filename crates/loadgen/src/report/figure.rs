//! Figures as people read them.

use crate::result::{Estimate, LoadLevel, LoadMode};

/// What stands where there is no figure.
pub(crate) const NONE: &str = "–";

/// Three significant digits, thousands apart: `0.0312`, `31.2`, `31,234`.
pub(crate) fn figure(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let decimals = match value.abs() {
        size if size >= 99.95 || size == 0.0 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        size if size >= 0.09995 => 3,
        _ => 4,
    };
    apart(&format!("{value:.decimals$}"))
}

/// A count: `31,234`.
pub(crate) fn count(value: u64) -> String {
    apart(&value.to_string())
}

/// `31.2`, or a dash if nothing was seen, which a summary says with zeros.
pub(crate) fn seen(value: f64) -> String {
    if value > 0.0 { figure(value) } else { NONE.to_owned() }
}

/// `30.1–32.9`, the confidence interval; empty if there is none.
pub(crate) fn interval(estimate: Estimate) -> String {
    let Estimate { low, high, .. } = estimate;
    if low.is_finite() && high.is_finite() && high > 0.0 {
        format!("{}–{}", figure(low), figure(high))
    } else {
        String::new()
    }
}

/// `58 %`, with more digits where they tell more; what is not all is never `100 %`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if !percent.is_finite() => NONE.to_owned(),
        0.0 => "0 %".to_owned(),
        p if p > 0.0 && p < 0.1 => "<0.1 %".to_owned(),
        p if p < 100.0 && p > 99.995 => ">99.99 %".to_owned(),
        p if (99.5..100.0).contains(&p) => format!("{p:.2} %"),
        p if p.abs() < 9.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// `1.08 [1.05, 1.11]`; more digits where the interval is narrow.
pub(crate) fn ratio(ratio: Estimate) -> String {
    let Estimate { value, low, high } = ratio;
    if ![value, low, high].iter().all(|part| part.is_finite()) {
        return NONE.to_owned();
    }
    let decimals = if high - low < 0.02 { 3 } else { 2 };
    format!("{value:.decimals$} [{low:.decimals$}, {high:.decimals$}]")
}

/// `1.5 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1000.0 {
            return format!("{} {unit}", figure(value));
        }
        value /= 1024.0;
    }
    format!("{} TiB", figure(value))
}

/// A load level in words: `16 in flight`, `500/s poisson`.
pub(crate) fn load(load: &LoadLevel) -> String {
    let value = whole_or_figure(load.value);
    match load.mode {
        LoadMode::Closed => format!("{value} in flight"),
        LoadMode::Open => format!("{value}/s {}", load.arrivals).trim_end().to_owned(),
        LoadMode::Replay if load.value > 0.0 => format!("replay, {value}/s"),
        LoadMode::Replay => "replay".to_owned(),
        LoadMode::Sessions if value == "1" => "1 session".to_owned(),
        LoadMode::Sessions => format!("{value} sessions"),
        LoadMode::Ramp => format!("ramp to {value}/s"),
    }
}

/// CPU time per request and its unit, of microseconds.
pub(crate) fn cpu(us: f64) -> (String, &'static str) {
    if us >= 100_000.0 { (figure(us / 1000.0), "ms/req") } else { (figure(us), "µs/req") }
}

/// A number that somebody chose, as it was chosen.
fn whole_or_figure(value: f64) -> String {
    if value.fract() == 0.0 { apart(&format!("{value:.0}")) } else { figure(value) }
}

/// Puts a comma before every third digit of the whole part.
fn apart(number: &str) -> String {
    let (whole, fraction) = number.find('.').map_or((number, ""), |at| number.split_at(at));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut text = sign.to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + fraction
}

#[cfg(test)]
mod tests;
