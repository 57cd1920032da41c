//! A place in a file, and what can be read there.

use super::GgufError;

/// The longest key or text that is let in; chat templates are the longest, with tens of kilobytes.
const TEXT_BYTES_MAX: u64 = 16 << 20;

#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Starts at `position`, which must be within `bytes`.
    pub(super) fn at(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The next `length` bytes; `what` they are is told if they are missing.
    pub(super) fn take(&mut self, length: u64, what: &'static str) -> Result<&'a [u8], GgufError> {
        let wanted = usize::try_from(length).ok().filter(|wanted| *wanted <= self.left());
        let Some(wanted) = wanted else {
            let (at, left) = (self.position, self.left());
            return Err(GgufError::Truncated { what, at, needed: length, left });
        };
        let taken = &self.bytes[self.position..][..wanted];
        self.position += wanted;
        Ok(taken)
    }

    pub(super) fn skip(&mut self, length: u64, what: &'static str) -> Result<(), GgufError> {
        self.take(length, what).map(drop)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], GgufError> {
        let bytes = self.take(N as u64, what)?;
        Ok(bytes.try_into().expect("take gives as many bytes as asked for"))
    }

    pub(super) fn u8(&mut self, what: &'static str) -> Result<u8, GgufError> {
        self.array(what).map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self, what: &'static str) -> Result<u16, GgufError> {
        self.array(what).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    pub(super) fn text(&mut self, what: &'static str) -> Result<&'a str, GgufError> {
        let at = self.position;
        let bytes = self.text_bytes(what)?;
        std::str::from_utf8(bytes).map_err(|_| GgufError::NotText { what, at })
    }

    /// A text that may be no UTF-8.
    pub(super) fn text_bytes(&mut self, what: &'static str) -> Result<&'a [u8], GgufError> {
        let length = self.u64(what)?;
        if length > TEXT_BYTES_MAX && length <= self.left() as u64 {
            return Err(GgufError::TooMany { what, found: length, limit: TEXT_BYTES_MAX });
        }
        self.take(length, what)
    }
}
