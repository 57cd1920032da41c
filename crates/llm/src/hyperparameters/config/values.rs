//! Values of a JSON object, each of the kind that its key asks for. `null` is as good as nothing.

use serde_json::{Map, Value};

use crate::checkpoint::CheckpointError;

/// An object of `config.json`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) map: &'a Map<String, Value>,
}

impl<'a> Values<'a> {
    fn optional<T>(
        self,
        key: &str,
        expected: &str,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, CheckpointError> {
        let Some(value) = self.map.get(key).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let wrong = || super::impossible(format!("`{key}` is not {expected}"));
        convert(value).map(Some).ok_or_else(wrong)
    }

    pub(crate) fn optional_size(self, key: &str) -> Result<Option<usize>, CheckpointError> {
        self.optional(key, "a whole number that is not negative", |value| {
            usize::try_from(value.as_u64()?).ok()
        })
    }

    pub(crate) fn optional_float(self, key: &str) -> Result<Option<f64>, CheckpointError> {
        self.optional(key, "a number", Value::as_f64)
    }

    pub(crate) fn optional_boolean(self, key: &str) -> Result<Option<bool>, CheckpointError> {
        self.optional(key, "true or false", Value::as_bool)
    }

    pub(crate) fn optional_text(self, key: &str) -> Result<Option<&'a str>, CheckpointError> {
        self.optional(key, "a text", Value::as_str)
    }

    pub(crate) fn optional_array(self, key: &str) -> Result<Option<&'a [Value]>, CheckpointError> {
        self.optional(key, "an array", |value| value.as_array().map(Vec::as_slice))
    }

    pub(crate) fn optional_object(self, key: &str) -> Result<Option<Self>, CheckpointError> {
        self.optional(key, "an object", |value| value.as_object().map(|map| Self { map }))
    }

    pub(crate) fn size(self, key: &str) -> Result<usize, CheckpointError> {
        self.size_or(key, None)
    }

    pub(crate) fn size_or(
        self,
        key: &str,
        default: Option<usize>,
    ) -> Result<usize, CheckpointError> {
        self.optional_size(key)?.or(default).ok_or_else(|| missing(key))
    }

    pub(crate) fn float(self, key: &str) -> Result<f64, CheckpointError> {
        self.optional_float(key)?.ok_or_else(|| missing(key))
    }
}

fn missing(key: &str) -> CheckpointError {
    CheckpointError::MissingKey { key: key.to_owned() }
}
