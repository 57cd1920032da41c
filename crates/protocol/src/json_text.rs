//! Numbers and strings as JSON text.

use std::io::Write as _;

/// Writes numbers with commas between them. They gather in a small block first, where a short text is
/// put down by two moves of fixed size; a call of `memcpy` for each takes a tenth of the time.
pub(crate) struct Numbers<'a> {
    json: &'a mut Vec<u8>,
    block: [u8; BLOCK_LEN],
    len: usize,
}

const BLOCK_LEN: usize = 1024;

/// Longest number, with its comma.
const NUMBER_LEN_MAX: usize = 32;

impl<'a> Numbers<'a> {
    pub(crate) fn new(json: &'a mut Vec<u8>) -> Self {
        Self { json, block: [0; BLOCK_LEN], len: 0 }
    }

    #[inline]
    pub(crate) fn integer(&mut self, value: impl itoa::Integer) {
        self.push(itoa::Buffer::new().format(value).as_bytes());
    }

    #[inline]
    pub(crate) fn float(&mut self, value: impl Float) {
        match value.not_finite() {
            None => self.push(zmij::Buffer::new().format_finite(value).as_bytes()),
            Some(word) => self.push(word.as_bytes()),
        }
    }

    #[inline]
    fn push(&mut self, text: &[u8]) {
        if self.len > BLOCK_LEN - NUMBER_LEN_MAX {
            self.flush();
        }
        let free = &mut self.block[self.len..];
        if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>())
            && text.len() <= 16
        {
            free[..8].copy_from_slice(first);
            free[text.len() - 8..text.len()].copy_from_slice(last);
        } else {
            free[..text.len()].copy_from_slice(text);
        }
        free[text.len()] = b',';
        self.len += text.len() + 1;
    }

    fn flush(&mut self) {
        self.json.extend_from_slice(&self.block[..self.len]);
        self.len = 0;
    }

    pub(crate) fn finish(mut self) {
        // The last comma has nothing behind it.
        self.len = self.len.saturating_sub(1);
        self.flush();
    }
}

pub(crate) fn push_list<T>(
    json: &mut Vec<u8>,
    mut values: impl Iterator<Item = T>,
    mut push: impl FnMut(&mut Vec<u8>, T),
) {
    if let Some(first) = values.next() {
        push(json, first);
    }
    for value in values {
        json.push(b',');
        push(json, value);
    }
}

pub(crate) fn push_integer(json: &mut Vec<u8>, value: impl itoa::Integer) {
    json.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The shortest text that reads back as the same number; Python's words for what JSON lacks.
pub(crate) fn push_float(json: &mut Vec<u8>, value: impl Float) {
    match value.not_finite() {
        None => json.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes()),
        Some(word) => json.extend_from_slice(word.as_bytes()),
    }
}

pub(crate) trait Float: zmij::Float + Copy {
    fn not_finite(self) -> Option<&'static str>;
}

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl Float for $type {
            #[inline]
            fn not_finite(self) -> Option<&'static str> {
                match self {
                    _ if self.is_finite() => None,
                    <$type>::INFINITY => Some("Infinity"),
                    <$type>::NEG_INFINITY => Some("-Infinity"),
                    _ => Some("NaN"),
                }
            }
        }
    )*};
}

floats!(f32, f64);

/// A string in quotes, escaped where JSON asks for it.
pub(crate) fn push_text(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        json.extend_from_slice(&text.as_bytes()[plain..at]);
        plain = at + 1;
        let short: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            _ => {
                write!(json, "\\u{byte:04x}").expect("a vector takes everything");
                continue;
            }
        };
        json.extend_from_slice(short);
    }
    json.extend_from_slice(&text.as_bytes()[plain..]);
    json.push(b'"');
}
