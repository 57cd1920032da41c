//! What an answer is held to: `response_format`, `structured_outputs` and the older `guided_*`.

use serde_json::Value;

use super::{
    RequestFault,
    fields::{Fields, text},
};

/// Texts of a choice.
const CHOICES_MAX: usize = 4096;

/// What an answer is held to.
#[derive(Clone, Debug, PartialEq)]
pub enum Structure {
    /// Any JSON object.
    JsonObject,
    /// JSON of a schema.
    JsonSchema(Value),
    /// A regular expression for the whole answer.
    Regex(String),
    /// One of these texts.
    Choice(Vec<String>),
    /// A grammar in Lark's notation.
    Grammar(String),
}

/// Reads what holds the answer, and the name of the field that says so.
///
/// # Errors
///
/// A form is unknown, or there are two of them.
pub(super) fn read(fields: &mut Fields) -> Result<Option<(&'static str, Structure)>, RequestFault> {
    let mut found: Vec<(&'static str, Structure)> = Vec::new();
    found.extend(response_format(fields)?.map(|structure| ("response_format", structure)));
    for (name, form) in GUIDED {
        let structure = one(fields, name, form)?;
        found.extend(structure.map(|structure| (name, structure)));
    }
    if let Some(mut inner) = fields.object("structured_outputs")? {
        for (name, form) in STRUCTURED {
            let structure = one(&mut inner, name, form)?;
            found.extend(structure.map(|structure| ("structured_outputs", structure)));
        }
        inner.finish()?;
    }
    fields.ignore(&["guided_decoding_backend", "guided_whitespace_pattern"]);
    if let [(first, _), (second, _), ..] = &*found {
        let what = format!("cannot be combined with `{first}`: an answer is held to one of them");
        return Err(RequestFault::wrong(*second, &what));
    }
    Ok(found.pop())
}

#[derive(Clone, Copy)]
enum Form {
    Json,
    JsonObject,
    Regex,
    Choice,
    Grammar,
}

const GUIDED: [(&str, Form); 5] = [
    ("guided_json", Form::Json),
    ("guided_json_object", Form::JsonObject),
    ("guided_regex", Form::Regex),
    ("guided_choice", Form::Choice),
    ("guided_grammar", Form::Grammar),
];

const STRUCTURED: [(&str, Form); 5] = [
    ("json", Form::Json),
    ("json_object", Form::JsonObject),
    ("regex", Form::Regex),
    ("choice", Form::Choice),
    ("grammar", Form::Grammar),
];

fn one(fields: &mut Fields, name: &str, form: Form) -> Result<Option<Structure>, RequestFault> {
    Ok(match form {
        Form::Json => {
            let path = fields.path(name);
            fields.value(name).map(|value| schema(value, &path)).transpose()?
        }
        Form::JsonObject => {
            fields.flag(name)?.filter(|is_on| *is_on).map(|_| Structure::JsonObject)
        }
        Form::Regex => fields.string(name)?.map(Structure::Regex),
        Form::Choice => choice(fields, name)?,
        Form::Grammar => fields.string(name)?.map(Structure::Grammar),
    })
}

fn choice(fields: &mut Fields, name: &str) -> Result<Option<Structure>, RequestFault> {
    let Some(choices) = fields.list(name, CHOICES_MAX, text)? else { return Ok(None) };
    if choices.is_empty() {
        return Err(fields.fault(name, "must have at least one text"));
    }
    Ok(Some(Structure::Choice(choices)))
}

/// A schema, or its text.
fn schema(value: Value, path: &str) -> Result<Structure, RequestFault> {
    let wrong = || RequestFault::wrong(path, "must be a JSON schema: an object, or its text");
    let value = match value {
        Value::String(text) => serde_json::from_str(&text).map_err(|_| wrong())?,
        value => value,
    };
    if !value.is_object() && !value.is_boolean() {
        return Err(wrong());
    }
    Ok(Structure::JsonSchema(value))
}

/// The format of Chat Completions: `{"type": "json_schema", "json_schema": {"schema": ...}}`.
fn response_format(fields: &mut Fields) -> Result<Option<Structure>, RequestFault> {
    let Some(mut format) = fields.object("response_format")? else { return Ok(None) };
    let kind = format.string("type")?.unwrap_or_default();
    if kind == "json_schema" {
        let mut inner = format
            .object("json_schema")?
            .ok_or_else(|| format.fault("json_schema", "is missing"))?;
        format.finish()?;
        return named_schema(&mut inner).map(Some);
    }
    format.finish()?;
    by_type(&kind, "response_format.type")
}

/// The format of Responses: `{"type": "json_schema", "schema": ...}`.
pub(super) fn flat_format(format: &mut Fields) -> Result<Option<Structure>, RequestFault> {
    let kind = format.string("type")?.unwrap_or_default();
    if kind == "json_schema" {
        return named_schema(format).map(Some);
    }
    by_type(&kind, &format.path("type"))
}

fn named_schema(fields: &mut Fields) -> Result<Structure, RequestFault> {
    fields.ignore(&["name", "description", "strict"]);
    let path = fields.path("schema");
    let value = fields.value("schema").ok_or_else(|| fields.fault("schema", "is missing"))?;
    schema(value, &path)
}

fn by_type(kind: &str, path: &str) -> Result<Option<Structure>, RequestFault> {
    match kind {
        "text" => Ok(None),
        "json_object" => Ok(Some(Structure::JsonObject)),
        _ => Err(RequestFault::wrong(path, "must be text, json_object or json_schema")),
    }
}
