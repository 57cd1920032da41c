use super::*;

#[track_caller]
fn check(json: &str, expected: &str) {
    let (text, end) = read(json.as_bytes(), 1).unwrap();
    assert_eq!(text, expected);
    assert_eq!(end, json.len());
}

#[track_caller]
fn check_refused(json: &[u8], at: usize, message: &str) {
    let fault = read(json, 1).unwrap_err();
    assert_eq!((fault.at, fault.message), (at, message));
}

#[test]
fn escapes() {
    check(r#""""#, "");
    check(r#""plain \u00e4 ä""#, "plain \u{e4} \u{e4}");
    check(r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t");
    check(r#""\u0000""#, "\0");
    check(r#""\uD83D\ude00""#, "\u{1f600}");
    check(r#""\uffff""#, "\u{ffff}");
}

#[test]
fn broken_strings_are_refused() {
    check_refused(b"\"abc", 4, "the string is not closed");
    check_refused(b"\"a\\", 2, "unknown escape in a string");
    check_refused(b"\"\\x41\"", 1, "unknown escape in a string");
    check_refused(b"\"\\u12\"", 1, "`\\u` takes four hexadecimal digits");
    check_refused(b"\"\\u+123\"", 1, "`\\u` takes four hexadecimal digits");
    check_refused(b"\"\\ud800\"", 1, "a surrogate without its other half in a string");
    check_refused(b"\"\\ud800\\u0041\"", 1, "a surrogate without its other half in a string");
    check_refused(b"\"\\udc00\"", 1, "a surrogate without its other half in a string");
    check_refused(b"\"a\nb\"", 2, "a control character in a string; escape it");
    let not_utf8 = "a string that is not UTF-8; send such bytes as binary data";
    check_refused(b"\"ab\xff\"", 3, not_utf8);
    check_refused(b"\"\\n\xc3\"", 3, not_utf8);
}
