use std::sync::Arc;

use protocol::openai::{AnsweredChoice, Piece, Step, Tool, Tools};
use serde_json::json;
use smallvec::SmallVec;

use super::{CallForm, CallReader, CallStyle, list_schema};

fn style(form: CallForm) -> CallStyle {
    CallStyle {
        form,
        names: Arc::from(["add".to_owned(), "now".to_owned()]),
        calls_max: usize::MAX,
    }
}

/// Reads `answer` in pieces of `len` characters.
fn read(style: CallStyle, answer: &str, len: usize) -> (AnsweredChoice, bool) {
    let mut reader = CallReader::new(style);
    let mut choice = AnsweredChoice::default();
    let characters: Vec<char> = answer.chars().collect();
    for text in characters.chunks(len) {
        let mut pieces = SmallVec::new();
        reader.read(&text.iter().collect::<String>(), &mut pieces);
        choice.take(Step { pieces, ..Step::default() });
    }
    let mut pieces: SmallVec<[Piece; 1]> = SmallVec::new();
    let has_calls = reader.finish(&mut pieces);
    choice.take(Step { pieces, ..Step::default() });
    (choice, has_calls)
}

/// Whatever the pieces, the same text and the same calls come out.
#[track_caller]
fn check(form: &CallForm, answer: &str, text: &str, calls: &[(&str, &str)]) {
    for len in 1..=answer.len().max(1) {
        let (choice, has_calls) = read(style(form.clone()), answer, len);
        assert_eq!(choice.text, text, "in pieces of {len}");
        let found: Vec<_> =
            choice.calls.iter().map(|call| (&*call.name, &*call.arguments)).collect();
        assert_eq!(found, calls, "in pieces of {len}");
        assert_eq!(has_calls, !calls.is_empty());
        assert!(choice.calls.iter().all(|call| call.id.len() == 24));
    }
}

#[test]
fn hermes_calls_stand_within_text() {
    let one = r#"Sure.<tool_call>
{"name": "add", "arguments": {"a": 1, "b": "}]\"<"}}
</tool_call>"#;
    check(&CallForm::Hermes, one, "Sure.", &[("add", r#"{"a": 1, "b": "}]\"<"}"#)]);
    let two = r#"<tool_call>{"arguments": {"a": [1, {}]}, "name": "add"}</tool_call><tool_call>{"name":"now"}</tool_call>"#;
    check(&CallForm::Hermes, two, "", &[("add", r#"{"a": [1, {}]}"#), ("now", "{}")]);
    check(&CallForm::Hermes, "1 < 2, <tool_ calls", "1 < 2, <tool_ calls", &[]);
    check(&CallForm::Hermes, "", "", &[]);
}

#[test]
fn what_is_no_call_is_text() {
    check(
        &CallForm::Hermes,
        "<tool_call>{\"name\": \"rm\", \"arguments\": {}}</tool_call>",
        "{\"name\": \"rm\", \"arguments\": {}}</tool_call>",
        &[],
    );
    check(&CallForm::Hermes, "<tool_call>oops", "oops", &[]);
    check(&CallForm::Hermes, "<tool_call>{oops", "{oops", &[]);
    check(
        &CallForm::Llama3,
        r#"{"name": "Alice", "age": 3}"#,
        r#"{"name": "Alice", "age": 3}"#,
        &[],
    );
    check(&CallForm::Llama3, r#"{"age": 3}"#, r#"{"age": 3}"#, &[]);
    check(&CallForm::Llama3, "Hello {world}", "Hello {world}", &[]);
    check(&CallForm::List, "no list", "no list", &[]);
}

#[test]
fn other_forms() {
    let llama = r#"<|python_tag|>{"name": "add", "parameters": {"a": 1}}; {"name": "now", "parameters": {}}"#;
    check(&CallForm::Llama3, llama, "", &[("add", r#"{"a": 1}"#), ("now", "{}")]);
    let bare = r#"{"type": "function", "name": "add", "parameters": {"a": -1.5}}"#;
    check(&CallForm::Llama3, bare, "", &[("add", r#"{"a": -1.5}"#)]);
    let mistral = r#"Well[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1}}, {"name": "now", "arguments": "{\"b\":2}"}]"#;
    check(&CallForm::Mistral, mistral, "Well", &[("add", r#"{"a": 1}"#), ("now", r#"{"b":2}"#)]);
    let list = r#"[{"name":"add","arguments":{"a":1}},{"name":"add","arguments":{}}]"#;
    check(&CallForm::List, list, "", &[("add", r#"{"a":1}"#), ("add", "{}")]);
    check(&CallForm::Arguments("add".to_owned()), r#"{"a":1}"#, "", &[("add", r#"{"a":1}"#)]);
}

#[test]
fn a_call_that_is_cut_off_stays_as_far_as_it_went() {
    check(&CallForm::List, r#"[{"name":"add","arguments":{"a":"#, "", &[("add", r#"{"a":"#)]);
    check(&CallForm::List, r#"[{"name":"ad"#, r#"{"name":"ad"#, &[]);
}

#[test]
fn only_one_call_is_told_if_one_is_wanted() {
    let style = CallStyle { calls_max: 1, ..style(CallForm::Hermes) };
    let call = r#"<tool_call>{"name":"now"}</tool_call>"#;
    let (choice, _) = read(style, &call.repeat(3), 5);
    assert_eq!(choice.calls.len(), 1);
}

fn tool(name: &str, parameters: serde_json::Value) -> Tool {
    Tool { name: name.to_owned(), description: String::new(), parameters }
}

#[test]
fn definitions_are_where_references_look_for_them() {
    let with = |kind: &str| json!({"type": "object", "$defs": {"T": {"type": kind}}, "properties": {"a": {"$ref": "#/$defs/T"}}});
    let tools = |other: &str| Tools {
        list: vec![tool("a", with("string")), tool("b", with(other))],
        parallel: false,
        ..Tools::default()
    };
    let schema = list_schema(&tools("string")).unwrap();
    assert_eq!(schema["$defs"], json!({"T": {"type": "string"}}));
    assert_eq!(schema["maxItems"], 1);
    assert_eq!(schema["items"]["anyOf"][1]["properties"]["name"]["const"], "b");
    assert!(list_schema(&tools("number")).is_err());
}
