use serde_json::json;

use super::MessagesRequest;
use crate::openai::ToolChoice;

#[test]
fn blocks_become_messages() {
    let body = br#"{"model":"m","max_tokens":5,"system":[{"type":"text","text":"S"}],"stop_sequences":["X"],
        "messages":[
            {"role":"user","content":"a"},
            {"role":"assistant","content":[{"type":"text","text":"b"},{"type":"tool_use","id":"t1","name":"f","input":{"x":1}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"2"}]},{"type":"text","text":"c"}]}],
        "tools":[{"name":"f","description":"d","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"}}"#;
    let request = MessagesRequest::read(body).unwrap();
    let messages = &request.conversation.messages;
    assert_eq!(messages[0], json!({"role": "system", "content": "S"}));
    assert_eq!(messages[2]["tool_calls"][0]["function"]["arguments"], json!({"x": 1}));
    assert_eq!(messages[3], json!({"role": "tool", "tool_call_id": "t1", "content": "2"}));
    assert_eq!(messages[4], json!({"role": "user", "content": "c"}));
    assert_eq!(request.tools.choice, ToolChoice::Required);
    let generation = request.generation;
    assert_eq!(
        (&generation.stop.stop[..], generation.stop.max_tokens),
        (&["X".to_owned()][..], Some(5))
    );
}

#[track_caller]
fn check_fault(body: &str, param: &str) {
    assert_eq!(MessagesRequest::read(body.as_bytes()).unwrap_err().param, param);
}

#[test]
fn wrong_fields_are_named() {
    let messages = r#""messages":[{"role":"user","content":"a"}]"#;
    check_fault(&format!("{{{messages}}}"), "max_tokens");
    check_fault(r#"{"max_tokens":1}"#, "messages");
    check_fault(
        r#"{"max_tokens":1,"messages":[{"role":"system","content":"a"}]}"#,
        "messages[0].role",
    );
    check_fault(
        r#"{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image"}]}]}"#,
        "messages[0].content[0].type",
    );
    check_fault(
        &format!(r#"{{{messages},"max_tokens":1,"thinking":{{"type":"enabled"}}}}"#),
        "thinking",
    );
    check_fault(&format!(r#"{{{messages},"max_tokens":1,"n":2}}"#), "n");
}
