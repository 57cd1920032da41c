//! JSON strings.

use std::borrow::Cow;

use super::DecodeError;

/// What is wrong with a string, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StringFault {
    pub(super) at: usize,
    pub(super) message: &'static str,
}

impl From<StringFault> for DecodeError {
    fn from(StringFault { at, message }: StringFault) -> Self {
        Self::Malformed(format!("malformed JSON at byte {at}: {message}"))
    }
}

/// Reads the string whose opening quote stands before `at`; returns where it ends. Borrows it where
/// it has no escapes.
#[inline]
pub(super) fn read(json: &[u8], at: usize) -> Result<(Cow<'_, str>, usize), StringFault> {
    let end = at + plain_len(&json[at..]);
    if json.get(end) == Some(&b'"') {
        return Ok((Cow::Borrowed(utf8(json, at, end)?), end + 1));
    }
    let (text, end) = read_escaped(json, at)?;
    Ok((Cow::Owned(text), end))
}

/// As [`read`], for a key that is only compared: it need not be UTF-8 if it has no escapes.
#[inline]
pub(super) fn read_key(json: &[u8], at: usize) -> Result<(Cow<'_, [u8]>, usize), StringFault> {
    let end = at + plain_len(&json[at..]);
    if json.get(end) == Some(&b'"') {
        return Ok((Cow::Borrowed(&json[at..end]), end + 1));
    }
    let (text, end) = read_escaped(json, at)?;
    Ok((Cow::Owned(text.into_bytes()), end))
}

#[cold]
fn read_escaped(json: &[u8], at: usize) -> Result<(String, usize), StringFault> {
    let mut text = Vec::new();
    let end = unescape(json, at, &mut text)?;
    let text = String::from_utf8(text).expect("every piece of it was checked");
    Ok((text, end))
}

/// Appends what the string stands for whose opening quote stands before `at`; returns where it ends.
pub(super) fn unescape(
    json: &[u8],
    mut at: usize,
    into: &mut Vec<u8>,
) -> Result<usize, StringFault> {
    loop {
        let end = at + plain_len(&json[at..]);
        into.extend_from_slice(utf8(json, at, end)?.as_bytes());
        match json.get(end) {
            Some(b'"') => return Ok(end + 1),
            Some(b'\\') => at = escape(json, end, into)?,
            Some(_) => {
                let message = "a control character in a string; escape it";
                return Err(StringFault { at: end, message });
            }
            None => return Err(StringFault { at: end, message: "the string is not closed" }),
        }
    }
}

/// Bytes up to the first that is not simply itself: a quote, a backslash or a control character.
#[inline]
fn plain_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let special = special_bytes(u64::from_le_bytes(*chunk));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\') || *byte < 0x20;
    at + bytes[at..].iter().position(is_special).unwrap_or(bytes.len() - at)
}

/// Eight bytes at once: the lowest bit that is set is in the first special byte, or none is.
#[inline]
fn special_bytes(bytes: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    // Subtracting borrows from the highest bit of a byte that is smaller; what is borrowed from the
    // bytes behind it does not matter.
    let smaller = |bytes: u64, than: u64| bytes.wrapping_sub(ONES * than) & !bytes & (ONES * 0x80);
    let equal = |byte: u8| smaller(bytes ^ (ONES * u64::from(byte)), 1);
    smaller(bytes, 0x20) | equal(b'"') | equal(b'\\')
}

/// A piece between quotes and escapes never cuts a character, so each can be checked alone.
#[inline]
fn utf8(json: &[u8], start: usize, end: usize) -> Result<&str, StringFault> {
    str::from_utf8(&json[start..end]).map_err(|error| StringFault {
        at: start + error.valid_up_to(),
        message: "a string that is not UTF-8; send such bytes as binary data",
    })
}

/// Appends what the escape at `at` stands for; returns where it ends.
fn escape(json: &[u8], at: usize, into: &mut Vec<u8>) -> Result<usize, StringFault> {
    let unknown = StringFault { at, message: "unknown escape in a string" };
    let simple = match json.get(at + 1).ok_or(unknown)? {
        byte @ (b'"' | b'\\' | b'/') => *byte,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unicode(json, at, into),
        _ => return Err(unknown),
    };
    into.push(simple);
    Ok(at + 2)
}

/// `\uXXXX`, or two of them that make one character.
fn unicode(json: &[u8], at: usize, into: &mut Vec<u8>) -> Result<usize, StringFault> {
    let lone = StringFault { at, message: "a surrogate without its other half in a string" };
    let first = unit(json, at)?;
    let (code, end) = match first {
        0xd800..=0xdbff => {
            if json.get(at + 6..at + 8) != Some(b"\\u") {
                return Err(lone);
            }
            let second = unit(json, at + 6)?;
            if !(0xdc00..=0xdfff).contains(&second) {
                return Err(lone);
            }
            (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), at + 12)
        }
        _ => (first, at + 6),
    };
    let character = char::from_u32(code).ok_or(lone)?;
    into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(end)
}

/// The four digits of the `\uXXXX` at `at`.
fn unit(json: &[u8], at: usize) -> Result<u32, StringFault> {
    let fault = StringFault { at, message: "`\\u` takes four hexadecimal digits" };
    let digits = json.get(at + 2..at + 6).ok_or(fault)?;
    digits.iter().try_fold(0, |code, digit| {
        let digit = char::from(*digit).to_digit(16).ok_or(fault)?;
        Ok(code << 4 | digit)
    })
}

#[cfg(test)]
mod tests;
