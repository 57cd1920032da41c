//! `strftime_now`: the date in UTC, in the forms that templates ask for.

use std::{fmt::Write as _, time::SystemTime};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

/// The function `strftime_now(format)` that takes `now` for the present.
pub(super) fn strftime_at(now: SystemTime) -> impl Fn(&str) -> String + Send + Sync + 'static {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    move |format| strftime(format, seconds)
}

/// Formats a time in seconds since 1970. What is not known stays as it is.
pub(super) fn strftime(format: &str, seconds: u64) -> String {
    let date = Date::of_day(seconds / 86_400);
    let clock = seconds % 86_400;
    let mut text = String::new();
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let (plain, code) = match rest.next() {
            Some('-') => (true, rest.next()),
            code => (false, code),
        };
        push(&mut text, code, plain, &date, clock);
    }
    text
}

fn push(text: &mut String, code: Option<char>, plain: bool, date: &Date, clock: u64) {
    let two = |text: &mut String, value: u64| match plain {
        true => write!(text, "{value}"),
        false => write!(text, "{value:02}"),
    };
    let hour = clock / 3600;
    let written = match code {
        Some('Y') => write!(text, "{}", date.year),
        Some('y') => two(text, date.year % 100),
        Some('m') => two(text, date.month),
        Some('d') => two(text, date.day),
        Some('e') => write!(text, "{:2}", date.day),
        Some('H') => two(text, hour),
        Some('I') => two(text, (hour + 11) % 12 + 1),
        Some('M') => two(text, clock / 60 % 60),
        Some('S') => two(text, clock % 60),
        Some('p') => write!(text, "{}", if hour < 12 { "AM" } else { "PM" }),
        Some('B') => write!(text, "{}", date.month_name()),
        Some('b' | 'h') => write!(text, "{}", &date.month_name()[..3]),
        Some('A') => write!(text, "{}", date.weekday),
        Some('a') => write!(text, "{}", &date.weekday[..3]),
        Some('%') => write!(text, "%"),
        Some(other) => write!(text, "%{other}"),
        None => write!(text, "%"),
    };
    written.expect("a String takes everything");
}

struct Date {
    year: u64,
    /// From 1.
    month: u64,
    /// From 1.
    day: u64,
    weekday: &'static str,
}

impl Date {
    /// The date that is `days` after 1 January 1970. In years that begin in March, so that the leap day
    /// is the last one: <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
    fn of_day(days: u64) -> Self {
        let weekday = DAYS[usize::try_from(days % 7).expect("below 7")];
        let shifted = days + 719_468;
        let (era, day) = (shifted / 146_097, shifted % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let from_march = (5 * day + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let day = day - (153 * from_march + 2) / 5 + 1;
        Self { year: year + era * 400 + u64::from(month <= 2), month, day, weekday }
    }

    fn month_name(&self) -> &'static str {
        MONTHS[usize::try_from(self.month - 1).expect("below 12")]
    }
}
