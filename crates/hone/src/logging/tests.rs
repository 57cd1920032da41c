use super::{civil_date, parse};

#[test]
fn days_are_dates() {
    assert_eq!(civil_date(0), (1970, 1, 1));
    assert_eq!(civil_date(11_016), (2000, 2, 29));
    assert_eq!(civil_date(20_781), (2026, 11, 24));
}

#[test]
fn a_filter_that_is_none_is_refused() {
    assert!(parse("info,serving=debug").is_ok());
    assert!(parse("serving=loud").is_err());
}
