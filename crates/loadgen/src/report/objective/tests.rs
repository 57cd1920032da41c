use super::term;
use crate::result::{Estimate, ObjectiveTerm};

#[track_caller]
fn check(name: &str, observed: (f64, f64, f64), holds: Option<bool>, expected: &str) {
    let (value, low, high) = observed;
    let observed = Estimate { value, low, high };
    assert_eq!(
        term(&ObjectiveTerm { term: name.to_owned(), limit: 1.0, observed, holds }),
        expected
    );
}

#[test]
fn terms_are_said_with_what_was_observed() {
    let tail = (271.0, 220.0, 336.0);
    check("p99=50ms", tail, Some(false), "p99=50ms breaks: 271 ms (220–336)");
    let rare = (0.0, 0.0, 0.002);
    check("errors=1%", rare, Some(true), "errors=1% holds: 0 % (0 % to 0.2 %)");
    let close = (49.0, 44.0, 53.0);
    let words = "whether p99=50ms holds cannot be told: 49.0 ms (44.0–53.0); measure longer";
    check("p99=50ms", close, None, words);
}
