//! The framing of `BYTES` tensors: each element is a little-endian `u32` length and that many bytes.

/// A `BYTES` tensor's data does not hold the elements that its shape says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} length-prefixed elements, found {found} whole ones in {bytes} bytes")]
pub struct FramingError {
    /// Elements that the shape asks for.
    pub expected: usize,
    /// Whole elements that the data holds; may be more than `expected`.
    pub found: usize,
    /// Size of the data.
    pub bytes: usize,
}

/// Walks over the elements of framed data; stops at the first one that is cut off.
#[derive(Clone, Debug)]
pub struct StringElements<'a>(&'a [u8]);

impl<'a> StringElements<'a> {
    /// Starts at the first element.
    #[must_use]
    pub fn new(framed: &'a [u8]) -> Self {
        Self(framed)
    }

    /// What has not been walked over.
    #[must_use]
    pub fn remaining(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for StringElements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.0.split_first_chunk::<4>()?;
        let (element, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        self.0 = rest;
        Some(element)
    }
}

/// Checks that `framed` is exactly `expected` whole elements.
///
/// # Errors
///
/// Says how many were found instead.
pub fn validate_strings(framed: &[u8], expected: usize) -> Result<(), FramingError> {
    let mut elements = StringElements::new(framed);
    let found = elements.by_ref().count();
    if found == expected && elements.remaining().is_empty() {
        return Ok(());
    }
    Err(FramingError { expected, found, bytes: framed.len() })
}

/// Appends one element.
///
/// # Panics
///
/// If the element has 4 GiB or more; every way in is limited to less.
pub fn push_string(framed: &mut Vec<u8>, element: &[u8]) {
    let len = u32::try_from(element.len()).expect("bodies are limited below 4 GiB");
    framed.extend_from_slice(&len.to_le_bytes());
    framed.extend_from_slice(element);
}
