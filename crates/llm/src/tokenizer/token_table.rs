//! The bytes of every token.

use std::sync::LazyLock;

use super::TokenizerError;

/// All bytes one after the other, so that a large vocabulary is a few allocations.
#[derive(Debug, Default)]
pub(super) struct TokenTable {
    bytes: Vec<u8>,
    /// Where each token ends.
    ends: Vec<u32>,
    special: Vec<bool>,
    longest: usize,
}

/// How the vocabulary writes bytes as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// GPT-2's: every byte is a printable character.
    ByteLevel,
    /// SentencePiece's: `▁` is a space, `<0x0A>` a byte.
    SentencePiece,
}

/// Space in SentencePiece's vocabularies.
pub(super) const LOWER_BLOCK: char = '\u{2581}';

impl TokenTable {
    pub(super) fn with_capacity(tokens: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(tokens.saturating_mul(8)),
            ends: Vec::with_capacity(tokens),
            special: Vec::with_capacity(tokens),
            longest: 0,
        }
    }

    /// Adds the next id: a token that is written `text` by `spelling`.
    pub(super) fn push(&mut self, text: &str, spelling: Spelling, special: bool) {
        match spelling {
            Spelling::ByteLevel => self.push_byte_level(text),
            Spelling::SentencePiece => self.push_sentence_piece(text),
        }
        self.end(special);
    }

    /// Adds the next id: a token that is `text` itself.
    pub(super) fn push_literal(&mut self, text: &str, special: bool) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.end(special);
    }

    fn end(&mut self, special: bool) {
        let end = u32::try_from(self.bytes.len()).expect("vocabularies are checked to be smaller");
        let start = self.ends.last().copied().unwrap_or_default();
        self.longest = self.longest.max((end - start) as usize);
        self.ends.push(end);
        self.special.push(special);
    }

    fn push_byte_level(&mut self, text: &str) {
        let start = self.bytes.len();
        for character in text.chars() {
            let Some(byte) = byte_of(character) else {
                // No spelling of bytes, so it is the text itself.
                self.bytes.truncate(start);
                self.bytes.extend_from_slice(text.as_bytes());
                return;
            };
            self.bytes.push(byte);
        }
    }

    fn push_sentence_piece(&mut self, text: &str) {
        if let Some(byte) = escaped_byte(text) {
            return self.bytes.push(byte);
        }
        let mut buffer = [0; 4];
        for character in text.chars() {
            let character = if character == LOWER_BLOCK { ' ' } else { character };
            self.bytes.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let Some(end) = self.ends.get(id) else { return &[] };
        let start = id.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        &self.bytes[start as usize..*end as usize]
    }

    /// Bytes of the longest token.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    pub(super) fn is_special(&self, id: u32) -> bool {
        self.special.get(id as usize).copied().unwrap_or_default()
    }
}

/// Refuses vocabularies that are no vocabularies: `bytes` of text in `tokens` tokens.
pub(super) fn check_size(tokens: usize, bytes: usize) -> Result<(), TokenizerError> {
    const TOKENS_MAX: usize = 1 << 22;
    const BYTES_MAX: usize = 1 << 30;
    if tokens > 0 && tokens <= TOKENS_MAX && bytes <= BYTES_MAX {
        return Ok(());
    }
    let problem = format!("{tokens} tokens of {bytes} bytes are no vocabulary");
    Err(TokenizerError::Inconsistent { problem })
}

/// `<0x0A>` is byte 10.
pub(super) fn escaped_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// Characters below U+0144 stand for bytes; by their code points.
static BYTES: LazyLock<[Option<u8>; 0x144]> = LazyLock::new(|| {
    let mut table = [None; 0x144];
    let mut unprintable = 0x100;
    for byte in 0..=255u8 {
        let printable = matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
        let code = if printable { usize::from(byte) } else { unprintable };
        unprintable += usize::from(!printable);
        table[code] = Some(byte);
    }
    table
});

/// The byte that a character of a byte-level vocabulary stands for.
fn byte_of(character: char) -> Option<u8> {
    BYTES.get(u32::from(character) as usize).copied().flatten()
}
