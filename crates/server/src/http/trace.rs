//! Calls about trace settings.

use http::Response;
use serde_json::{Map, Value};

use super::{
    answer::Exchange,
    refusal::Refusal,
    reply::{self, ReplyBody},
};
use crate::trace::Change;

type Answer = Result<Response<ReplyBody>, Refusal>;

/// Shows the settings of a model; of all that have none of their own if `model` is empty.
pub(super) fn show(exchange: &Exchange, model: &str) -> Answer {
    let state = &exchange.context().state;
    state.tracer.check_model(&state.repository, model)?;
    let entries = state.tracer.settings(model).into_iter().map(|(name, values)| {
        // Only the level is a list, also if it is one of one.
        let value = match <[String; 1]>::try_from(values) {
            Ok([value]) if name != "trace_level" => Value::from(value),
            Ok(value) => Value::from(value.to_vec()),
            Err(values) => Value::from(values),
        };
        (name.to_owned(), value)
    });
    Ok(reply::json_document(&entries.collect::<Map<_, _>>()))
}

/// Changes them, and shows them as they are then.
pub(super) async fn change(exchange: &mut Exchange, model: &str) -> Answer {
    let body = exchange.read_body().await?;
    let changes = changes(&body)?;
    let state = &exchange.context().state;
    state.tracer.check_model(&state.repository, model)?;
    state.tracer.change(model, &changes)?;
    show(exchange, model)
}

/// Reads an object of settings: strings, numbers, lists of these, or null for what is to be taken back.
fn changes(body: &[u8]) -> Result<Vec<Change>, Refusal> {
    if body.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let document: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
        Refusal::bad_request(format!("the trace settings are no JSON object: {error}"))
    })?;
    let changes = document.into_iter().map(|(name, value)| {
        let values = match value {
            Value::Null => Some(Vec::new()),
            // A level without anything in it is off.
            Value::Array(values) if values.is_empty() => Some(vec!["OFF".to_owned()]),
            Value::Array(values) => values.into_iter().map(text).collect(),
            value => text(value).map(|value| vec![value]),
        };
        let values = values.ok_or_else(|| {
            Refusal::bad_request(format!(
                "trace setting '{name}' takes a string, a number, a list of strings or null"
            ))
        })?;
        Ok((name, values))
    });
    changes.collect()
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
