use smallvec::smallvec;

use super::ChatDialect;
use crate::openai::{
    Answer, AnswerHead, AnsweredChoice, Dialect as _, ErrorBody, Finish, GenerationFields, Piece,
    Step, StopCause, StreamFields, ToolCall, Usage,
};

fn dialect(include_usage: bool) -> ChatDialect {
    let head = AnswerHead { id: "1".to_owned(), model: "m".to_owned(), created: 5 };
    let stream = Some(StreamFields { include_usage, continuous_usage: false });
    ChatDialect::new(head, &GenerationFields { choices: 1, stream, ..GenerationFields::default() })
}

fn text(text: &str) -> Step {
    Step { pieces: smallvec![Piece::Text(text.to_owned())], ..Step::default() }
}

const HEAD: &str = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"m","choices":["#;

/// Checks what stands between the head and the end of each event.
#[track_caller]
fn check(dialect: &mut ChatDialect, step: &Step, expected: &str) {
    let mut out = Vec::new();
    dialect.step(&mut out, step, &Usage::default());
    let out = String::from_utf8(out).unwrap();
    let events: String =
        out.split_terminator("\n\n").map(|event| event.strip_prefix(HEAD).unwrap()).collect();
    assert_eq!(events, expected);
}

#[test]
fn chunks_of_text() {
    let mut dialect = dialect(false);
    let tail = r#","logprobs":null,"finish_reason":null}]}"#;
    check(
        &mut dialect,
        &text("a\"\n"),
        &format!(r#"{{"index":0,"delta":{{"role":"assistant","content":"a\"\n"}}{tail}"#),
    );
    check(&mut dialect, &Step::default(), "");
    check(&mut dialect, &text("b"), &format!(r#"{{"index":0,"delta":{{"content":"b"}}{tail}"#));
    let finish = Some(Finish { cause: StopCause::Text("X".to_owned()), has_calls: false });
    let last =
        r#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop","stop_reason":"X"}]}"#;
    check(&mut dialect, &Step { finish, ..Step::default() }, last);
}

#[test]
fn the_end_of_a_stream() {
    let mut out = Vec::new();
    let usage = Usage { prompt_tokens: 3, cached_tokens: 2, completion_tokens: 4 };
    dialect(true).end(&mut out, &usage);
    let expected = r#"],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":2}}}"#;
    assert_eq!(String::from_utf8(out).unwrap(), format!("{HEAD}{expected}\n\ndata: [DONE]\n\n"));
    let mut out = Vec::new();
    dialect(false).end(&mut out, &usage);
    assert_eq!(out, b"data: [DONE]\n\n");
    let mut out = Vec::new();
    dialect(false).fail(&mut out, ErrorBody { status: 500, message: "x", param: None, code: None });
    assert!(String::from_utf8(out).unwrap().contains(r#""message":"x""#));
}

#[test]
fn chunks_of_calls() {
    let call = ToolCall { id: "c".to_owned(), name: "f".to_owned(), arguments: String::new() };
    let pieces = smallvec![
        Piece::Call { index: 0, call },
        Piece::Arguments { index: 0, text: "{}".to_owned() }
    ];
    let expected = r#"{"index":0,"delta":{"role":"assistant","content":"","tool_calls":[{"index":0,"id":"call_c","type":"function","function":{"name":"f","arguments":""}},{"index":0,"function":{"arguments":"{}"}}]},"logprobs":null,"finish_reason":null}]}"#;
    check(&mut dialect(false), &Step { pieces, ..Step::default() }, expected);
}

#[test]
fn a_whole_answer_without_choices_is_valid() {
    let answer = Answer { choices: vec![AnsweredChoice::default()], usage: Usage::default() };
    let whole = dialect(false).whole(&answer);
    let document: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(document["choices"][0]["message"]["content"], "");
}
