use serde_json::{Map, Value, json};
use smallvec::smallvec;

use super::ResponsesDialect;
use crate::openai::{
    Answer, AnswerHead, AnsweredChoice, Dialect as _, Finish, Piece, Step, StopCause, ToolCall,
    Usage,
};

fn dialect() -> ResponsesDialect {
    let head = AnswerHead { id: "1".to_owned(), model: "m".to_owned(), created: 5 };
    ResponsesDialect::new(head, &Map::from_iter([("top_p".to_owned(), json!(1.0))]))
}

fn steps(cause: StopCause) -> [Step; 2] {
    let call =
        ToolCall { id: "c".to_owned(), name: "f".to_owned(), arguments: "{\"a\"".to_owned() };
    [
        Step { pieces: smallvec![Piece::Text("Hi".to_owned())], ..Step::default() },
        Step {
            pieces: smallvec![
                Piece::Call { index: 0, call },
                Piece::Arguments { index: 0, text: ":1}".to_owned() },
            ],
            finish: Some(Finish { cause, has_calls: true }),
            ..Step::default()
        },
    ]
}

fn events(cause: StopCause) -> Vec<Value> {
    let (mut dialect, mut out, usage) = (dialect(), Vec::new(), Usage::default());
    dialect.begin(&mut out, &usage);
    for step in steps(cause) {
        dialect.step(&mut out, &step, &usage);
    }
    dialect.end(&mut out, &usage);
    let text = String::from_utf8(out).unwrap();
    let data = text.split_terminator("\n\n").map(|event| event.split_once("\ndata: ").unwrap().1);
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[test]
fn a_stream_has_items() {
    let events = events(StopCause::End);
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds, expected);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    assert_eq!(events[11]["arguments"], "{\"a\":1}");
    let output = &events[13]["response"]["output"];
    assert_eq!(output[0]["content"][0]["text"], "Hi");
    assert_eq!(output[1]["call_id"], "call_c");
    assert_eq!(output[1]["id"], events[9]["item_id"]);
    assert_eq!(output[0]["id"], events[4]["item_id"]);
}

#[test]
fn what_is_cut_off_is_incomplete() {
    let events = events(StopCause::Length);
    let last = &events.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
}

#[test]
fn a_whole_response() {
    let mut choice = AnsweredChoice::default();
    steps(StopCause::End).into_iter().for_each(|step| choice.take(step));
    let answer = Answer { choices: vec![choice], usage: Usage::default() };
    let document: Value = serde_json::from_slice(&dialect().whole(&answer)).unwrap();
    assert_eq!((&document["status"], &document["top_p"]), (&json!("completed"), &json!(1.0)));
    assert_eq!(document["output"][1]["arguments"], "{\"a\":1}");
}
