use super::*;

const TOKEN: &str = "correct-horse";

#[track_caller]
fn check(token: Option<&str>, headers: &[(&'static str, &str)], expected: Result<(), Forbidden>) {
    let guard = ControlGuard::new(token.map(|token| ControlToken::new(token).unwrap()));
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    assert_eq!(guard.check(&headers), expected);
}

#[test]
fn with_a_token_only_those_who_send_it() {
    check(Some(TOKEN), &[("authorization", "Bearer correct-horse")], Ok(()));
    check(Some(TOKEN), &[("authorization", "bearer  correct-horse ")], Ok(()));
    check(Some(TOKEN), &[], Err(Forbidden::TokenMissing));
    for missing in ["", "Bearer", "Basic Y29ycmVjdA==", "correct-horse"] {
        check(Some(TOKEN), &[("authorization", missing)], Err(Forbidden::TokenMissing));
    }
    for wrong in ["correct-hors", "correct-horsf", "correct-horsecorrect-horse", "x", ""] {
        let value = format!("Bearer {wrong}");
        check(Some(TOKEN), &[("authorization", &value)], Err(Forbidden::TokenWrong));
    }
}

#[test]
fn with_a_token_it_does_not_matter_where_the_request_comes_from() {
    let headers = [
        ("authorization", "Bearer correct-horse"),
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://example.com"),
    ];
    check(Some(TOKEN), &headers, Ok(()));
}

#[test]
fn without_a_token_all_but_the_pages_of_other_sites() {
    check(None, &[], Ok(()));
    check(None, &[("sec-fetch-site", "same-origin")], Ok(()));
    check(None, &[("sec-fetch-site", "none")], Ok(()));
    check(None, &[("sec-fetch-site", "cross-site")], Err(Forbidden::CrossSite));
    check(None, &[("sec-fetch-site", "same-site")], Err(Forbidden::CrossSite));
    let host = ("host", "localhost:8000");
    check(None, &[("origin", "http://localhost:8000"), host], Ok(()));
    check(None, &[("origin", "http://localhost:3000"), host], Err(Forbidden::CrossSite));
    check(None, &[("origin", "null"), host], Err(Forbidden::CrossSite));
    check(None, &[("origin", "http://localhost:8000")], Err(Forbidden::CrossSite));
}

#[test]
fn a_token_must_fit_into_a_header_and_is_never_shown() {
    assert!(ControlToken::new("short").unwrap_err().contains("at least 8"));
    assert!(ControlToken::new("with a space").unwrap_err().contains("visible ASCII"));
    let token = ControlToken::new(TOKEN).unwrap();
    assert!(!format!("{token:?} {:?}", ControlGuard::new(Some(token.clone()))).contains("horse"));
}
