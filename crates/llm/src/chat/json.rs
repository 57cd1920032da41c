//! The filter `tojson` as Hugging Face's templates expect it: Python's `json.dumps`.

use std::io;

use minijinja::{Error, ErrorKind, Value, value::Kwargs};
use serde::Serialize;
use serde_json::{
    Serializer, Value as Json,
    ser::{Formatter, PrettyFormatter},
};

/// `value|tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`.
#[expect(clippy::needless_pass_by_value, reason = "filters are called so")]
pub(super) fn to_json(
    value: &Value,
    indent: Option<Value>,
    options: Kwargs,
) -> Result<Value, Error> {
    let indent = match indent {
        Some(indent) => Some(indent),
        None => options.get("indent")?,
    };
    let ascii: Option<bool> = options.get("ensure_ascii")?;
    let separators: Option<Vec<String>> = options.get("separators")?;
    let sorted: Option<bool> = options.get("sort_keys")?;
    options.assert_all_used()?;
    let mut json = serde_json::to_value(value).map_err(failed)?;
    if sorted.unwrap_or_default() {
        json.sort_all_objects();
    }
    let indent = indent.filter(|indent| !indent.is_none()).map(usize::try_from).transpose()?;
    let text = match indent {
        Some(width) => {
            write(&json, PrettyFormatter::with_indent(" ".repeat(width.min(16)).as_bytes()))
        }
        None => write(&json, Python::new(separators.as_deref())?),
    }?;
    Ok(Value::from(if ascii.unwrap_or_default() { escape_unicode(&text) } else { text }))
}

fn write(json: &Json, formatter: impl Formatter) -> Result<String, Error> {
    let mut bytes = Vec::new();
    json.serialize(&mut Serializer::with_formatter(&mut bytes, formatter)).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::BadSerialization, "no UTF-8"))
}

fn failed(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::BadSerialization, "cannot be written as JSON").with_source(error)
}

/// One line, with what Python puts between items, and between keys and values.
struct Python {
    item: String,
    key: String,
}

impl Python {
    fn new(separators: Option<&[String]>) -> Result<Self, Error> {
        match separators {
            None => Ok(Self { item: ", ".to_owned(), key: ": ".to_owned() }),
            Some([item, key]) => Ok(Self { item: item.clone(), key: key.clone() }),
            Some(_) => Err(Error::new(ErrorKind::InvalidOperation, "separators are two texts")),
        }
    }
}

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(self.item.as_bytes()) }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.begin_array_value(to, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(self.key.as_bytes())
    }
}

/// Writes everything beyond ASCII as `\uXXXX`.
fn escape_unicode(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut units = [0; 2];
    for character in text.chars() {
        if character.is_ascii() {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut units) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    escaped
}

/// Bytes of all texts in `json`, and one for each value.
pub(super) fn text_bytes(json: &Json) -> u64 {
    match json {
        Json::String(text) => 1 + text.len() as u64,
        Json::Array(values) => 1 + values.iter().map(text_bytes).sum::<u64>(),
        Json::Object(map) => {
            1 + map.iter().map(|(key, value)| key.len() as u64 + text_bytes(value)).sum::<u64>()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => 1,
    }
}
