//! Functions that a model may ask to be called.

use serde_json::{Map, Value, json};

use super::{RequestFault, fields::Fields};

/// Functions of a request.
const TOOLS_MAX: usize = 128;

/// Longest name of one.
const NAME_LEN_MAX: usize = 64;

/// One function.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for; empty if nobody said.
    pub description: String,
    /// JSON schema of its arguments.
    pub parameters: Value,
}

/// Whether functions are to be called, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// None.
    Never,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// What a request says about functions.
#[derive(Clone, Debug, PartialEq)]
pub struct Tools {
    /// The functions; empty if there are none, or none may be called.
    pub list: Vec<Tool>,
    /// Which are to be called.
    pub choice: ToolChoice,
    /// Whether one answer may call several.
    pub parallel: bool,
}

impl Default for Tools {
    fn default() -> Self {
        Self { list: Vec::new(), choice: ToolChoice::Auto, parallel: true }
    }
}

impl Tool {
    /// The function as chat templates know it.
    #[must_use]
    pub fn to_template(&self) -> Value {
        json!({
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": self.parameters,
            },
        })
    }

    pub(super) fn new(
        name: Option<String>,
        description: Option<String>,
        parameters: Option<Value>,
        path: &str,
    ) -> Result<Self, RequestFault> {
        let name = name.unwrap_or_default();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if name.is_empty() || name.len() > NAME_LEN_MAX || !name.bytes().all(is_name) {
            let what = format!("must have 1 to {NAME_LEN_MAX} letters, digits, `_`, `-` or `.`");
            return Err(RequestFault::wrong(format!("{path}.name"), &what));
        }
        let parameters =
            parameters.unwrap_or_else(|| json!({"type": "object", "properties": Map::new()}));
        if !parameters.is_object() {
            return Err(RequestFault::wrong(
                format!("{path}.parameters"),
                "must be a JSON schema: an object",
            ));
        }
        Ok(Self { name, description: description.unwrap_or_default(), parameters })
    }
}

impl Tools {
    /// Reads `tools`, `tool_choice` and `parallel_tool_calls`; `read_tool` knows how the API writes
    /// a function.
    pub(super) fn read(
        fields: &mut Fields,
        read_tool: fn(Value, &str) -> Result<Tool, RequestFault>,
    ) -> Result<Self, RequestFault> {
        let list = fields.list("tools", TOOLS_MAX, read_tool)?.unwrap_or_default();
        let choice = fields.value("tool_choice").map(choice).transpose()?.unwrap_or_default();
        let parallel = fields.flag("parallel_tool_calls")?.unwrap_or(true);
        Self { list, choice, parallel }.checked()
    }

    /// Checks that there is what is to be called.
    pub(super) fn checked(self) -> Result<Self, RequestFault> {
        let has = |name: &str| self.list.iter().any(|tool| tool.name == name);
        match &self.choice {
            ToolChoice::Never => return Ok(Self { list: Vec::new(), ..self }),
            ToolChoice::Required if self.list.is_empty() => {
                return Err(RequestFault::wrong(
                    "tool_choice",
                    "asks for a call, but there are no `tools`",
                ));
            }
            ToolChoice::Named(name) if !has(name) => {
                let what = format!("names `{name}`, which is not among `tools`");
                return Err(RequestFault::wrong("tool_choice", &what));
            }
            ToolChoice::Auto | ToolChoice::Required | ToolChoice::Named(_) => {}
        }
        let mut names: Vec<&str> = self.list.iter().map(|tool| &*tool.name).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let what = format!("has two functions named `{}`", pair[0]);
            return Err(RequestFault::wrong("tools", &what));
        }
        Ok(self)
    }
}

/// The function of Chat Completions: `{"type": "function", "function": {...}}`.
pub(super) fn nested(value: Value, path: &str) -> Result<Tool, RequestFault> {
    let mut outer = Fields::of(value, path)?;
    function_type(&mut outer)?;
    let mut inner =
        outer.object("function")?.ok_or_else(|| outer.fault("function", "is missing"))?;
    outer.finish()?;
    function(&mut inner, &format!("{path}.function"))
}

/// The function of Responses: `{"type": "function", "name": ...}`.
pub(super) fn flat(value: Value, path: &str) -> Result<Tool, RequestFault> {
    let mut fields = Fields::of(value, path)?;
    function_type(&mut fields)?;
    function(&mut fields, path)
}

fn function_type(fields: &mut Fields) -> Result<(), RequestFault> {
    match fields.string("type")?.as_deref() {
        Some("function") => Ok(()),
        _ => Err(fields.fault("type", "must be function; other tools are not supported")),
    }
}

fn function(fields: &mut Fields, path: &str) -> Result<Tool, RequestFault> {
    fields.ignore(&["strict"]);
    let (name, description) = (fields.string("name")?, fields.string("description")?);
    Tool::new(name, description, fields.value("parameters"), path)
}

/// `"auto"`, `"none"`, `"required"`, or an object that names a function, nested or flat.
fn choice(value: Value) -> Result<ToolChoice, RequestFault> {
    let wrong = || {
        RequestFault::wrong(
            "tool_choice",
            "must be auto, none, required or {\"type\": \"function\", \"function\": {\"name\": ...}}",
        )
    };
    match value {
        Value::String(word) => match &*word {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::Never),
            "required" => Ok(ToolChoice::Required),
            _ => Err(wrong()),
        },
        Value::Object(object) => {
            let name = object.get("function").and_then(|function| function.get("name"));
            let name = name.or_else(|| object.get("name")).and_then(Value::as_str);
            name.map(|name| ToolChoice::Named(name.to_owned())).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}
