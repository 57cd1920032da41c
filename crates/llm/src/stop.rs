use std::sync::Arc;

/// Looks for strings that end an answer, in text that comes in pieces.
///
/// The string that is complete first ends the answer; of several that end at the same byte, the longest. That does not
/// depend on how the text is cut. Text that may be the beginning of a stop string is held back. A byte of text costs a step
/// per stop string on average, however long the answer is.
#[derive(Clone, Debug)]
pub struct StopStrings {
    strings: Arc<[StopString]>,
    include: bool,
    /// Bytes of each string that the text ends with.
    matched: Vec<usize>,
    /// Text that was not given out.
    held: String,
}

#[derive(Debug)]
struct StopString {
    bytes: Box<[u8]>,
    /// How much of the string is left when as much as the index says does not go on: the table of Knuth, Morris and Pratt.
    fallback: Box<[usize]>,
}

impl StopStrings {
    /// `include` leaves the string that was found in the text. Empty strings are never found.
    #[must_use]
    pub fn new(strings: &[String], include: bool) -> Self {
        let strings: Arc<[_]> = strings.iter().map(|string| StopString::new(string)).collect();
        Self { matched: vec![0; strings.len()], strings, include, held: String::new() }
    }

    /// Appends what is certain of the text so far to `text`; the index of the string that ends it.
    ///
    /// After a match nothing may follow.
    pub fn push(&mut self, delta: &str, text: &mut String) -> Option<usize> {
        if self.strings.is_empty() {
            text.push_str(delta);
            return None;
        }
        let before = self.held.len();
        self.held.push_str(delta);
        let (end, found) = match self.search(delta) {
            Some((end, found)) => (before + end, Some(found)),
            None => (self.held.len(), None),
        };
        let kept = match found {
            Some(found) if !self.include => self.strings[found].bytes.len(),
            Some(_) => 0,
            None => self.matched.iter().copied().max().unwrap_or(0),
        };
        // Strings begin with the first byte of a character, so this is between characters.
        text.push_str(&self.held[..end - kept]);
        if found.is_some() {
            self.held.clear();
        } else {
            self.held.drain(..end - kept);
        }
        found
    }

    /// Appends what was held back: the answer has ended otherwise.
    pub fn finish(&mut self, text: &mut String) {
        text.push_str(&self.held);
        self.held.clear();
        self.matched.fill(0);
    }

    /// Where the first string ends, and which it is.
    fn search(&mut self, delta: &str) -> Option<(usize, usize)> {
        for (place, byte) in delta.bytes().enumerate() {
            let mut found: Option<usize> = None;
            for (index, string) in self.strings.iter().enumerate() {
                let matched = &mut self.matched[index];
                *matched = string.advance(*matched, byte);
                let longer = found.is_none_or(|found| self.strings[found].bytes.len() < *matched);
                if *matched == string.bytes.len() && *matched > 0 && longer {
                    found = Some(index);
                }
            }
            if let Some(found) = found {
                self.matched.fill(0);
                return Some((place + 1, found));
            }
        }
        None
    }
}

impl StopString {
    fn new(string: &str) -> Self {
        let bytes = string.as_bytes();
        let mut fallback = vec![0; bytes.len()];
        let mut matched = 0;
        for index in 1..bytes.len() {
            while matched > 0 && bytes[matched] != bytes[index] {
                matched = fallback[matched - 1];
            }
            matched += usize::from(bytes[matched] == bytes[index]);
            fallback[index] = matched;
        }
        Self { bytes: bytes.into(), fallback: fallback.into() }
    }

    /// How much of the string the text ends with after one more byte; less than all before.
    fn advance(&self, mut matched: usize, byte: u8) -> usize {
        while matched > 0 && self.bytes[matched] != byte {
            matched = self.fallback[matched - 1];
        }
        matched + usize::from(self.bytes.get(matched) == Some(&byte))
    }
}

#[cfg(test)]
mod tests;
