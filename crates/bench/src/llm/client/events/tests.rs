use super::{Event, Events, PromptDetails, Usage};

const LLAMA_CPP_PIECE: &str = r#"data: {"choices":[{"text":" a","index":0,"logprobs":null,"finish_reason":null}],"created":1,"object":"text_completion","id":"x"}

"#;
const END: &str = r#"data: {"choices":[{"text":"","index":0,"finish_reason":"length"}]}

data: {"choices":[],"usage":{"completion_tokens":2,"prompt_tokens":128,"total_tokens":130,"prompt_tokens_details":{"cached_tokens":64}}}

data: [DONE]

"#;

fn usage() -> Usage {
    let details = PromptDetails { cached_tokens: Some(64) };
    Usage { prompt_tokens: 128, completion_tokens: 2, prompt_tokens_details: Some(details) }
}

#[track_caller]
fn check(body: &str, expected: &[Event]) {
    let whole = Events::default().push(body.as_bytes()).unwrap();
    let mut bytewise = Events::default();
    let cut: Vec<Event> = body.bytes().flat_map(|byte| bytewise.push(&[byte]).unwrap()).collect();
    assert_eq!(whole, expected);
    assert_eq!(cut, expected, "cut into bytes");
}

#[test]
fn an_answer_is_pieces_then_counts() {
    let body = [LLAMA_CPP_PIECE, LLAMA_CPP_PIECE, END].concat();
    let end = [Event::Other, Event::Other, Event::Usage(usage()), Event::Other];
    let expected = [[Event::Piece, Event::Piece].as_slice(), &end].concat();
    check(&body, &expected);
    assert_eq!(usage().cached_tokens(), Some(64));
}

#[test]
fn a_last_event_with_text_is_a_piece() {
    check(
        "data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":\"length\"}]}\r\n\r\n",
        &[Event::Piece],
    );
}

#[test]
fn a_token_without_text_is_a_piece() {
    check("data: {\"choices\":[{\"text\":\"\",\"finish_reason\":null}]}\n\n", &[Event::Piece]);
}

#[test]
fn comments_and_other_fields_are_passed_over() {
    check(": ping\n\nevent: message\nid: 1\n\n", &[]);
}

#[test]
fn errors_are_told() {
    let expected = Event::Error("{\"message\":\"no\"}".to_owned());
    check("data: {\"error\":{\"message\":\"no\"}}\n\n", &[expected, Event::Other]);
    check("error: {\"code\":500}\n\n", &[Event::Error("error: {\"code\":500}".to_owned())]);
}

#[test]
fn what_is_no_json_is_an_error() {
    assert!(Events::default().push(b"data: {\n").is_err());
}
