use std::time::Duration;

use super::parse_timeout;

#[track_caller]
fn check(value: &str, expected: Option<Duration>) {
    assert_eq!(parse_timeout(value), expected);
}

#[test]
fn deadlines_are_digits_and_a_unit() {
    check("2H", Some(Duration::from_secs(7200)));
    check("3M", Some(Duration::from_secs(180)));
    check("99999999S", Some(Duration::from_secs(99_999_999)));
    check("250m", Some(Duration::from_millis(250)));
    check("7u", Some(Duration::from_micros(7)));
    check("0n", Some(Duration::ZERO));
}

#[test]
fn anything_else_is_no_deadline() {
    for value in ["", "S", "1", "1s", "-1S", "+1S", "123456789S", "1 S", "1é"] {
        check(value, None);
    }
}
