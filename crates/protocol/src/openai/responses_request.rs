use serde_json::{Map, Value, json};

use super::{
    Conversation, GenerationFields, RequestFault, Structure, TemplateFields, Tools,
    conversation::{call_message, text_of},
    fields::Fields,
    structure, tools,
};

/// Items of an input.
const ITEMS_MAX: usize = 16_384;

/// `POST /v1/responses`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResponsesRequest {
    /// What is generated and how.
    pub generation: GenerationFields,
    /// Instructions and input, as chat templates know them.
    pub conversation: Conversation,
    /// What else the template gets.
    pub template: TemplateFields,
    /// Functions that may be called.
    pub tools: Tools,
    /// What the answer repeats of the request.
    pub repeated: Map<String, Value>,
}

/// What the answer repeats of the request, and what it says where the request says nothing.
fn repeated() -> [(&'static str, Value); 12] {
    [
        ("instructions", Value::Null),
        ("max_output_tokens", Value::Null),
        ("metadata", json!({})),
        ("parallel_tool_calls", json!(true)),
        ("previous_response_id", Value::Null),
        ("reasoning", json!({"effort": null, "summary": null})),
        ("temperature", json!(1.0)),
        ("text", json!({"format": {"type": "text"}})),
        ("tool_choice", json!("auto")),
        ("tools", json!([])),
        ("top_p", json!(1.0)),
        ("truncation", json!("disabled")),
    ]
}

impl ResponsesRequest {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong.
    pub fn read(body: &[u8]) -> Result<Self, RequestFault> {
        let mut fields = Fields::read(body)?;
        let repeated = repeated().map(|(name, default)| {
            (name.to_owned(), fields.peek(name).cloned().unwrap_or(default))
        });
        for name in ["previous_response_id", "conversation", "prompt"] {
            if fields.has(name) {
                let what = "is not supported: answers are not kept; send all of the conversation as `input`";
                return Err(fields.fault(name, what));
            }
        }
        fields.only("background", &json!(false))?;
        fields.only("n", &json!(1))?;
        fields.only("truncation", &json!("disabled"))?;
        fields.ignore(&["include", "max_tool_calls"]);
        let mut template = TemplateFields::default();
        if let Some(mut reasoning) = fields.object("reasoning")? {
            let effort = reasoning.value("effort");
            template.extra.extend(effort.map(|effort| ("reasoning_effort".to_owned(), effort)));
        }
        let text = text_format(&mut fields)?;
        let conversation = conversation(&mut fields)?;
        let tools = Tools::read(&mut fields, tools::flat)?;
        let mut generation = GenerationFields::read(&mut fields, &["max_output_tokens"], 1)?;
        if let Some(structure) = text {
            generation.structure.get_or_insert(("text.format", structure));
        }
        fields.finish()?;
        Ok(Self { generation, conversation, template, tools, repeated: Map::from_iter(repeated) })
    }
}

fn text_format(fields: &mut Fields) -> Result<Option<Structure>, RequestFault> {
    let Some(mut text) = fields.object("text")? else { return Ok(None) };
    text.ignore(&["verbosity"]);
    let format = match text.object("format")? {
        Some(mut format) => {
            let structure = structure::flat_format(&mut format)?;
            format.finish()?;
            structure
        }
        None => None,
    };
    text.finish()?;
    Ok(format)
}

fn conversation(fields: &mut Fields) -> Result<Conversation, RequestFault> {
    let mut messages = Vec::new();
    if let Some(instructions) = fields.string("instructions")? {
        messages.push(json!({"role": "system", "content": instructions}));
    }
    let path = fields.path("input");
    match fields.value("input") {
        None => return Err(RequestFault::wrong(path, "is missing")),
        Some(Value::String(text)) => messages.push(json!({"role": "user", "content": text})),
        Some(Value::Array(items)) => {
            let items = super::fields::list_of(items, &path, ITEMS_MAX, item)?;
            for item in items.into_iter().flatten() {
                add(&mut messages, item);
            }
        }
        Some(_) => return Err(RequestFault::wrong(path, "must be a string or a list of items")),
    }
    Ok(Conversation { messages })
}

/// Calls of one turn belong to one message.
fn add(messages: &mut Vec<Value>, mut item: Value) {
    if let Some(last) = messages.last_mut()
        && last["role"] == "assistant"
        && item["role"] == "assistant"
        && let Some(Value::Array(mut new)) = item.get_mut("tool_calls").map(Value::take)
        && let Some(last) = last.as_object_mut()
    {
        let calls = last.entry("tool_calls").or_insert_with(|| json!([]));
        if let Some(calls) = calls.as_array_mut() {
            calls.append(&mut new);
        }
        return;
    }
    messages.push(item);
}

/// A message of the input; `None` for what a model thought, which it is not shown again.
fn item(value: Value, path: &str) -> Result<Option<Value>, RequestFault> {
    let mut fields = Fields::of(value, path)?;
    let text = |fields: &mut Fields, name: &str| -> Result<String, RequestFault> {
        fields.string(name)?.ok_or_else(|| fields.fault(name, "is missing"))
    };
    let kind = fields.string("type")?.unwrap_or_else(|| "message".to_owned());
    match &*kind {
        "message" => {
            let role = text(&mut fields, "role")?;
            let role = match &*role {
                "developer" => "system",
                "system" | "user" | "assistant" => &*role,
                _ => {
                    return Err(
                        fields.fault("role", "must be system, developer, user or assistant")
                    );
                }
            };
            let path = fields.path("content");
            let content = fields.value("content").unwrap_or_default();
            Ok(Some(json!({"role": role, "content": text_of(content, &path)?})))
        }
        "function_call" => {
            let (id, name) = (text(&mut fields, "call_id")?, text(&mut fields, "name")?);
            let arguments = text(&mut fields, "arguments")?;
            let arguments: Value = serde_json::from_str(&arguments)
                .map_err(|_| fields.fault("arguments", "must be the text of a JSON object"))?;
            let call = call_message(&id, &name, &arguments);
            Ok(Some(json!({"role": "assistant", "content": "", "tool_calls": [call]})))
        }
        "function_call_output" => {
            let id = text(&mut fields, "call_id")?;
            let path = fields.path("output");
            let output = text_of(fields.value("output").unwrap_or_default(), &path)?;
            Ok(Some(json!({"role": "tool", "tool_call_id": id, "content": output})))
        }
        "reasoning" => Ok(None),
        _ => {
            let what = format!(
                "is `{kind}`; message, function_call and function_call_output are supported"
            );
            Err(fields.fault("type", &what))
        }
    }
}

#[cfg(test)]
mod tests;
