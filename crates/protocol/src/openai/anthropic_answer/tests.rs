use serde_json::{Value, json};
use smallvec::smallvec;

use super::MessagesDialect;
use crate::openai::{
    Answer, AnswerHead, AnsweredChoice, Dialect as _, Finish, Piece, Step, StopCause, ToolCall,
    Usage,
};

fn head() -> AnswerHead {
    AnswerHead { id: "1".to_owned(), model: "m".to_owned(), created: 5 }
}

fn steps() -> [Step; 2] {
    let call =
        ToolCall { id: "c".to_owned(), name: "f".to_owned(), arguments: "{\"a\"".to_owned() };
    let finish = Some(Finish { cause: StopCause::End, has_calls: true });
    [
        Step { pieces: smallvec![Piece::Text("Hi".to_owned())], ..Step::default() },
        Step {
            pieces: smallvec![
                Piece::Text("\n".to_owned()),
                Piece::Call { index: 0, call },
                Piece::Text(" \n".to_owned()),
                Piece::Arguments { index: 0, text: ":1}".to_owned() },
            ],
            finish,
            ..Step::default()
        },
    ]
}

const USAGE: Usage = Usage { prompt_tokens: 5, cached_tokens: 2, completion_tokens: 3 };

#[test]
fn a_stream_has_blocks() {
    let mut dialect = MessagesDialect::new(head());
    let mut out = Vec::new();
    dialect.begin(&mut out, &USAGE);
    for step in steps() {
        dialect.step(&mut out, &step, &USAGE);
    }
    dialect.end(&mut out, &USAGE);
    let text = String::from_utf8(out).unwrap();
    let mut events = Vec::new();
    for event in text.split_terminator("\n\n") {
        let (name, data) = event.split_once("\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(name, format!("event: {}", data["type"].as_str().unwrap()));
        events.push(data);
    }
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let block =
        ["content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"];
    let expected =
        [&["message_start", "ping"][..], &block, &block, &["message_delta", "message_stop"]];
    assert_eq!(kinds, expected.concat());
    assert_eq!(events[6]["content_block"]["name"], "f");
    assert_eq!(events[8]["delta"], json!({"type": "input_json_delta", "partial_json": ":1}"}));
    assert_eq!(events[10]["delta"]["stop_reason"], "tool_use");
    assert_eq!(events[10]["usage"]["cache_read_input_tokens"], 2);
}

#[test]
fn a_whole_message() {
    let mut choice = AnsweredChoice::default();
    steps().into_iter().for_each(|step| choice.take(step));
    let whole = MessagesDialect::new(head()).whole(&Answer { choices: vec![choice], usage: USAGE });
    let document: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(
        document["content"][1],
        json!({"type": "tool_use", "id": "toolu_c", "name": "f", "input": {"a": 1}})
    );
    assert_eq!(document["usage"]["input_tokens"], 3);
}
