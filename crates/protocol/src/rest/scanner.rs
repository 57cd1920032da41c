//! Walks over JSON text without making a tree of it.

use std::borrow::Cow;

use super::{DecodeError, JSON_DEPTH_MAX, string};

/// A place in JSON text. Every method skips the blanks before what it takes.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(json: &'a [u8]) -> Self {
        Self { json, at: 0 }
    }

    pub(super) fn json(&self) -> &'a [u8] {
        self.json
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn move_to(&mut self, at: usize) {
        self.at = at;
    }

    /// The next byte that is not blank; it is not taken.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.at = skip_blanks(self.json, self.at);
        self.json.get(self.at).copied()
    }

    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expected(&self, what: &str) -> DecodeError {
        let found = match self.json.get(self.at) {
            None => "the end".to_owned(),
            Some(_) => format!("`{}`", excerpt(self.json, self.at)),
        };
        let at = self.at;
        DecodeError::Malformed(format!(
            "malformed JSON at byte {at}: expected {what}, found {found}"
        ))
    }

    /// Nothing but blanks may be left.
    pub(super) fn end(&mut self) -> Result<(), DecodeError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.expected("the end")),
        }
    }

    /// Calls `member` with each key; it takes the value.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &[u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if !self.take(b'{') {
            return Err(self.expected("an object"));
        }
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.key()?;
            member(self, &key)?;
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    /// An array; `what` says what for. Calls `element` with each position; it takes the value.
    pub(super) fn array(
        &mut self,
        what: &str,
        mut element: impl FnMut(&mut Self, usize) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if !self.take(b'[') {
            return Err(self.expected(what));
        }
        if self.take(b']') {
            return Ok(());
        }
        for index in 0.. {
            element(self, index)?;
            if self.take(b']') {
                break;
            }
            if !self.take(b',') {
                return Err(self.expected("`,` or `]`"));
            }
        }
        Ok(())
    }

    /// A string; `what` says what for.
    pub(super) fn string(&mut self, what: &str) -> Result<Cow<'a, str>, DecodeError> {
        if !self.take(b'"') {
            return Err(self.expected(what));
        }
        let (text, end) = string::read(self.json, self.at).map_err(DecodeError::from)?;
        self.at = end;
        Ok(text)
    }

    /// A key and the colon behind it.
    #[inline]
    fn key(&mut self) -> Result<Cow<'a, [u8]>, DecodeError> {
        if !self.take(b'"') {
            return Err(self.expected("a key in quotes"));
        }
        let (key, end) = string::read_key(self.json, self.at).map_err(DecodeError::from)?;
        self.at = end;
        if !self.take(b':') {
            return Err(self.expected("`:`"));
        }
        Ok(key)
    }

    /// A literal, such as `true`.
    #[inline]
    pub(super) fn literal(&mut self, word: &str) -> bool {
        self.peek();
        let found = self.json[self.at..].starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    /// A number's text, or any other run of bytes that could be meant as one.
    #[inline]
    pub(super) fn number(&mut self) -> &'a str {
        self.peek();
        let rest = &self.json[self.at..];
        let len = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
            .count();
        self.at += len;
        str::from_utf8(&rest[..len]).expect("only ASCII was taken")
    }

    /// Takes any value and returns its text. Strings and scalars in it are looked at only as far as
    /// it takes to find their ends.
    pub(super) fn skip(&mut self) -> Result<&'a [u8], DecodeError> {
        self.peek();
        let start = self.at;
        let mut open = Vec::new();
        loop {
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    if open.len() == JSON_DEPTH_MAX {
                        return Err(self.too_deep());
                    }
                    open.push(bracket + 2);
                    self.at += 1;
                    if !self.take(bracket + 2) {
                        self.skip_key(bracket)?;
                        continue;
                    }
                    open.pop();
                }
                Some(b'"') => drop(self.string("a string")?),
                Some(_) if !self.number().is_empty() => {}
                _ => return Err(self.expected("a value")),
            }
            if self.close(&mut open)? {
                return Ok(&self.json[start..self.at]);
            }
        }
    }

    /// After a value: closes what ends here, or goes on to the next value. True at the very end.
    fn close(&mut self, open: &mut Vec<u8>) -> Result<bool, DecodeError> {
        loop {
            let Some(&closing) = open.last() else { return Ok(true) };
            if self.take(closing) {
                open.pop();
            } else if self.take(b',') {
                self.skip_key(closing - 2)?;
                return Ok(false);
            } else {
                return Err(self.expected(&format!("`,` or `{}`", char::from(closing))));
            }
        }
    }

    fn skip_key(&mut self, bracket: u8) -> Result<(), DecodeError> {
        if bracket == b'{' {
            self.key()?;
        }
        Ok(())
    }

    pub(super) fn too_deep(&self) -> DecodeError {
        DecodeError::Malformed(format!(
            "malformed JSON at byte {}: nested deeper than {JSON_DEPTH_MAX} levels",
            self.at
        ))
    }
}

#[inline]
pub(super) fn skip_blanks(json: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = json.get(at) {
        at += 1;
    }
    at
}

/// The token at a place, cut to a readable length.
pub(super) fn excerpt(json: &[u8], at: usize) -> String {
    const LEN_MAX: usize = 24;
    let rest = &json[at..];
    let is_end =
        |byte: &u8| matches!(byte, b',' | b']' | b'}' | b':') || byte.is_ascii_whitespace();
    let token = rest.iter().position(is_end).unwrap_or(rest.len()).max(1);
    let shown = String::from_utf8_lossy(&rest[..token.min(LEN_MAX)]);
    let more = if token > LEN_MAX { "..." } else { "" };
    format!("{}{more}", shown.replace(char::is_control, "\u{fffd}"))
}

#[cfg(test)]
mod tests;
