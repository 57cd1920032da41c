use std::fmt;

use super::Fault;

/// A piece of the document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A field's or a value's name.
    Name(&'a str),
    /// A number without its sign, as written.
    Number(&'a str),
    /// A string without its quotes, as written.
    String(&'a str),
    Punctuation(u8),
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Number(text) => write!(f, "`{text}`"),
            Self::String(_) => f.write_str("a string"),
            Self::Punctuation(byte) => write!(f, "`{}`", char::from(*byte)),
            Self::End => f.write_str("the end of the document"),
        }
    }
}

/// Splits a document into tokens; skips blanks and comments.
pub(super) struct Lexer<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, offset: 0 }
    }

    /// The next token and where it starts.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'a>), Fault> {
        self.skip_blanks();
        let start = self.offset;
        let Some(&first) = self.text.as_bytes().get(start) else { return Ok((start, Token::End)) };
        let token = match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => Token::Name(self.run(|byte, _| is_word(byte))),
            b'0'..=b'9' | b'.' => Token::Number(self.run(is_number)),
            b'"' | b'\'' => Token::String(self.string(first)?),
            b'{' | b'}' | b'<' | b'>' | b'[' | b']' | b':' | b',' | b';' | b'-' => {
                self.offset += 1;
                Token::Punctuation(first)
            }
            _ => {
                let found =
                    self.text[start..].chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
                let message = format!("unexpected character `{}`", found.escape_debug());
                return Err(Fault { offset: start, message });
            }
        };
        Ok((start, token))
    }

    fn skip_blanks(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.offset) {
            if *byte == b'#' {
                let rest = &bytes[self.offset..];
                let comment = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                self.offset += comment;
            } else if byte.is_ascii_whitespace() || *byte == 0x0b {
                self.offset += 1;
            } else {
                return;
            }
        }
    }

    /// Bytes as long as `belongs(byte, the one before)`; all of them are ASCII.
    fn run(&mut self, belongs: impl Fn(u8, u8) -> bool) -> &'a str {
        let start = self.offset;
        let mut before = b' ';
        while let Some(&byte) = self.text.as_bytes().get(self.offset)
            && belongs(byte, before)
        {
            before = byte;
            self.offset += 1;
        }
        &self.text[start..self.offset]
    }

    fn string(&mut self, quote: u8) -> Result<&'a str, Fault> {
        let start = self.offset;
        let bytes = self.text.as_bytes();
        self.offset += 1;
        loop {
            match bytes.get(self.offset) {
                Some(b'\\') => self.offset += 2,
                Some(byte) if *byte == quote => break,
                None | Some(b'\n') => {
                    return Err(Fault {
                        offset: start,
                        message: "the string is not closed".into(),
                    });
                }
                Some(_) => self.offset += 1,
            }
        }
        let content = &self.text[start + 1..self.offset];
        self.offset += 1;
        Ok(content)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Generous: `1.5e-3f`, `0x1F`; what is no number fails when it is read.
fn is_number(byte: u8, before: u8) -> bool {
    is_word(byte) || byte == b'.' || (matches!(byte, b'+' | b'-') && matches!(before, b'e' | b'E'))
}
