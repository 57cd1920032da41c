use serde_json::json;

use super::ChatRequest;
use crate::openai::{Structure, ToolChoice};

fn read(fields: &str) -> Result<ChatRequest, crate::openai::RequestFault> {
    let body = format!(r#"{{"messages":[{{"role":"user","content":"a"}}]{fields}}}"#);
    ChatRequest::read(body.as_bytes())
}

#[track_caller]
fn check_fault(fields: &str, param: &str, message: &str) {
    let fault = read(fields).unwrap_err();
    assert_eq!(fault.param, param, "{fault}");
    assert!(fault.message.contains(message), "{fault}");
}

#[test]
fn what_is_absent_has_its_default() {
    let request = read("").unwrap();
    assert_eq!((request.generation.choices, request.generation.logprobs), (1, None));
    assert!(request.generation.skip_special_tokens && request.template.add_generation_prompt);
    assert_eq!(request.generation.stop.max_tokens, None);
    assert_eq!(read(r#","temperature":null,"stop":null,"tools":null"#).unwrap(), request);
}

#[test]
fn messages_are_made_plain() {
    let body = br#"{"messages":[
        {"role":"developer","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
        {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},
        {"role":"tool","tool_call_id":"c1","content":"2"}]}"#;
    let messages = ChatRequest::read(body).unwrap().conversation.messages;
    assert_eq!(messages[0], json!({"role": "system", "content": "a\nb"}));
    assert_eq!(
        messages[1]["tool_calls"][0]["function"],
        json!({"name": "f", "arguments": {"x": 1}})
    );
    assert_eq!(messages[2], json!({"role": "tool", "content": "2", "tool_call_id": "c1"}));
}

#[test]
fn the_newer_limit_goes_before_the_older() {
    let request = read(r#","max_tokens":5,"max_completion_tokens":7"#).unwrap();
    assert_eq!(request.generation.stop.max_tokens, Some(7));
    check_fault(r#","max_completion_tokens":0"#, "max_completion_tokens", "from 1");
    check_fault(r#","max_tokens":3,"min_tokens":4"#, "min_tokens", "above");
}

#[test]
fn one_thing_holds_an_answer() {
    let format = r#","response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}"#;
    let (field, structure) = read(format).unwrap().generation.structure.unwrap();
    assert_eq!(
        (field, structure),
        ("response_format", Structure::JsonSchema(json!({"type": "object"})))
    );
    let text = r#","guided_json":"{\"type\":\"object\"}""#;
    let (field, structure) = read(text).unwrap().generation.structure.unwrap();
    assert_eq!(
        (field, structure),
        ("guided_json", Structure::JsonSchema(json!({"type": "object"})))
    );
    let choice = r#","structured_outputs":{"choice":["a","b"]}"#;
    let (_, structure) = read(choice).unwrap().generation.structure.unwrap();
    assert_eq!(structure, Structure::Choice(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(read(r#","response_format":{"type":"text"}"#).unwrap().generation.structure, None);
    check_fault(&format!("{format}{text}"), "guided_json", "response_format");
    check_fault(r#","response_format":{"type":"xml"}"#, "response_format.type", "json_schema");
    check_fault(r#","guided_choice":[]"#, "guided_choice", "at least one");
    check_fault(r#","structured_outputs":{"xml":1}"#, "structured_outputs.xml", "leave it out");
}

#[test]
fn functions_are_checked() {
    let tools = r#","tools":[{"type":"function","function":{"name":"f"}}]"#;
    let request = read(tools).unwrap();
    assert_eq!(request.tools.list[0].parameters, json!({"type": "object", "properties": {}}));
    let none = read(&format!(r#"{tools},"tool_choice":"none""#)).unwrap();
    assert!(none.tools.list.is_empty());
    let named = format!(r#"{tools},"tool_choice":{{"type":"function","function":{{"name":"f"}}}}"#);
    assert_eq!(read(&named).unwrap().tools.choice, ToolChoice::Named("f".to_owned()));
    check_fault(&named.replacen(r#""f""#, r#""g""#, 1), "tool_choice", "`f`");
    check_fault(r#","tools":[{"type":"web_search"}]"#, "tools[0].type", "function");
    check_fault(
        r#","tools":[{"type":"function","function":{"name":"a b"}}]"#,
        "tools[0].function.name",
        "letters",
    );
    let twice = format!("{},{}", tools.trim_end_matches(']'), &tools[r#","tools":["#.len()..]);
    check_fault(&twice, "tools", "two functions");
}

#[test]
fn what_would_not_be_done_is_refused() {
    check_fault(r#","modalities":["audio"]"#, "modalities", "not supported");
    check_fault(r#","use_beam_search":true"#, "use_beam_search", "not supported");
    check_fault(r#","stream":true,"stream_options":{"x":1}"#, "stream_options.x", "leave it out");
    check_fault(r#","stop":["a",""]"#, "stop", "1 to 1024 bytes");
    check_fault(r#","logit_bias":{"a":1}"#, "logit_bias", "numbers from -100 to 100");
    check_fault(r#","seed":1.5"#, "seed", "64 bits");
    check_fault(r#","stream":true,"prompt_logprobs":1"#, "prompt_logprobs", "stream");
}
