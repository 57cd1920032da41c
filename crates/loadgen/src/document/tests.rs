use super::DocumentError;
use crate::{
    report::fixture,
    result::{ResultDocument, SCHEMA},
};

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    let error = ResultDocument::from_json(text.as_bytes()).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn what_was_written_is_read() {
    for mut document in fixture::all() {
        SCHEMA.clone_into(&mut document.schema);
        let read = ResultDocument::from_json(document.to_json().as_bytes()).unwrap();
        assert!(read == document, "{}", read.to_json());
    }
}

#[test]
fn a_field_of_a_later_version_is_passed_over() {
    let text = fixture::sweep().to_json().replacen('{', "{\"later\": [1, 2],", 1);
    assert!(ResultDocument::from_json(text.as_bytes()).unwrap() == fixture::sweep());
}

#[test]
fn what_is_no_result_is_refused_in_words() {
    check_refused("", "no result of `hone bench`");
    check_refused("Concurrency,Inferences/Second\n1,69.2\n", "no result of `hone bench`");
    check_refused("{\"experiments\": []}", "no result of `hone bench`");
    check_refused("[1]", "no result of `hone bench`");
}

#[test]
fn another_schema_is_named() {
    check_refused("{\"schema\": \"hone.bench/2\"}", "hone.bench/2");
    check_refused("{\"schema\": \"other\"}", "hone.bench/1");
}

#[test]
fn a_damaged_result_tells_where() {
    let text = fixture::sweep().to_json().replacen("\"seed\": ", "\"seed\": -", 1);
    let error = ResultDocument::from_json(text.as_bytes()).unwrap_err();
    let DocumentError::Damaged(cause) = error else { panic!("{error}") };
    assert!(cause.to_string().contains("line"), "{cause}");
}
