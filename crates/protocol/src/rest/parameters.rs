//! The `parameters` of requests, inputs and outputs.

use super::{DecodeError, scanner::Scanner};

/// Value of a parameter.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is its own name")]
pub enum ParameterValue {
    Bool(bool),
    /// Whole numbers that fit.
    Int(i64),
    /// Whole numbers that only fit so.
    Uint(u64),
    Double(f64),
    String(String),
}

/// Calls `member` with every parameter. The value is nothing if it is an object, an array or null.
pub(super) fn each(
    scanner: &mut Scanner<'_>,
    mut member: impl FnMut(&str, Option<ParameterValue>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    scanner.object(|scanner, key| {
        let value = value(scanner)?;
        let key = str::from_utf8(key)
            .map_err(|_| DecodeError::malformed("a parameter's name is not UTF-8"))?;
        member(key, value).map_err(|error| error.within(&format!("parameter `{key}`")))
    })
}

pub(super) fn value(scanner: &mut Scanner<'_>) -> Result<Option<ParameterValue>, DecodeError> {
    Ok(match scanner.peek() {
        Some(b'"') => Some(ParameterValue::String(scanner.string("a string")?.into_owned())),
        Some(b'{' | b'[' | b'n') => {
            scanner.skip()?;
            None
        }
        _ if scanner.literal("true") => Some(ParameterValue::Bool(true)),
        _ if scanner.literal("false") => Some(ParameterValue::Bool(false)),
        _ => {
            let before = scanner.clone();
            let number = number(scanner.number()).ok_or_else(|| before.expected("a value"))?;
            Some(number)
        }
    })
}

fn number(text: &str) -> Option<ParameterValue> {
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if let Ok(int) = text.parse() {
        return is_number.then_some(ParameterValue::Int(int));
    }
    if let Ok(uint) = text.parse() {
        return is_number.then_some(ParameterValue::Uint(uint));
    }
    let double = text.parse().ok().filter(|double: &f64| double.is_finite());
    double.filter(|_| is_number).map(ParameterValue::Double)
}

/// A parameter that has to be a whole number of 0 or more.
pub(super) fn unsigned(value: Option<&ParameterValue>) -> Result<u64, DecodeError> {
    match value {
        Some(ParameterValue::Int(int)) if *int >= 0 => Ok(int.unsigned_abs()),
        Some(ParameterValue::Uint(uint)) => Ok(*uint),
        _ => Err(DecodeError::malformed("expected a whole number of 0 or more")),
    }
}

/// A parameter that has to be a size in this machine's memory.
pub(super) fn size(value: Option<&ParameterValue>) -> Result<usize, DecodeError> {
    usize::try_from(unsigned(value)?).map_err(|_| DecodeError::malformed("the size is too large"))
}

pub(super) fn boolean(value: Option<&ParameterValue>) -> Result<bool, DecodeError> {
    match value {
        Some(ParameterValue::Bool(value)) => Ok(*value),
        _ => Err(DecodeError::malformed("expected true or false")),
    }
}

pub(super) fn shared_memory() -> DecodeError {
    DecodeError::Unsupported("shared memory is not supported; send the data in the body".into())
}
