use serde_json::{Map, Value, json};

use super::{
    Conversation, GenerationFields, RequestFault, SamplingFields, StopFields, StreamFields, Tool,
    ToolChoice, Tools,
    conversation::{call_message, text_of},
    fields::{Fields, list_of},
    sampling::stop_texts,
};

/// Messages of a request, and blocks of a message.
const LIST_MAX: usize = 16_384;

/// Functions of a request.
const TOOLS_MAX: usize = 128;

/// `POST /v1/messages` of Anthropic's API, and `POST /v1/messages/count_tokens`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessagesRequest {
    /// What is generated and how.
    pub generation: GenerationFields,
    /// The system's text and the messages, as chat templates know them.
    pub conversation: Conversation,
    /// Functions that may be called.
    pub tools: Tools,
}

impl MessagesRequest {
    /// Reads the body of `/v1/messages`.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong.
    pub fn read(body: &[u8]) -> Result<Self, RequestFault> {
        let mut fields = Fields::read(body)?;
        let mut request = Self::read_prompt(&mut fields)?;
        if !fields.has("max_tokens") {
            return Err(fields.fault("max_tokens", "is missing"));
        }
        let stop = stop_texts(&mut fields, "stop_sequences")?;
        request.generation = GenerationFields {
            stop: StopFields { stop, ..StopFields::read(&mut fields, &["max_tokens"], 1)? },
            sampling: SamplingFields::read(&mut fields)?,
            stream: fields.flag("stream")?.unwrap_or(false).then(StreamFields::default),
            ..request.generation
        };
        fields.finish()?;
        Ok(request)
    }

    /// Reads the body of `/v1/messages/count_tokens`.
    ///
    /// # Errors
    ///
    /// Names the field that is wrong.
    pub fn read_count(body: &[u8]) -> Result<Self, RequestFault> {
        let mut fields = Fields::read(body)?;
        let request = Self::read_prompt(&mut fields)?;
        fields.finish()?;
        Ok(request)
    }

    fn read_prompt(fields: &mut Fields) -> Result<Self, RequestFault> {
        if let Some(mut thinking) = fields.object("thinking")?
            && thinking.string("type")?.as_deref() != Some("disabled")
        {
            return Err(fields.fault("thinking", "is not supported; leave it out or disable it"));
        }
        fields.ignore(&["metadata", "service_tier", "cache_control", "context_management"]);
        let mut messages = Vec::new();
        let path = fields.path("system");
        if let Some(system) = fields.value("system") {
            messages.push(json!({"role": "system", "content": text_of(system, &path)?}));
        }
        let said = fields
            .list("messages", LIST_MAX, message)?
            .ok_or_else(|| fields.fault("messages", "is missing"))?;
        if said.is_empty() {
            return Err(fields.fault("messages", "must have at least one message"));
        }
        messages.extend(said.into_iter().flatten());
        let generation = GenerationFields {
            model: fields.string("model")?.unwrap_or_default(),
            choices: 1,
            skip_special_tokens: true,
            ..GenerationFields::default()
        };
        let tools = tools(fields)?;
        Ok(Self { generation, conversation: Conversation { messages }, tools })
    }
}

/// A message becomes several where it brings what came of calls.
fn message(value: Value, path: &str) -> Result<Vec<Value>, RequestFault> {
    let mut fields = Fields::of(value, path)?;
    let role = fields.string("role")?.unwrap_or_default();
    if role != "user" && role != "assistant" {
        return Err(fields.fault("role", "must be user or assistant"));
    }
    let path = fields.path("content");
    let content = fields.value("content");
    fields.finish()?;
    let blocks = match content {
        Some(Value::String(text)) => vec![Block::Text(text)],
        Some(Value::Array(blocks)) => list_of(blocks, &path, LIST_MAX, block)?,
        _ => return Err(RequestFault::wrong(path, "must be a string or a list of blocks")),
    };
    Ok(messages_of(&role, blocks))
}

enum Block {
    Text(String),
    Call(Value),
    /// Of a call with an id.
    Result(String, String),
    /// What a model thought is not shown to it again.
    Nothing,
}

fn block(value: Value, path: &str) -> Result<Block, RequestFault> {
    let mut fields = Fields::of(value, path)?;
    let text = |fields: &mut Fields, name: &str| -> Result<String, RequestFault> {
        fields.string(name)?.ok_or_else(|| fields.fault(name, "is missing"))
    };
    let kind = text(&mut fields, "type")?;
    match &*kind {
        "text" => text(&mut fields, "text").map(Block::Text),
        "tool_use" => {
            let (id, name) = (text(&mut fields, "id")?, text(&mut fields, "name")?);
            let input = fields.value("input").unwrap_or_else(|| json!({}));
            Ok(Block::Call(call_message(&id, &name, &input)))
        }
        "tool_result" => {
            let id = text(&mut fields, "tool_use_id")?;
            let path = fields.path("content");
            let content = fields.value("content").map(|content| text_of(content, &path));
            Ok(Block::Result(id, content.transpose()?.unwrap_or_default()))
        }
        "thinking" | "redacted_thinking" => Ok(Block::Nothing),
        _ => {
            let what = format!("is `{kind}`; this model takes text, tool_use and tool_result");
            Err(fields.fault("type", &what))
        }
    }
}

fn messages_of(role: &str, blocks: Vec<Block>) -> Vec<Value> {
    let (mut results, mut text, mut calls) = (Vec::new(), String::new(), Vec::new());
    for block in blocks {
        match block {
            Block::Text(more) if text.is_empty() => text = more,
            Block::Text(more) => text = [text, more].join("\n"),
            Block::Call(call) => calls.push(call),
            Block::Result(id, content) => {
                results.push(json!({"role": "tool", "tool_call_id": id, "content": content}));
            }
            Block::Nothing => {}
        }
    }
    if !text.is_empty() || !calls.is_empty() || results.is_empty() {
        let mut message = Map::new();
        message.insert("role".to_owned(), Value::from(role));
        message.insert("content".to_owned(), Value::from(text));
        if !calls.is_empty() {
            message.insert("tool_calls".to_owned(), Value::from(calls));
        }
        results.push(Value::Object(message));
    }
    results
}

fn tools(fields: &mut Fields) -> Result<Tools, RequestFault> {
    let list = fields.list("tools", TOOLS_MAX, tool)?.unwrap_or_default();
    let mut tools = Tools { list, ..Tools::default() };
    if let Some(mut choice) = fields.object("tool_choice")? {
        tools.parallel = !choice.flag("disable_parallel_tool_use")?.unwrap_or(false);
        let kind = choice.string("type")?.unwrap_or_default();
        let name = choice.string("name")?;
        tools.choice = match (&*kind, name) {
            ("auto", _) => ToolChoice::Auto,
            ("any", _) => ToolChoice::Required,
            ("none", _) => ToolChoice::Never,
            ("tool", Some(name)) => ToolChoice::Named(name),
            _ => return Err(choice.fault("type", "must be auto, any, none, or tool with its name")),
        };
        choice.finish()?;
    }
    tools.checked()
}

fn tool(value: Value, path: &str) -> Result<Tool, RequestFault> {
    let mut fields = Fields::of(value, path)?;
    fields.ignore(&["cache_control"]);
    if fields.string("type")?.is_some_and(|kind| kind != "custom") {
        return Err(fields.fault("type", "must be custom; other tools are not supported"));
    }
    let (name, description) = (fields.string("name")?, fields.string("description")?);
    let tool = Tool::new(name, description, fields.value("input_schema"), path);
    fields.finish()?;
    tool
}

#[cfg(test)]
mod tests;
