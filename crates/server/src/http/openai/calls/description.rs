//! Functions for models whose templates know none: what they have to know stands in messages.

use protocol::openai::{Conversation, Tool};
use serde_json::{Map, Value, json};

/// Tells of the functions in the system's message.
pub(super) fn describe(tools: &[Tool], conversation: &mut Conversation) {
    let lines: Vec<String> = tools.iter().map(|tool| tool.to_template().to_string()).collect();
    let text = format!(
        "You may call functions. Each line between <tools> and </tools> describes one:\n\
         <tools>\n{}\n</tools>\n\
         To call a function, answer with a JSON object that has its name and arguments, between \
         <tool_call> and </tool_call>:\n\
         <tool_call>\n{{\"name\": \"...\", \"arguments\": {{...}}}}\n</tool_call>",
        lines.join("\n")
    );
    let first = conversation.messages.first_mut().and_then(Value::as_object_mut);
    match first.filter(|first| first.get("role").is_some_and(|role| role == "system")) {
        Some(system) => {
            let own = content(system);
            let joined = if own.is_empty() { text } else { format!("{own}\n\n{text}") };
            system.insert("content".to_owned(), Value::from(joined));
        }
        None => conversation.messages.insert(0, json!({"role": "system", "content": text})),
    }
}

/// Writes calls that were made, and what came of them, as text.
pub(super) fn write_history(conversation: &mut Conversation) {
    for message in &mut conversation.messages {
        let Some(message) = message.as_object_mut() else { continue };
        if message.get("role").is_some_and(|role| role == "tool") {
            let text = format!("<tool_response>\n{}\n</tool_response>", content(message));
            message.insert("role".to_owned(), Value::from("user"));
            message.insert("content".to_owned(), Value::from(text));
        } else if let Some(Value::Array(calls)) = message.remove("tool_calls") {
            let calls = calls.iter().filter_map(|call| call.get("function"));
            let calls = calls.map(|call| format!("<tool_call>\n{call}\n</tool_call>"));
            let mut parts = vec![content(message).to_owned()];
            parts.retain(|text| !text.is_empty());
            parts.extend(calls);
            message.insert("content".to_owned(), Value::from(parts.join("\n")));
        }
    }
}

fn content(message: &Map<String, Value>) -> &str {
    message.get("content").and_then(Value::as_str).unwrap_or_default()
}
