use std::{fmt::Debug, str::FromStr, time::Duration};

use super::{Header, JsonObject, NamedRange, NamedShape, Percent, Span};

#[track_caller]
fn check<T: FromStr<Err = String> + PartialEq + Debug>(text: &str, expected: T) {
    assert_eq!(text.parse(), Ok(expected));
}

#[track_caller]
fn check_refused<T: FromStr<Err = String> + Debug>(texts: &[&str], hint: &str) {
    for text in texts {
        let error = text.parse::<T>().unwrap_err();
        assert!(error.contains(hint), "{text}: {error}");
    }
}

#[test]
fn units_are_read() {
    check("500ms", Span(Duration::from_millis(500)));
    check("1.5s", Span(Duration::from_millis(1500)));
    check("5m", Span(Duration::from_secs(300)));
    check("0s", Span(Duration::ZERO));
    check_refused::<Span>(&["5", "", "s", "-1s", "infs", "5 d"], "say 500ms");
    check("5%", Percent(0.05));
    check_refused::<Percent>(&["5", "x%", "-1%", "NaN%"], "say 5%");
}

#[test]
fn names_may_hold_colons() {
    check("x:1,128", NamedShape("x".to_owned(), vec![1, 128]));
    check("a:b:3", NamedShape("a:b".to_owned(), vec![3]));
    check_refused::<NamedShape>(&["x", "x:", "x:a", "x:-1"], "NAME:D1,D2");
    check("a:b:0:5", NamedRange("a:b".to_owned(), "0:5".parse().unwrap()));
    check_refused::<NamedRange>(&["x:5"], "NAME:LOW:HIGH");
    check_refused::<NamedRange>(&["x:5:1"], "LOW:HIGH");
}

#[test]
fn headers_cannot_smuggle() {
    check("Authorization: Bearer x:y", Header("Authorization".to_owned(), "Bearer x:y".to_owned()));
    check_refused::<Header>(&["x", ": y", "x: a\r\nevil: 1"], "NAME: VALUE");
    check_refused::<JsonObject>(&["[]", "{", "1"], "no JSON object");
}
