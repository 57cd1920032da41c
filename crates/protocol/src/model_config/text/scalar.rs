//! Values that are no messages.

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, Value};

use super::{Fault, Parser, lexer::Token};
use crate::model_config::schema;

impl Parser<'_> {
    pub(super) fn scalar(&mut self, field: &FieldDescriptor) -> Result<Value, Fault> {
        let start = self.offset;
        let kind = field.kind();
        if let Kind::Enum(values) = &kind {
            return self.enum_value(values);
        }
        if kind == Kind::String {
            return self.string(field).map(Value::String);
        }
        let negative = self.take(b'-')?;
        let value = match (&self.token, negative) {
            (Token::Number(text), _) => number(text, negative, &kind),
            (Token::Name(name), false) if kind == Kind::Bool => bool_name(name).map(Value::Bool),
            (Token::Name(name), _) => float_name(name, negative, &kind),
            _ => None,
        };
        let Some(value) = value else {
            let found = match self.token {
                Token::Name(text) | Token::Number(text) if negative => format!("`-{text}`"),
                ref other => other.to_string(),
            };
            let message = format!("`{}` is {}, found {found}", field.name(), wanted(&kind));
            return Err(Fault { offset: start, message });
        };
        self.advance()?;
        Ok(value)
    }

    fn enum_value(&mut self, values: &EnumDescriptor) -> Result<Value, Fault> {
        let (text, found) = match self.token {
            Token::Name(text) => (text, values.get_value_by_name(text)),
            Token::Number(text) => {
                (text, text.parse().ok().and_then(|number| values.get_value(number)))
            }
            _ => {
                let what = format!("a value of {}", schema::short(values.full_name()));
                return Err(self.expected(&what));
            }
        };
        let value = found.ok_or_else(|| self.fault(schema::unknown_value(text, values)))?;
        self.advance()?;
        Ok(Value::EnumNumber(value.number()))
    }

    /// Strings that stand side by side are one.
    fn string(&mut self, field: &FieldDescriptor) -> Result<String, Fault> {
        let start = self.offset;
        let mut bytes = Vec::new();
        let mut any = false;
        while let Token::String(text) = self.token {
            let inside = self.offset + 1;
            unescape(text, &mut bytes)
                .map_err(|(at, message)| Fault { offset: inside + at, message })?;
            any = true;
            self.advance()?;
        }
        if !any {
            return Err(self.expected(&format!("a string in quotes for `{}`", field.name())));
        }
        String::from_utf8(bytes).map_err(|_| {
            let message = format!("the string of `{}` is not UTF-8", field.name());
            Fault { offset: start, message }
        })
    }
}

fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Int32 => "a signed 32-bit integer",
        Kind::Int64 => "a signed 64-bit integer",
        Kind::Uint32 => "an unsigned 32-bit integer",
        Kind::Uint64 => "an unsigned 64-bit integer",
        _ => "a number",
    }
}

fn number(text: &str, negative: bool, kind: &Kind) -> Option<Value> {
    let signed = || integer(text).map(|value| if negative { -value } else { value });
    match kind {
        Kind::Int32 => i32::try_from(signed()?).ok().map(Value::I32),
        Kind::Int64 => i64::try_from(signed()?).ok().map(Value::I64),
        Kind::Uint32 => u32::try_from(signed()?).ok().map(Value::U32),
        Kind::Uint64 => u64::try_from(signed()?).ok().map(Value::U64),
        Kind::Bool => match signed()? {
            0 if !negative => Some(Value::Bool(false)),
            1 => Some(Value::Bool(true)),
            _ => None,
        },
        _ => {
            let digits = text.strip_suffix(['f', 'F']).unwrap_or(text);
            let value: f64 = digits.parse().ok()?;
            Some(float(if negative { -value } else { value }, kind))
        }
    }
}

/// Decimal, hexadecimal or octal; up to 64 bits, so that a sign still fits.
fn integer(text: &str) -> Option<i128> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // `from_str_radix` would take a sign.
    if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().map(i128::from)
}

fn bool_name(name: &str) -> Option<bool> {
    match name {
        "true" | "True" | "t" => Some(true),
        "false" | "False" | "f" => Some(false),
        _ => None,
    }
}

fn float_name(name: &str, negative: bool, kind: &Kind) -> Option<Value> {
    if !matches!(kind, Kind::Float | Kind::Double) {
        return None;
    }
    let value = match name.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => f64::INFINITY,
        "nan" => f64::NAN,
        _ => return None,
    };
    Some(float(if negative { -value } else { value }, kind))
}

fn float(value: f64, kind: &Kind) -> Value {
    match kind {
        #[expect(clippy::cast_possible_truncation, reason = "the field is declared as float")]
        Kind::Float => Value::F32(value as f32),
        _ => Value::F64(value),
    }
}

/// Appends what a string stands for; an error says at which byte.
fn unescape(text: &str, into: &mut Vec<u8>) -> Result<(), (usize, String)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            into.push(bytes[at]);
            at += 1;
            continue;
        }
        at +=
            escape(text, at, into).ok_or_else(|| (at, "unknown escape in a string".to_owned()))?;
    }
    Ok(())
}

/// Appends what one escape stands for; returns its length.
fn escape(text: &str, at: usize, into: &mut Vec<u8>) -> Option<usize> {
    let letter = *text.as_bytes().get(at + 1)?;
    let simple = match letter {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'?' | b'\\' | b'\'' | b'"' => letter,
        b'0'..=b'7' => return coded(text, at + 1, 3, 8, into).map(|len| 1 + len),
        b'x' | b'X' => return coded(text, at + 2, 2, 16, into).map(|len| 2 + len),
        b'u' => return unicode(text.get(at + 2..at + 6)?, into).map(|()| 6),
        b'U' => return unicode(text.get(at + 2..at + 10)?, into).map(|()| 10),
        _ => return None,
    };
    into.push(simple);
    Some(2)
}

/// One byte by up to `digits_max` digits; returns how many there were.
fn coded(
    text: &str,
    from: usize,
    digits_max: usize,
    radix: u32,
    into: &mut Vec<u8>,
) -> Option<usize> {
    let digits = text.as_bytes()[from..].iter().take(digits_max);
    let len = digits.take_while(|byte| char::from(**byte).is_digit(radix)).count();
    let value = u32::from_str_radix(text.get(from..from + len)?, radix).ok()?;
    into.push(u8::try_from(value).ok()?);
    Some(len)
}

fn unicode(digits: &str, into: &mut Vec<u8>) -> Option<()> {
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let found = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    into.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes());
    Some(())
}
