//! Keys and values. Texts and arrays stay in the file; only where they are is kept.

use std::{collections::HashMap, ops::Range};

use super::{Described, GgufError, reader::Reader};

/// Models have some dozens.
const VALUES_MAX: u64 = 10_000;
/// Arrays of arrays are allowed by the format, and used by nobody.
const NESTING_MAX: usize = 4;

/// Every key that the file has.
#[derive(Debug)]
pub(crate) struct Metadata {
    values: HashMap<String, Value>,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Boolean(bool),
    /// Where its UTF-8 bytes are.
    Text(Range<usize>),
    Array(Array),
}

/// Where an array's elements are, one after the other.
#[derive(Clone, Debug, PartialEq)]
struct Array {
    element: ValueKind,
    count: usize,
    start: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ValueKind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    Text,
    Array,
    U64,
    I64,
    F64,
}

impl ValueKind {
    const ALL: [Self; 13] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::Text,
        Self::Array,
        Self::U64,
        Self::I64,
        Self::F64,
    ];

    fn read(reader: &mut Reader<'_>) -> Result<Self, GgufError> {
        let number = reader.u32("the type of a metadata value")?;
        let kind = usize::try_from(number).ok().and_then(|number| Self::ALL.get(number));
        let limit = Self::ALL.len() as u64 - 1;
        let what = "the type number of a metadata value";
        kind.copied().ok_or(GgufError::TooMany { what, found: number.into(), limit })
    }

    /// Bytes of one value, if all have the same length.
    fn width(self) -> Option<u64> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::Text | Self::Array => None,
        }
    }
}

impl Metadata {
    pub(super) fn read(reader: &mut Reader<'_>, count: u64) -> Result<Self, GgufError> {
        if count > VALUES_MAX {
            let what = "the number of metadata values";
            return Err(GgufError::TooMany { what, found: count, limit: VALUES_MAX });
        }
        let mut values = HashMap::new();
        for _ in 0..count {
            let key = reader.text("the key of a metadata value")?;
            let kind = ValueKind::read(reader)?;
            let value = Value::read(reader, kind)?;
            if values.insert(key.to_owned(), value).is_some() {
                let problem = "comes twice".to_owned();
                return Err(GgufError::Metadata { key: key.to_owned(), problem });
            }
        }
        Ok(Self { values })
    }
}

impl Value {
    fn read(reader: &mut Reader<'_>, kind: ValueKind) -> Result<Self, GgufError> {
        const WHAT: &str = "a metadata value";
        Ok(match kind {
            ValueKind::U8 => Self::Unsigned(reader.u8(WHAT)?.into()),
            ValueKind::I8 => Self::Signed(reader.u8(WHAT)?.cast_signed().into()),
            ValueKind::U16 => Self::Unsigned(reader.u16(WHAT)?.into()),
            ValueKind::I16 => Self::Signed(reader.u16(WHAT)?.cast_signed().into()),
            ValueKind::U32 => Self::Unsigned(reader.u32(WHAT)?.into()),
            ValueKind::I32 => Self::Signed(reader.u32(WHAT)?.cast_signed().into()),
            ValueKind::U64 => Self::Unsigned(reader.u64(WHAT)?),
            ValueKind::I64 => Self::Signed(reader.u64(WHAT)?.cast_signed()),
            ValueKind::F32 => Self::Float(f32::from_bits(reader.u32(WHAT)?).into()),
            ValueKind::F64 => Self::Float(f64::from_bits(reader.u64(WHAT)?)),
            ValueKind::Bool => Self::Boolean(reader.u8(WHAT)? != 0),
            ValueKind::Text => {
                let length = reader.text(WHAT)?.len();
                Self::Text(reader.position() - length..reader.position())
            }
            ValueKind::Array => Self::Array(Array::read(reader, 0)?),
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Unsigned(_) | Self::Signed(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Boolean(_) => "a boolean",
            Self::Text(_) => "a text",
            Self::Array(_) => "an array",
        }
    }
}

impl Array {
    /// Goes over the whole array, so that it can be read again without surprises.
    fn read(reader: &mut Reader<'_>, depth: usize) -> Result<Self, GgufError> {
        const WHAT: &str = "an array of the metadata";
        let element = ValueKind::read(reader)?;
        let count = reader.u64(WHAT)?;
        let start = reader.position();
        match element.width() {
            Some(width) => reader.skip(count.saturating_mul(width), WHAT)?,
            None => Self::skip_elements(reader, element, count, depth)?,
        }
        let count = usize::try_from(count).expect("no more elements than bytes in memory");
        Ok(Self { element, count, start })
    }

    fn skip_elements(
        reader: &mut Reader<'_>,
        element: ValueKind,
        count: u64,
        depth: usize,
    ) -> Result<(), GgufError> {
        // Every element takes eight bytes at least, so this ends within the file.
        for _ in 0..count {
            if element == ValueKind::Text {
                reader.text("a text in an array of the metadata")?;
            } else if depth < NESTING_MAX {
                Self::read(reader, depth + 1)?;
            } else {
                let (what, limit) = ("the depth of an array", NESTING_MAX as u64);
                return Err(GgufError::TooMany { what, found: limit + 1, limit });
            }
        }
        Ok(())
    }
}

impl<'a> Described<'a> {
    /// The integer at `key`.
    pub(crate) fn unsigned(&self, key: &str) -> Result<Option<u64>, GgufError> {
        self.convert(key, "an integer that is not negative", |value| match value {
            Value::Unsigned(value) => Some(*value),
            Value::Signed(value) => u64::try_from(*value).ok(),
            Value::Float(_) | Value::Boolean(_) | Value::Text(_) | Value::Array(_) => None,
        })
    }

    /// The number at `key`.
    pub(crate) fn float(&self, key: &str) -> Result<Option<f64>, GgufError> {
        self.convert(key, "a finite number", |value| match value {
            Value::Float(value) => value.is_finite().then_some(*value),
            Value::Unsigned(value) => u32::try_from(*value).ok().map(f64::from),
            Value::Signed(value) => i32::try_from(*value).ok().map(f64::from),
            Value::Boolean(_) | Value::Text(_) | Value::Array(_) => None,
        })
    }

    /// The boolean at `key`.
    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>, GgufError> {
        self.convert(key, "a boolean", |value| match value {
            Value::Boolean(value) => Some(*value),
            _ => None,
        })
    }

    /// The text at `key`.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>, GgufError> {
        let bytes = self.bytes;
        self.convert(key, "a text", |value| match value {
            Value::Text(range) => std::str::from_utf8(&bytes[range.clone()]).ok(),
            _ => None,
        })
    }

    /// The texts at `key`, in order.
    pub(crate) fn texts(&self, key: &str) -> Result<Option<Texts<'a>>, GgufError> {
        let bytes = self.bytes;
        self.convert(key, "an array of texts", |value| match value {
            Value::Array(Array { element: ValueKind::Text, count, start }) => {
                Some(Texts { reader: Reader::at(bytes, *start), left: *count })
            }
            _ => None,
        })
    }

    /// The integers at `key`, in order.
    pub(crate) fn integers(&self, key: &str) -> Result<Option<Vec<i64>>, GgufError> {
        self.elements(key, "an array of integers", |value| match value {
            Value::Unsigned(value) => i64::try_from(value).ok(),
            Value::Signed(value) => Some(value),
            Value::Boolean(value) => Some(value.into()),
            Value::Float(_) | Value::Text(_) | Value::Array(_) => None,
        })
    }

    /// The floats at `key`, in order.
    pub(crate) fn floats(&self, key: &str) -> Result<Option<Vec<f32>>, GgufError> {
        #[expect(clippy::cast_possible_truncation, reason = "files hold them as 32 bits")]
        self.elements(key, "an array of floats", |value| match value {
            Value::Float(value) => Some(value as f32),
            _ => None,
        })
    }

    /// Whether the value at `key` is an array.
    pub(crate) fn is_array(&self, key: &str) -> bool {
        matches!(self.metadata.values.get(key), Some(Value::Array(_)))
    }

    fn elements<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(Value) -> Option<T>,
    ) -> Result<Option<Vec<T>>, GgufError> {
        let bytes = self.bytes;
        self.convert(key, expected, |value| {
            let Value::Array(Array { element, count, start }) = value else { return None };
            element.width()?;
            let mut reader = Reader::at(bytes, *start);
            (0..*count).map(|_| read(Value::read(&mut reader, *element).ok()?)).collect()
        })
    }

    fn convert<T>(
        &self,
        key: &str,
        expected: &str,
        convert: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, GgufError> {
        let Some(value) = self.metadata.values.get(key) else { return Ok(None) };
        let wrong = || GgufError::Metadata {
            key: key.to_owned(),
            problem: format!("should be {expected}, is {}", value.kind()),
        };
        convert(value).map(Some).ok_or_else(wrong)
    }
}

/// Texts of an array, which were checked when the file was opened.
#[derive(Debug)]
pub(crate) struct Texts<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.left = self.left.checked_sub(1)?;
        Some(self.reader.text("a text").expect("the array was read when the file was opened"))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Texts<'_> {}
