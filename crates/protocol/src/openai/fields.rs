//! The fields of a JSON object, taken out one by one under their names.

mod place;

use std::{fmt::Display, mem, ops::RangeInclusive};

use serde_json::{Map, Value};

use super::RequestFault;

type Taken<T> = Result<Option<T>, RequestFault>;

/// What has not been taken out of an object yet. A field that is null is as good as absent.
#[derive(Debug, Default)]
pub(super) struct Fields {
    map: Map<String, Value>,
    /// Where the object is in the request; empty for the request itself.
    path: String,
}

impl Fields {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// It is no JSON object. The field in which the fault lies is named if there is one.
    pub(super) fn read(body: &[u8]) -> Result<Self, RequestFault> {
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            let param = place::field_at(body, error.line(), error.column());
            let message = if param.is_empty() {
                format!("the body is not valid JSON: {error}")
            } else {
                format!("`{param}` is not valid JSON: {error}")
            };
            RequestFault::new(param, message)
        })?;
        Self::of(value, "")
    }

    /// The fields of a value that must be an object.
    pub(super) fn of(value: Value, path: &str) -> Result<Self, RequestFault> {
        match value {
            Value::Object(map) => Ok(Self { map, path: path.to_owned() }),
            _ if path.is_empty() => Err(RequestFault::new(
                "",
                "the body must be a JSON object with the request's fields",
            )),
            _ => Err(RequestFault::wrong(path, "must be an object")),
        }
    }

    /// The full name of a field.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A fault of a field.
    pub(super) fn fault(&self, name: &str, what: &str) -> RequestFault {
        RequestFault::wrong(self.path(name), what)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.peek(name).is_some()
    }

    /// The value of a field that stays.
    pub(super) fn peek(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn value(&mut self, name: &str) -> Option<Value> {
        let value = self.map.get_mut(name).map(mem::take);
        self.map.remove(name);
        value.filter(|value| !value.is_null())
    }

    pub(super) fn string(&mut self, name: &str) -> Taken<String> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(name, "must be a string")),
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Taken<bool> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(self.fault(name, "must be true or false")),
        }
    }

    /// A number within `range`.
    pub(super) fn number(&mut self, name: &str, range: RangeInclusive<f32>) -> Taken<f32> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let number = value.as_f64().map(single);
        let fits = number.filter(|number| range.contains(number));
        fits.map(Some).ok_or_else(|| self.out_of_range(name, "a number", &range, &value))
    }

    /// A whole number within `range`.
    pub(super) fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Taken<i64> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let fits = value.as_i64().filter(|number| range.contains(number));
        fits.map(Some).ok_or_else(|| self.out_of_range(name, "a whole number", &range, &value))
    }

    /// A whole number from `min` to `max`.
    pub(super) fn count(&mut self, name: &str, range: RangeInclusive<usize>) -> Taken<usize> {
        let wide = |bound: usize| i64::try_from(bound).unwrap_or(i64::MAX);
        let number = self.integer(name, wide(*range.start())..=wide(*range.end()))?;
        Ok(number.and_then(|number| usize::try_from(number).ok()))
    }

    fn out_of_range<T: Display>(
        &self,
        name: &str,
        kind: &str,
        range: &RangeInclusive<T>,
        value: &Value,
    ) -> RequestFault {
        let (min, max) = (range.start(), range.end());
        let given = match value {
            Value::Number(number) => number.to_string(),
            Value::String(_) => "a string".to_owned(),
            Value::Bool(_) => "a truth value".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) | Value::Null => "an object".to_owned(),
        };
        self.fault(name, &format!("must be {kind} from {min} to {max}, not {given}"))
    }

    pub(super) fn object(&mut self, name: &str) -> Taken<Self> {
        let Some(value) = self.value(name) else { return Ok(None) };
        Self::of(value, &self.path(name)).map(Some)
    }

    /// A list of at most `max` elements, each read by `read` with its path.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        max: usize,
        read: impl Fn(Value, &str) -> Result<T, RequestFault>,
    ) -> Taken<Vec<T>> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Array(values)) => list_of(values, &self.path(name), max, read).map(Some),
            Some(_) => Err(self.fault(name, "must be a list")),
        }
    }

    /// Adds the fields of an object within.
    pub(super) fn add(&mut self, inner: Self) -> Result<(), RequestFault> {
        for (name, value) in inner.map {
            if self.map.contains_key(&name) {
                return Err(self.fault(&name, "is given twice"));
            }
            self.map.insert(name, value);
        }
        Ok(())
    }

    /// Everything that is left.
    pub(super) fn entries(self) -> Map<String, Value> {
        self.map
    }

    /// Takes out what changes nothing, or not here.
    pub(super) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.map.remove(*name);
        }
    }

    /// Takes out a field that may only have the value that it has anyway.
    pub(super) fn only(&mut self, name: &str, value: &Value) -> Result<(), RequestFault> {
        match self.value(name) {
            Some(given) if given != *value => {
                Err(self.fault(name, &format!("is not supported but for {value}; leave it out")))
            }
            _ => Ok(()),
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// A field is left that nobody knows: what it asks for would not be done.
    pub(super) fn finish(self) -> Result<(), RequestFault> {
        let Some((name, _)) = self.map.iter().find(|(_, value)| !value.is_null()) else {
            return Ok(());
        };
        let fault = self.fault(name, "is not a field that this server knows; leave it out");
        Err(fault.with_code("unknown_parameter"))
    }
}

/// Reads a list of at most `max` elements that is at `path`.
pub(super) fn list_of<T>(
    values: Vec<Value>,
    path: &str,
    max: usize,
    read: impl Fn(Value, &str) -> Result<T, RequestFault>,
) -> Result<Vec<T>, RequestFault> {
    if values.len() > max {
        let len = values.len();
        return Err(RequestFault::wrong(path, &format!("has {len} elements; {max} are allowed")));
    }
    let elements = values.into_iter().enumerate();
    elements.map(|(index, value)| read(value, &format!("{path}[{index}]"))).collect()
}

/// Reads an element that must be a string.
pub(super) fn text(value: Value, path: &str) -> Result<String, RequestFault> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(RequestFault::wrong(path, "must be a string")),
    }
}

/// Reads an element that must be a token.
#[expect(clippy::needless_pass_by_value, reason = "one of the functions that read elements")]
pub(super) fn token(value: Value, path: &str) -> Result<u32, RequestFault> {
    let token = value.as_u64().and_then(|number| u32::try_from(number).ok());
    token.ok_or_else(|| RequestFault::wrong(path, "must be a token: a whole number of 0 or more"))
}

#[expect(clippy::cast_possible_truncation, reason = "the nearest of the shorter numbers is meant")]
pub(super) fn single(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests;
