use http::{HeaderMap, HeaderName, HeaderValue};

use super::{ApiKey, ApiKeys, KeyFault};

fn keys() -> ApiKeys {
    ApiKeys::new(vec![
        ApiKey::new("key-of-anna", "anna", 2, -1).unwrap(),
        ApiKey::new("key-of-bert", "bert", 1, 0).unwrap(),
    ])
}

#[track_caller]
fn check(name: &'static str, value: &'static str, expected: Result<&str, KeyFault>) {
    let headers =
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
    let found = keys().check(&headers).map(|tenant| tenant.unwrap().name);
    assert_eq!(found, expected.map(str::to_owned));
}

#[test]
fn a_key_says_who_asks() {
    check("authorization", "Bearer key-of-anna", Ok("anna"));
    check("x-api-key", "key-of-bert", Ok("bert"));
    check("authorization", "Bearer key-of-ann", Err(KeyFault::Wrong));
    check("authorization", "Bearer ", Err(KeyFault::Wrong));
    check("authorization", "Basic key-of-anna", Err(KeyFault::Missing));
    check("cookie", "key-of-anna", Err(KeyFault::Missing));
}

#[test]
fn nobody_needs_a_key_where_there_is_none() {
    assert_eq!(ApiKeys::default().check(&HeaderMap::new()), Ok(None));
}

#[test]
fn keys_are_checked_and_never_shown() {
    assert!(ApiKey::new("short", "a", 1, 0).is_err());
    assert!(!format!("{:?}", keys()).contains("key-of"));
}
