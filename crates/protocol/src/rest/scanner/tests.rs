use super::*;

#[track_caller]
fn check_skip(json: &str, expected: &str) {
    let mut scanner = Scanner::new(json.as_bytes());
    assert_eq!(scanner.skip().unwrap(), expected.as_bytes());
}

#[track_caller]
fn check_refused(json: &str, expected: &str) {
    let mut scanner = Scanner::new(json.as_bytes());
    let refused = scanner.skip().and_then(|_| scanner.end()).unwrap_err();
    assert_eq!(refused.to_string(), format!("malformed JSON at byte {expected}"));
}

#[test]
fn values_are_skipped_whole() {
    check_skip(" 1.5e3 ,", "1.5e3");
    check_skip(r#""a\"b", 2"#, r#""a\"b""#);
    check_skip("[] ]", "[]");
    check_skip("{ } }", "{ }");
    check_skip(r#"[1, [2, {"a": [], "b": {}}], "]"], 3"#, r#"[1, [2, {"a": [], "b": {}}], "]"]"#);
    check_skip(r#"{"a": {"b": [null, true]}, "c": -1}x"#, r#"{"a": {"b": [null, true]}, "c": -1}"#);
}

#[test]
fn broken_structure_is_refused() {
    check_refused("", "0: expected a value, found the end");
    check_refused("[1 2]", "3: expected `,` or `]`, found `2`");
    check_refused("[1,]", "3: expected a value, found `]`");
    check_refused("[1}", "2: expected `,` or `]`, found `}`");
    check_refused("{1: 2}", "1: expected a key in quotes, found `1`");
    check_refused(r#"{"a" 2}"#, "5: expected `:`, found `2`");
    check_refused(r#"{"a": 2,}"#, "8: expected a key in quotes, found `}`");
    check_refused(r#"{"a": 2"#, "7: expected `,` or `}`, found the end");
    check_refused("1 1", "2: expected the end, found `1`");
    check_refused("\u{e4}", "0: expected a value, found `\u{e4}`");
}

#[test]
fn nesting_is_bounded() {
    let levels = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count));
    check_skip(&levels(JSON_DEPTH_MAX), &levels(JSON_DEPTH_MAX));
    check_refused(&levels(JSON_DEPTH_MAX + 1), "100: nested deeper than 100 levels");
    check_refused(&r#"{"a":"#.repeat(1_000_000), "500: nested deeper than 100 levels");
}
