//! Messages, as a chat template gets them.

use serde_json::{Map, Value, json};

use super::{
    RequestFault,
    fields::{Fields, list_of},
};

/// Messages of a request.
const MESSAGES_MAX: usize = 16_384;

/// Parts of a message.
const PARTS_MAX: usize = 4096;

/// Calls of a message.
const CALLS_MAX: usize = 128;

/// Messages that were checked: each has a role and its content as text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// Objects with `role` and `content`.
    pub messages: Vec<Value>,
}

/// What a chat template may look at besides the messages.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateFields {
    /// Whether the prompt ends with the beginning of the assistant's answer.
    pub add_generation_prompt: bool,
    /// Whether the last message is to be continued rather than answered.
    pub continue_final_message: bool,
    /// Whether tokens around a text are added to what the template made.
    pub add_special_tokens: bool,
    /// What else the template may look at.
    pub extra: Map<String, Value>,
}

impl Default for TemplateFields {
    fn default() -> Self {
        Self {
            add_generation_prompt: true,
            continue_final_message: false,
            add_special_tokens: false,
            extra: Map::new(),
        }
    }
}

impl Conversation {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, RequestFault> {
        let messages = fields
            .list("messages", MESSAGES_MAX, message)?
            .ok_or_else(|| fields.fault("messages", "is missing"))?;
        if messages.is_empty() {
            return Err(fields.fault("messages", "must have at least one message"));
        }
        Ok(Self { messages })
    }
}

impl TemplateFields {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, RequestFault> {
        let continue_final_message = fields.flag("continue_final_message")?.unwrap_or(false);
        let asked = fields.flag("add_generation_prompt")?;
        if continue_final_message && asked == Some(true) {
            let what = "cannot be combined with `add_generation_prompt`";
            return Err(fields.fault("continue_final_message", what));
        }
        let extra = fields.object("chat_template_kwargs")?.map(Fields::entries);
        let mut extra = extra.unwrap_or_default();
        for name in ["documents", "reasoning_effort"] {
            extra.extend(fields.value(name).map(|value| (name.to_owned(), value)));
        }
        Ok(Self {
            add_generation_prompt: asked.unwrap_or(!continue_final_message),
            continue_final_message,
            add_special_tokens: fields.flag("add_special_tokens")?.unwrap_or(false),
            extra,
        })
    }
}

fn message(value: Value, path: &str) -> Result<Value, RequestFault> {
    let mut fields = Fields::of(value, path)?;
    let role = fields.string("role")?.ok_or_else(|| fields.fault("role", "is missing"))?;
    let role = match &*role {
        // Templates know the older name only.
        "developer" => "system".to_owned(),
        "system" | "user" | "assistant" | "tool" => role,
        _ => {
            let what = "must be system, developer, user, assistant or tool";
            return Err(fields.fault("role", what));
        }
    };
    let calls = fields.list("tool_calls", CALLS_MAX, call)?.filter(|calls| !calls.is_empty());
    let content_path = fields.path("content");
    let content = match fields.value("content") {
        Some(content) => text_of(content, &content_path)?,
        None if role == "assistant" => String::new(),
        None => return Err(RequestFault::wrong(content_path, "is missing")),
    };
    // What else there is (`name`, `tool_call_id`, ...) is for the template.
    let mut message = Map::new();
    message.insert("role".to_owned(), Value::from(role));
    message.insert("content".to_owned(), Value::from(content));
    message.extend(calls.map(|calls| ("tool_calls".to_owned(), Value::from(calls))));
    message.extend(fields.entries().into_iter().filter(|(_, value)| !value.is_null()));
    Ok(Value::Object(message))
}

/// A text, or the texts of parts, a line each.
pub(super) fn text_of(content: Value, path: &str) -> Result<String, RequestFault> {
    match content {
        Value::String(text) => Ok(text),
        Value::Array(parts) => Ok(list_of(parts, path, PARTS_MAX, part)?.join("\n")),
        _ => Err(RequestFault::wrong(path, "must be a string or a list of parts")),
    }
}

fn part(value: Value, path: &str) -> Result<String, RequestFault> {
    let mut fields = Fields::of(value, path)?;
    let kind = fields.string("type")?.unwrap_or_default();
    match &*kind {
        "text" | "input_text" | "output_text" => {
            fields.string("text")?.ok_or_else(|| fields.fault("text", "is missing"))
        }
        "refusal" => Ok(fields.string("refusal")?.unwrap_or_default()),
        _ => {
            let what = format!("is `{kind}`; this model takes text only");
            Err(fields.fault("type", &what))
        }
    }
}

/// A call that the assistant has made: templates want its arguments as an object.
fn call(value: Value, path: &str) -> Result<Value, RequestFault> {
    let mut fields = Fields::of(value, path)?;
    let id = fields.string("id")?.unwrap_or_default();
    let mut function =
        fields.object("function")?.ok_or_else(|| fields.fault("function", "is missing"))?;
    let name = function.string("name")?.ok_or_else(|| function.fault("name", "is missing"))?;
    let arguments = match function.value("arguments") {
        None => json!({}),
        Some(Value::String(text)) if text.trim().is_empty() => json!({}),
        Some(Value::String(text)) => serde_json::from_str(&text)
            .map_err(|_| function.fault("arguments", "must be the text of a JSON object"))?,
        Some(value) => value,
    };
    Ok(call_message(&id, &name, &arguments))
}

/// A call in the form that templates know.
pub(super) fn call_message(id: &str, name: &str, arguments: &Value) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}
