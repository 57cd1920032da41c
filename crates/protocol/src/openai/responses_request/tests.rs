use serde_json::json;

use super::ResponsesRequest;
use crate::openai::Structure;

#[test]
fn items_become_messages() {
    let body = br#"{"model":"m","instructions":"S","input":[
        {"role":"user","content":[{"type":"input_text","text":"a"}]},
        {"type":"reasoning","id":"r"},
        {"type":"function_call","call_id":"c1","name":"f","arguments":"{\"x\":1}"},
        {"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},
        {"type":"function_call_output","call_id":"c1","output":"2"}],
        "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"}}},
        "max_output_tokens":7,"temperature":0.5}"#;
    let request = ResponsesRequest::read(body).unwrap();
    let messages = &request.conversation.messages;
    assert_eq!(messages[0], json!({"role": "system", "content": "S"}));
    assert_eq!(messages[1], json!({"role": "user", "content": "a"}));
    assert_eq!(messages[2]["tool_calls"].as_array().unwrap().len(), 2);
    assert_eq!(messages[3]["role"], "tool");
    let structure = request.generation.structure.unwrap();
    assert_eq!(structure, ("text.format", Structure::JsonSchema(json!({"type": "object"}))));
    assert_eq!(request.generation.stop.max_tokens, Some(7));
    assert_eq!(request.repeated["temperature"], 0.5);
    assert_eq!(request.repeated["top_p"], 1.0);
}

#[track_caller]
fn check_fault(body: &str, param: &str) {
    assert_eq!(ResponsesRequest::read(body.as_bytes()).unwrap_err().param, param);
}

#[test]
fn what_is_not_kept_cannot_be_gone_on_with() {
    check_fault(r#"{"input":"a","previous_response_id":"resp_1"}"#, "previous_response_id");
    check_fault(r#"{"input":"a","background":true}"#, "background");
    check_fault(r#"{"model":"m"}"#, "input");
    check_fault(r#"{"input":[{"type":"web_search_call"}]}"#, "input[0].type");
    check_fault(r#"{"input":"a","text":{"format":{"type":"xml"}}}"#, "text.format.type");
    check_fault(r#"{"input":"a","n":2}"#, "n");
}
