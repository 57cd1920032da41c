//! Calls of functions: what the model is told and held to, and how its calls are read.

mod description;
mod object;
mod reader;

use std::sync::Arc;

use protocol::openai::{Conversation, GenerationFields, Structure, Tool, ToolChoice, Tools};
use serde_json::{Map, Value, json};
use serving::{Model, ToolFormat};

use super::lookup::face;
use crate::http::refusal::Refusal;

pub(super) use reader::CallReader;

/// How calls stand in an answer.
#[derive(Clone, Debug)]
pub(super) struct CallStyle {
    form: CallForm,
    /// Functions that there are: what names no other is no call.
    names: Arc<[String]>,
    /// Calls that are read at most; later ones are dropped.
    calls_max: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum CallForm {
    /// The whole answer is the arguments of this function.
    Arguments(String),
    /// The whole answer is a list of calls.
    List,
    /// `<tool_call>{...}</tool_call>` within text.
    Hermes,
    /// The whole answer is calls, or none of it is.
    Llama3,
    /// Text, then `[TOOL_CALLS]` and a list.
    Mistral,
}

/// Holds the answer to calls if there have to be any, tells of the functions where the model's
/// template does not, and says how calls are read; `None` if there are none to be made.
///
/// # Errors
///
/// The answer is to be held to something else too.
pub(super) fn prepare(
    model: &Model,
    tools: &Tools,
    generation: &mut GenerationFields,
    conversation: &mut Conversation,
) -> Result<Option<CallStyle>, Refusal> {
    let format = face(model).card().tool_format;
    if format == ToolFormat::None {
        description::write_history(conversation);
    }
    if tools.list.is_empty() {
        return Ok(None);
    }
    if let Some((field, _)) = &generation.structure {
        let message = format!(
            "`{field}` cannot be combined with `tools` that may be called; set `tool_choice` to none, \
             or leave one of them out"
        );
        return Err(Refusal::bad_request(message).with_param(field).with_code("invalid_value"));
    }
    if format == ToolFormat::None {
        description::describe(&tools.list, conversation);
    }
    let form = match &tools.choice {
        ToolChoice::Named(name) => {
            let tool = tools.list.iter().find(|tool| tool.name == *name);
            let schema = tool.map(|tool| tool.parameters.clone()).unwrap_or_default();
            generation.structure = Some(("tools", Structure::JsonSchema(schema)));
            CallForm::Arguments(name.clone())
        }
        ToolChoice::Required => {
            generation.structure = Some(("tools", Structure::JsonSchema(list_schema(tools)?)));
            CallForm::List
        }
        ToolChoice::Auto | ToolChoice::Never => by_format(format),
    };
    if form == CallForm::Mistral {
        // What announces its calls is a control token.
        generation.skip_special_tokens = false;
    }
    Ok(Some(CallStyle {
        form,
        names: tools.list.iter().map(|tool| tool.name.clone()).collect(),
        calls_max: if tools.parallel { usize::MAX } else { 1 },
    }))
}

/// What the model's template is to tell of functions: nothing if it cannot.
pub(super) fn shown<'a>(model: &Model, tools: &'a Tools) -> &'a [Tool] {
    match face(model).card().tool_format {
        ToolFormat::None => &[],
        ToolFormat::Hermes | ToolFormat::Llama3 | ToolFormat::Mistral => &tools.list,
    }
}

const fn by_format(format: ToolFormat) -> CallForm {
    match format {
        // Models whose templates know no functions are asked to write calls so.
        ToolFormat::None | ToolFormat::Hermes => CallForm::Hermes,
        ToolFormat::Llama3 => CallForm::Llama3,
        ToolFormat::Mistral => CallForm::Mistral,
    }
}

/// The schema of a list of calls. What a function's schema defines for itself is defined for the
/// whole, where references look for it.
fn list_schema(tools: &Tools) -> Result<Value, Refusal> {
    let mut definitions = Map::new();
    let mut calls = Vec::with_capacity(tools.list.len());
    for tool in &tools.list {
        let mut parameters = tool.parameters.clone();
        for section in ["$defs", "definitions"] {
            let own = parameters.as_object_mut().and_then(|object| object.remove(section));
            if let Some(Value::Object(own)) = own {
                define(&mut definitions, section, own, &tool.name)?;
            }
        }
        calls.push(json!({
            "type": "object",
            "properties": {"name": {"const": tool.name}, "arguments": parameters},
            "required": ["name", "arguments"],
            "additionalProperties": false,
        }));
    }
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("array"));
    schema.insert("minItems".to_owned(), json!(1));
    if !tools.parallel {
        schema.insert("maxItems".to_owned(), json!(1));
    }
    schema.insert("items".to_owned(), json!({"anyOf": calls}));
    schema.extend(definitions);
    Ok(Value::Object(schema))
}

fn define(
    definitions: &mut Map<String, Value>,
    section: &str,
    own: Map<String, Value>,
    tool: &str,
) -> Result<(), Refusal> {
    let all = definitions.entry(section).or_insert_with(|| json!({}));
    let Some(all) = all.as_object_mut() else { return Ok(()) };
    for (name, definition) in own {
        if all.get(&name).is_some_and(|other| *other != definition) {
            let message =
                format!("`tools` define `{name}` differently; rename it in the schema of `{tool}`");
            return Err(Refusal::bad_request(message).with_param("tools"));
        }
        all.insert(name, definition);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
