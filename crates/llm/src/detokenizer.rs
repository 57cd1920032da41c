use std::sync::Arc;

use smallvec::SmallVec;

/// The bytes of each token, as a tokenizer knows them.
pub trait Vocabulary: Send + Sync {
    /// The bytes that the token stands for within a text; empty if there is no such token.
    ///
    /// A piece of SentencePiece has a space for its `▁`. A special token has its name.
    fn token_bytes(&self, token: u32) -> &[u8];

    /// Whether the token is a mark of the model's own rather than text.
    fn is_special(&self, token: u32) -> bool;
}

/// Turns the tokens of one answer into text as they come.
///
/// A character whose bytes are not all there is held back. What can no longer become one is written as U+FFFD, one for
/// each longest beginning of a character, as `String::from_utf8_lossy` does with the whole: how tokens are cut does not matter.
#[derive(Clone)]
pub struct Detokenizer {
    vocabulary: Arc<dyn Vocabulary>,
    skip_special: bool,
    drop_space: bool,
    /// The beginning of a character, or the token at hand.
    held: SmallVec<[u8; 32]>,
}

impl std::fmt::Debug for Detokenizer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Detokenizer").field("held", &self.held).finish_non_exhaustive()
    }
}

impl Detokenizer {
    /// `skip_special` gives special tokens no text.
    #[must_use]
    pub fn new(vocabulary: Arc<dyn Vocabulary>, skip_special: bool) -> Self {
        Self { vocabulary, skip_special, drop_space: false, held: SmallVec::new() }
    }

    /// Leaves out a space at the beginning of the text: the one that a SentencePiece tokenizer puts before every
    /// text. For whole texts; an answer goes on where its prompt ended.
    #[must_use]
    pub fn without_first_space(mut self) -> Self {
        self.drop_space = true;
        self
    }

    /// Appends what is certain after this token to `text`.
    pub fn push(&mut self, token: u32, text: &mut String) {
        if self.skip_special && self.vocabulary.is_special(token) {
            return;
        }
        let bytes = self.vocabulary.token_bytes(token);
        let bytes = match bytes.split_first() {
            Some((first, rest)) if std::mem::take(&mut self.drop_space) && *first == b' ' => rest,
            _ => bytes,
        };
        if self.held.is_empty() && bytes.is_ascii() {
            // Nearly all tokens; the check for ASCII makes the conversion certain.
            text.push_str(std::str::from_utf8(bytes).unwrap_or_default());
            return;
        }
        self.held.extend_from_slice(bytes);
        self.write_certain(text);
    }

    /// Appends what was held back; the answer has ended.
    pub fn finish(&mut self, text: &mut String) {
        if !self.held.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
            self.held.clear();
        }
    }

    fn write_certain(&mut self, text: &mut String) {
        let mut rest = &self.held[..];
        while let Err(error) = std::str::from_utf8(rest) {
            let (valid, after) = rest.split_at(error.valid_up_to());
            text.push_str(std::str::from_utf8(valid).unwrap_or_default());
            let Some(invalid) = error.error_len() else {
                let written = self.held.len() - after.len();
                self.held.drain(..written);
                return;
            };
            text.push(char::REPLACEMENT_CHARACTER);
            rest = &after[invalid..];
        }
        text.push_str(std::str::from_utf8(rest).unwrap_or_default());
        self.held.clear();
    }
}

#[cfg(test)]
mod tests;
