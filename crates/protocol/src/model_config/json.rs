//! The JSON form, as in `/v2/models/M/config` and in the `config` parameter of a load.

use std::collections::BTreeMap;

use prost_reflect::{
    DeserializeOptions, DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value,
};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{
    CONFIG_BYTES_MAX, ConfigError, ModelConfig,
    schema::{all_names, did_you_mean, from_typed, model_config, to_typed},
};

/// Reads the protobuf JSON form; field names may be spelled as in the schema or in camel case.
///
/// # Errors
///
/// Names the line, the column and the field that is wrong. The document may have
/// [`CONFIG_BYTES_MAX`] bytes.
pub fn from_json(json: &str) -> Result<ModelConfig, ConfigError> {
    if json.len() > CONFIG_BYTES_MAX {
        return Err(ConfigError::TooLarge { bytes: json.len() });
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    DynamicMessage::deserialize_with_options(model_config(), &mut reader, &options)
        .and_then(|message| reader.end().map(|()| to_typed(&message)))
        .map_err(|error| locate(&error))
}

/// Writes the JSON form: names as in the schema, in its order; defaults included, messages that are
/// not set left out, enums by name, 64-bit integers as numbers.
///
/// # Panics
///
/// Never: the form has no value that JSON lacks.
#[must_use]
pub fn to_json(config: &ModelConfig) -> String {
    serde_json::to_string(&Message(&from_typed(config))).expect("strings and numbers only")
}

fn locate(error: &serde_json::Error) -> ConfigError {
    let text = error.to_string();
    let message = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    ConfigError::Invalid { line: error.line(), column: error.column(), message: reword(message) }
}

/// The reader knows the unknown name, but not the like of it.
fn reword(message: &str) -> String {
    let parts = |prefix| message.strip_prefix(prefix)?.strip_suffix('\'');
    if let Some(name) = parts("unrecognized field name '") {
        return format!("unknown field `{name}`{}", did_you_mean(name, &all_names(false)));
    }
    if let Some(name) = parts("unrecognized enum value '") {
        return format!("unknown value `{name}`{}", did_you_mean(name, &all_names(true)));
    }
    message.to_owned()
}

struct Message<'a>(&'a DynamicMessage);

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let descriptor = self.0.descriptor();
        let mut map = serializer.serialize_map(None)?;
        for declared in &descriptor.descriptor_proto().field {
            let field = descriptor.get_field_by_name(declared.name()).expect("it is declared");
            if field.supports_presence() && !self.0.has_field(&field) {
                continue;
            }
            let value = self.0.get_field(&field);
            map.serialize_entry(field.name(), &Field { value: &value, field: &field })?;
        }
        map.end()
    }
}

struct Field<'a> {
    value: &'a Value,
    field: &'a FieldDescriptor,
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = self.field.kind();
        match self.value {
            Value::List(items) => {
                serializer.collect_seq(items.iter().map(|value| Single { value, kind: &kind }))
            }
            Value::Map(entries) => {
                let entry = kind.as_message().expect("a map's kind is its entry");
                let kind = entry.map_entry_value_field().kind();
                let sorted: BTreeMap<_, _> = entries.iter().collect();
                let entries = sorted
                    .into_iter()
                    .map(|(key, value)| (Key(key), Single { value, kind: &kind }));
                serializer.collect_map(entries)
            }
            value => Single { value, kind: &kind }.serialize(serializer),
        }
    }
}

struct Single<'a> {
    value: &'a Value,
    kind: &'a Kind,
}

impl Serialize for Single<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::I32(value) => serializer.serialize_i32(*value),
            Value::I64(value) => serializer.serialize_i64(*value),
            Value::U32(value) => serializer.serialize_u32(*value),
            Value::U64(value) => serializer.serialize_u64(*value),
            Value::F32(value) if value.is_finite() => serializer.serialize_f32(*value),
            Value::F32(value) => serializer.serialize_str(not_finite(f64::from(*value))),
            Value::F64(value) if value.is_finite() => serializer.serialize_f64(*value),
            Value::F64(value) => serializer.serialize_str(not_finite(*value)),
            Value::String(value) => serializer.serialize_str(value),
            Value::EnumNumber(number) => {
                match self.kind.as_enum().and_then(|e| e.get_value(*number)) {
                    Some(value) => serializer.serialize_str(value.name()),
                    None => serializer.serialize_i32(*number),
                }
            }
            Value::Message(message) => Message(message).serialize(serializer),
            Value::Bytes(_) | Value::List(_) | Value::Map(_) => {
                unreachable!("the schema has no bytes, and lists and maps do not nest")
            }
        }
    }
}

struct Key<'a>(&'a MapKey);

impl Serialize for Key<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            MapKey::String(key) => serializer.serialize_str(key),
            MapKey::U64(key) => serializer.collect_str(key),
            MapKey::Bool(_) | MapKey::I32(_) | MapKey::I64(_) | MapKey::U32(_) => {
                unreachable!("the schema's maps have string and uint64 keys")
            }
        }
    }
}

fn not_finite(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    }
}

#[cfg(test)]
mod tests;
