//! The `data` of one tensor: flat or nested arrays, read straight into the tensor's buffer.

use tensor::DataType;

use super::{
    DecodeError, JSON_DEPTH_MAX,
    number::{read_f32, read_f64, read_integer},
    scanner::{Scanner, excerpt, skip_blanks},
    string::unescape,
};

/// Elements out of JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parsed {
    /// As a tensor holds them.
    pub(super) bytes: Vec<u8>,
    /// How many.
    pub(super) elements: usize,
}

/// Takes an array of elements. `expected` only sizes the buffer; the caller compares the count.
pub(super) fn read(
    scanner: &mut Scanner<'_>,
    data_type: DataType,
    expected: Option<usize>,
    bytes_max: usize,
) -> Result<Parsed, DecodeError> {
    let reader = match data_type {
        DataType::Bool => walk::<Bool>,
        DataType::Uint8 => walk::<u8>,
        DataType::Uint16 => walk::<u16>,
        DataType::Uint32 => walk::<u32>,
        DataType::Uint64 => walk::<u64>,
        DataType::Int8 => walk::<i8>,
        DataType::Int16 => walk::<i16>,
        DataType::Int32 => walk::<i32>,
        DataType::Int64 => walk::<i64>,
        DataType::Fp32 => walk::<f32>,
        DataType::Fp64 => walk::<f64>,
        DataType::Bytes => walk::<Text>,
        DataType::Fp16 | DataType::Bf16 => {
            return Err(DecodeError::malformed(format!(
                "{data_type} cannot be sent as JSON; send it as binary data (`binary_data_size`)"
            )));
        }
    };
    if scanner.peek() != Some(b'[') {
        return Err(scanner.expected("an array for `data`"));
    }
    // An element takes two bytes of text at least, so a hostile shape reserves no more than that.
    let text_len = scanner.json().len() - scanner.at();
    let elements = expected.unwrap_or(0).min(text_len / 2 + 1);
    let capacity = elements.saturating_mul(data_type.size().unwrap_or(8)).min(bytes_max);
    let mut output = Output { data_type, bytes: Vec::with_capacity(capacity), bytes_max };
    let elements = reader(scanner, &mut output)?;
    Ok(Parsed { bytes: output.bytes, elements })
}

struct Output {
    data_type: DataType,
    bytes: Vec<u8>,
    bytes_max: usize,
}

/// One element in JSON.
trait Element {
    /// Appends the element at `at`; returns where it ends, or nothing if it is none.
    fn read(json: &[u8], at: usize, into: &mut Vec<u8>) -> Option<usize>;
}

/// Walks over arrays in arrays without recursion; returns the number of elements.
fn walk<E: Element>(scanner: &mut Scanner<'_>, output: &mut Output) -> Result<usize, DecodeError> {
    let json = scanner.json();
    let mut at = scanner.at();
    let mut depth = 0_usize;
    let mut elements = 0_usize;
    loop {
        // A value is due: an array or an element.
        at = skip_blanks(json, at);
        if json.get(at) == Some(&b'[') {
            at = skip_blanks(json, at + 1);
            depth += 1;
            if depth > JSON_DEPTH_MAX {
                scanner.move_to(at);
                return Err(scanner.too_deep());
            }
            if json.get(at) != Some(&b']') {
                continue;
            }
        } else {
            at = match E::read(json, at, &mut output.bytes) {
                Some(end) if output.bytes.len() <= output.bytes_max => end,
                Some(_) => return Err(too_large(output)),
                None => return Err(wrong_element(json, at, elements, output.data_type)),
            };
            elements += 1;
        }
        // A value is over: another one follows, or arrays end.
        loop {
            at = skip_blanks(json, at);
            match json.get(at) {
                Some(b',') => {
                    at += 1;
                    break;
                }
                Some(b']') => {
                    at += 1;
                    depth -= 1;
                    if depth == 0 {
                        scanner.move_to(at);
                        return Ok(elements);
                    }
                }
                _ => {
                    scanner.move_to(at);
                    let place = format!("`data` after {elements} elements");
                    return Err(scanner.expected("`,` or `]`").within(&place));
                }
            }
        }
    }
}

#[cold]
fn too_large(output: &Output) -> DecodeError {
    let Output { data_type, bytes_max, .. } = output;
    DecodeError::TooLarge(format!(
        "as {data_type}, `data` takes more than the {bytes_max} bytes that are allowed"
    ))
}

#[cold]
fn wrong_element(json: &[u8], at: usize, index: usize, data_type: DataType) -> DecodeError {
    if at >= json.len() {
        return DecodeError::malformed("malformed JSON: `data` is not closed");
    }
    if data_type == DataType::Bytes
        && json[at] == b'"'
        && let Err(fault) = unescape(json, at + 1, &mut Vec::new())
    {
        return DecodeError::from(fault).within(&format!("element {index} of `data`"));
    }
    let found = excerpt(json, at);
    let wanted = wanted(data_type);
    DecodeError::malformed(format!(
        "element {index} of `data` is `{found}`, {data_type} takes {wanted}"
    ))
}

fn wanted(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Bool => "true or false",
        DataType::Uint8 => "whole numbers from 0 to 255",
        DataType::Uint16 => "whole numbers from 0 to 65535",
        DataType::Uint32 => "whole numbers from 0 to 4294967295",
        DataType::Uint64 => "whole numbers from 0 to 18446744073709551615",
        DataType::Int8 => "whole numbers from -128 to 127",
        DataType::Int16 => "whole numbers from -32768 to 32767",
        DataType::Int32 => "whole numbers from -2147483648 to 2147483647",
        DataType::Int64 => "whole numbers from -9223372036854775808 to 9223372036854775807",
        DataType::Fp32 => "numbers up to 3.4028235e38, NaN and Infinity",
        DataType::Fp64 => "numbers up to 1.7976931348623157e308, NaN and Infinity",
        DataType::Bytes => "strings",
        DataType::Fp16 | DataType::Bf16 => "binary data",
    }
}

impl Element for f32 {
    #[inline]
    fn read(json: &[u8], at: usize, into: &mut Vec<u8>) -> Option<usize> {
        let (value, end) = read_f32(json, at)?;
        into.extend_from_slice(&value.to_le_bytes());
        Some(end)
    }
}

impl Element for f64 {
    #[inline]
    fn read(json: &[u8], at: usize, into: &mut Vec<u8>) -> Option<usize> {
        let (value, end) = read_f64(json, at)?;
        into.extend_from_slice(&value.to_le_bytes());
        Some(end)
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Element for $type {
            #[inline]
            fn read(json: &[u8], at: usize, into: &mut Vec<u8>) -> Option<usize> {
                let (negative, magnitude, end) = read_integer(json, at)?;
                let value = if negative {
                    0_i64.checked_sub_unsigned(magnitude).map(<$type>::try_from)?.ok()?
                } else {
                    <$type>::try_from(magnitude).ok()?
                };
                into.extend_from_slice(&value.to_le_bytes());
                Some(end)
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);

struct Bool;

impl Element for Bool {
    #[inline]
    fn read(json: &[u8], at: usize, into: &mut Vec<u8>) -> Option<usize> {
        let rest = json.get(at..)?;
        let words: [(&[u8], u8); 4] = [(b"true", 1), (b"false", 0), (b"1", 1), (b"0", 0)];
        let (word, value) = words.into_iter().find(|(word, _)| rest.starts_with(word))?;
        into.push(value);
        Some(at + word.len())
    }
}

/// An element of `BYTES`, framed.
struct Text;

impl Element for Text {
    fn read(json: &[u8], at: usize, into: &mut Vec<u8>) -> Option<usize> {
        if json.get(at) != Some(&b'"') {
            return None;
        }
        let start = into.len();
        into.extend_from_slice(&[0; 4]);
        let end = unescape(json, at + 1, into).ok()?;
        let len = u32::try_from(into.len() - start - 4).ok()?;
        into[start..start + 4].copy_from_slice(&len.to_le_bytes());
        Some(end)
    }
}

#[cfg(test)]
mod tests;
