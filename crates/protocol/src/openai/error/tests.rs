use super::{ErrorBody, ErrorForm};

#[track_caller]
fn check(status: u16, form: ErrorForm, expected: &str) {
    let error = ErrorBody { status, message: "no", param: Some("n"), code: None };
    assert_eq!(String::from_utf8(error.to_json(form)).unwrap(), expected);
}

#[test]
fn each_api_has_its_form() {
    check(
        400,
        ErrorForm::OpenAi,
        r#"{"error":{"message":"no","type":"invalid_request_error","param":"n","code":null}}"#,
    );
    check(
        400,
        ErrorForm::Anthropic,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#,
    );
}

#[test]
fn statuses_have_their_types() {
    check(
        429,
        ErrorForm::OpenAi,
        r#"{"error":{"message":"no","type":"rate_limit_error","param":"n","code":null}}"#,
    );
    check(
        503,
        ErrorForm::Anthropic,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"no"}}"#,
    );
    check(
        500,
        ErrorForm::Anthropic,
        r#"{"type":"error","error":{"type":"api_error","message":"no"}}"#,
    );
}
