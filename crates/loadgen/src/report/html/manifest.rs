//! What is needed to measure the same again, and what speaks against the figures.

use super::{
    markup::{element, escape},
    series,
};
use crate::{
    report::figure::{bytes, figure},
    result::{LevelResult, ResultDocument},
};

/// Machine, versions, command and seed.
pub(super) fn manifest(document: &ResultDocument) -> String {
    let machine = &document.machine;
    let memory = bytes(machine.memory_bytes);
    let features = machine.cpu_features.join(", ");
    let versions: Vec<_> =
        document.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let tests = first_level(document).map(|level| &level.summary.stability);
    let entries = [
        ("generator's machine", format!("{}, {} cores, {memory}", machine.cpu, machine.cores)),
        ("instruction sets", features),
        ("system", machine.system.clone()),
        ("versions", versions.join(", ")),
        ("started", utc(document.started)),
        ("seed", document.seed.to_string()),
        ("steadiness", tests.map(|stability| stability.test.clone()).unwrap_or_default()),
        (
            "warm-up",
            tests.map(|it| format!("{} s", figure(it.warm_up_seconds))).unwrap_or_default(),
        ),
    ];
    let entry = |(name, value): (&str, String)| {
        element("dt", "", name) + &element("dd", "", &escape(&value))
    };
    let filled = entries.into_iter().filter(|(_, value)| !value.is_empty());
    let mut list: String = filled.map(entry).collect();
    let command = escape(&document.command.join(" "));
    list += &(element("dt", "", "command") + &element("dd", "", &element("code", "", &command)));
    element("div", "card", &element("dl", "", &list))
}

fn first_level(document: &ResultDocument) -> Option<&LevelResult> {
    document.targets.first()?.levels.first()
}

/// Everything that makes figures doubtful, at the top; nothing if nothing does.
pub(super) fn warnings(document: &ResultDocument) -> String {
    let mut items = String::new();
    let both = document.targets.len() > 1;
    for target in &document.targets {
        for level in &target.levels {
            let name = series::name(target, level, both);
            for reason in doubts(level) {
                let text = format!("<b>{}:</b> {}", escape(&name), escape(&reason));
                items += &element("li", "", &text);
            }
        }
    }
    if items.is_empty() {
        return String::new();
    }
    let title = element("h2", "", "Read these figures with care");
    let list = element("ul", "", &items);
    format!("<div class=\"warnings\" role=\"alert\">{title}{list}</div>")
}

fn doubts(level: &LevelResult) -> Vec<String> {
    let summary = &level.summary;
    let stability = &summary.stability;
    let generator = summary.generator.warnings.iter().map(|text| format!("generator: {text}"));
    let mut doubts: Vec<_> = generator.collect();
    doubts.extend(stability.reasons.iter().map(|text| format!("not steady: {text}")));
    if !stability.stable && stability.reasons.is_empty() {
        doubts.push("not steady".to_owned());
    }
    doubts
}

/// `2026-11-24 08:00:00 UTC` of seconds since the epoch; empty if that is no time.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn utc(seconds: f64) -> String {
    if !(1.0..=253_402_300_799.0).contains(&seconds) {
        return String::new();
    }
    let seconds = seconds as i64;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hours, minutes, seconds) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02} UTC")
}

/// Year, month and day of days since the epoch, none of them before it: Howard Hinnant's
/// `civil_from_days`, whose years begin in March.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year_of_era + era * 400 + next, month, day)
}

#[cfg(test)]
mod tests;
