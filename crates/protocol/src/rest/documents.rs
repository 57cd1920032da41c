//! The small documents: metadata, the repository's index, loading and unloading, settings, errors.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Serialize;

use super::{DecodeError, ParameterValue, input::once, parameters, scanner::Scanner};
use crate::model_config::{self, ModelConfig};

/// Parameters that a document may have.
const PARAMETERS_MAX: usize = 1024;

/// Body of every answer that is an error.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorDocument<'a> {
    /// What the caller can change.
    pub error: &'a str,
}

/// Answer of `/v2`.
#[derive(Clone, Debug, Serialize)]
pub struct ServerMetadata<'a> {
    /// Server name.
    pub name: &'a str,
    /// Server version.
    pub version: &'a str,
    /// What it can beyond the core protocol.
    pub extensions: &'a [&'a str],
}

/// Answer of `/v2/models/M`.
#[derive(Clone, Debug, Serialize)]
pub struct ModelMetadata<'a> {
    /// Model name.
    pub name: &'a str,
    /// Versions that can be asked.
    pub versions: Vec<String>,
    /// Engine and format.
    pub platform: &'a str,
    /// In the model's order.
    pub inputs: Vec<TensorMetadata<'a>>,
    /// In the model's order.
    pub outputs: Vec<TensorMetadata<'a>>,
}

/// An input or output of a model.
#[derive(Clone, Debug, Serialize)]
pub struct TensorMetadata<'a> {
    /// Name.
    pub name: &'a str,
    /// Element type, such as `FP32`.
    pub datatype: &'a str,
    /// Dimensions, the batch's too; -1 where any size will do.
    pub shape: &'a [i64],
}

/// Element of the answer of `/v2/repository/index`.
#[derive(Clone, Debug, Serialize)]
pub struct IndexDocument<'a> {
    /// Model name.
    pub name: &'a str,
    /// Left out for a model without versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `READY` and so on.
    pub state: &'a str,
    /// Why it is not ready; else empty.
    pub reason: &'a str,
}

/// What a load is to use in place of what is in the repository.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadDocument {
    /// The model's configuration.
    pub config: Option<ModelConfig>,
    /// Files: `<version>/<path>` and content. Only with a configuration.
    pub files: Vec<(String, Bytes)>,
}

impl LoadDocument {
    /// Reads the body of `/v2/repository/models/M/load`; it may be empty.
    ///
    /// # Errors
    ///
    /// Says what is wrong with which parameter.
    pub fn read(body: &[u8]) -> Result<Self, DecodeError> {
        let mut document = Self::default();
        read_parameters(body, |key, value| document.parameter(key, value))?;
        if document.config.is_none() && !document.files.is_empty() {
            return Err(DecodeError::malformed(
                "parameter `config` is missing; files can only be given together with it",
            ));
        }
        Ok(document)
    }

    fn parameter(&mut self, key: &str, value: Option<ParameterValue>) -> Result<(), DecodeError> {
        let Some(ParameterValue::String(text)) = value else {
            return Err(DecodeError::malformed("expected a string"));
        };
        if key == "config" {
            return once(&mut self.config, key, || {
                model_config::from_json(&text)
                    .map_err(|error| DecodeError::Malformed(error.to_string()))
            });
        }
        let Some(path) = key.strip_prefix("file:") else {
            return Err(DecodeError::malformed(
                "unknown; a load takes `config` and `file:<version>/<path>`",
            ));
        };
        if self.files.iter().any(|(other, _)| other == path) {
            return Err(DecodeError::malformed("given twice"));
        }
        let content = BASE64_STANDARD
            .decode(text)
            .map_err(|error| DecodeError::Malformed(format!("no base64: {error}")))?;
        self.files.push((path.to_owned(), content.into()));
        Ok(())
    }
}

/// Reads the body of `/v2/repository/models/M/unload`, which may be empty: whether the models that
/// this one is made of are to go too.
///
/// # Errors
///
/// Says what is wrong with which parameter.
pub fn read_unload(body: &[u8]) -> Result<bool, DecodeError> {
    let mut unload_dependents = None;
    read_parameters(body, |key, value| match key {
        "unload_dependents" => {
            once(&mut unload_dependents, key, || parameters::boolean(value.as_ref()))
        }
        _ => Err(DecodeError::malformed("unknown; an unload takes `unload_dependents`")),
    })?;
    Ok(unload_dependents.unwrap_or(false))
}

/// Reads the body of `/v2/repository/index`, which may be empty: whether only ready models are
/// wanted.
///
/// # Errors
///
/// Says what is wrong with which member.
pub fn read_index(body: &[u8]) -> Result<bool, DecodeError> {
    let mut ready = None;
    read_object(body, |scanner, key| match key {
        b"ready" => once(&mut ready, "ready", || match parameters::value(scanner)? {
            Some(ParameterValue::Bool(ready)) => Ok(ready),
            _ => Err(DecodeError::malformed("`ready`: expected true or false")),
        }),
        _ => scanner.skip().map(drop),
    })?;
    Ok(ready.unwrap_or(false))
}

/// Reads settings, such as the body of `/v2/logging`, which may be empty.
///
/// # Errors
///
/// Malformed JSON, or a value that is no string, number or boolean.
pub fn read_settings(body: &[u8]) -> Result<Vec<(String, ParameterValue)>, DecodeError> {
    let mut settings = Vec::new();
    read_object(body, |scanner, key| {
        let key = String::from_utf8_lossy(key);
        let value = parameters::value(scanner)?.ok_or_else(|| {
            DecodeError::Malformed(format!("`{key}`: expected a string, a number, true or false"))
        })?;
        if settings.len() == PARAMETERS_MAX {
            return Err(DecodeError::Malformed(format!("more than {PARAMETERS_MAX} settings")));
        }
        settings.push((key.into_owned(), value));
        Ok(())
    })?;
    Ok(settings)
}

fn read_parameters(
    body: &[u8],
    mut member: impl FnMut(&str, Option<ParameterValue>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut count = 0;
    read_object(body, |scanner, key| match key {
        b"parameters" => parameters::each(scanner, |key, value| {
            count += 1;
            if count > PARAMETERS_MAX {
                return Err(DecodeError::Malformed(format!(
                    "more than {PARAMETERS_MAX} parameters"
                )));
            }
            member(key, value)
        }),
        _ => scanner.skip().map(drop),
    })
}

/// Reads one object and nothing after it; nothing at all is an object without members.
fn read_object<'a>(
    body: &'a [u8],
    member: impl FnMut(&mut Scanner<'a>, &[u8]) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut scanner = Scanner::new(body);
    if scanner.peek().is_some() {
        scanner.object(member)?;
    }
    scanner.end()
}

#[cfg(test)]
mod tests;
