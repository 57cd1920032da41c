//! Text to token ids and back, as the model was trained.
//!
//! Splitting and merging is done by the `tokenizers` library; where a tokenizer comes from, which of its
//! tokens are special and the exact bytes of each are ours.

mod error;
mod from_json;
mod from_metadata;
mod pre_tokenizer;
mod sentence_piece;
mod token_table;
mod word_parts;

use tokenizers::{AddedVocabulary, Model, OffsetReferential, OffsetType, PreTokenizer};

pub use error::TokenizerError;
pub(crate) use from_json::from_json;
pub(crate) use from_metadata::from_metadata;
use token_table::TokenTable;

use crate::detokenizer::Vocabulary;

/// A model's tokenizer. It does not change, so threads can share it.
#[derive(Debug)]
pub struct Tokenizer {
    library: tokenizers::Tokenizer,
    /// As the library's, but special tokens in a text are plain text.
    without_special: AddedVocabulary,
    table: TokenTable,
    affixes: Affixes,
    special: SpecialTokens,
    /// Texts get a space before them, which is not part of what they say.
    adds_space: bool,
    /// A text's tokens are those of its parts, if it is cut before words.
    cuts_before_words: bool,
}

/// The library remembers words in every thread that encodes, and forgets none of them when a tokenizer is
/// dropped: a server that loads models again and again would grow. Encoding without it takes longer, but
/// still little beside running a model.
const CACHED_WORDS: usize = 0;

/// Texts are worked on in parts of this size.
const PART_BYTES: usize = 16 << 10;

/// What is put around a text.
#[derive(Clone, Debug, Default, PartialEq)]
struct Affixes {
    before: Vec<u32>,
    after: Vec<u32>,
}

/// Ids that a model is run with.
#[derive(Clone, Debug, Default, PartialEq)]
struct SpecialTokens {
    bos: Option<u32>,
    eos: Option<u32>,
    unknown: Option<u32>,
    padding: Option<u32>,
    /// Every id that ends a generation, in ascending order.
    ends: Vec<u32>,
}

/// Texts of special tokens, as chat templates use them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpecialTexts {
    /// Before a text.
    pub bos: Option<String>,
    /// Behind a text.
    pub eos: Option<String>,
    /// For what cannot be written.
    pub unknown: Option<String>,
    /// Between texts of different lengths.
    pub padding: Option<String>,
}

impl Tokenizer {
    /// The ids of `text`. With `add_special`, those that the model wants around every text are added
    /// (BOS); with `parse_special`, special tokens that `text` spells become their ids, and otherwise
    /// remain what they are made of.
    ///
    /// Time and memory are in proportion to the text's length: a megabyte of prose took 0.4 s; one of digits
    /// without a space 1.4 s and some 260 bytes for every byte.
    ///
    /// # Errors
    ///
    /// The text cannot be written in tokens of the model.
    pub fn encode(
        &self,
        text: &str,
        add_special: bool,
        parse_special: bool,
    ) -> Result<Vec<u32>, TokenizerError> {
        let mut ids = Vec::with_capacity(text.len() / 4 + 2);
        if add_special {
            ids.extend(&self.affixes.before);
        }
        self.encode_inner(text, parse_special, &mut ids)?;
        if add_special {
            ids.extend(&self.affixes.after);
        }
        Ok(ids)
    }

    fn encode_inner(
        &self,
        text: &str,
        parse_special: bool,
        ids: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        let added = match parse_special {
            true => self.library.get_added_vocabulary(),
            false => &self.without_special,
        };
        // The library needs some hundred bytes for every byte that it works on.
        let bytes = if self.cuts_before_words { PART_BYTES } else { usize::MAX };
        for part in word_parts::word_parts(text, bytes) {
            self.encode_part(added, part, ids)?;
        }
        match ids.iter().find(|id| **id as usize >= self.table.len()) {
            Some(id) => Err(TokenizerError::NoSuchToken { id: *id, size: self.table.len() }),
            None => Ok(()),
        }
    }

    fn encode_part(
        &self,
        added: &AddedVocabulary,
        text: &str,
        ids: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        let mut pieces = added.extract_and_normalize(self.library.get_normalizer(), text);
        if let Some(pre_tokenizer) = self.library.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces).map_err(TokenizerError::Library)?;
        }
        let model = self.library.get_model();
        for (piece, _, tokens) in pieces.get_splits(OffsetReferential::Normalized, OffsetType::None)
        {
            match tokens {
                Some(tokens) => ids.extend(tokens.iter().map(|token| token.id)),
                None => {
                    let tokens = model.tokenize(piece).map_err(TokenizerError::Library)?;
                    ids.extend(tokens.iter().map(|token| token.id));
                }
            }
        }
        Ok(())
    }

    /// The text of `ids`; bytes that are no UTF-8 become `U+FFFD`. Ids that the model does not have are
    /// left out, and with `skip_special` special tokens are.
    #[must_use]
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        for id in ids.iter().filter(|id| !(skip_special && self.is_special(**id))) {
            bytes.extend_from_slice(self.token_bytes(*id));
        }
        let text =
            if self.adds_space { bytes.strip_prefix(b" ").unwrap_or(&bytes) } else { &bytes };
        String::from_utf8_lossy(text).into_owned()
    }

    /// What token `id` adds to a text: not always whole characters. Empty for ids without a token,
    /// which models with a padded vocabulary have.
    #[must_use]
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        self.table.bytes(id)
    }

    /// Whether token `id` steers the model and is not text.
    #[must_use]
    pub fn is_special(&self, id: u32) -> bool {
        self.table.is_special(id)
    }

    /// The id of the token that is written `text` in the vocabulary, special or not.
    #[must_use]
    pub fn token_id(&self, text: &str) -> Option<u32> {
        let id = self.library.token_to_id(text)?;
        ((id as usize) < self.table.len()).then_some(id)
    }

    /// Ids are below this.
    #[must_use]
    pub fn vocabulary_size(&self) -> usize {
        self.table.len()
    }

    /// Every token that ends a generation, in ascending order.
    #[must_use]
    pub fn eos_ids(&self) -> &[u32] {
        &self.special.ends
    }

    /// The token that ends a text.
    #[must_use]
    pub fn eos(&self) -> Option<u32> {
        self.special.eos
    }

    /// The token that begins a text.
    #[must_use]
    pub fn bos(&self) -> Option<u32> {
        self.special.bos
    }

    /// Texts of the tokens that chat templates ask for.
    #[must_use]
    pub fn special_texts(&self) -> SpecialTexts {
        let text = |id: Option<u32>| self.library.id_to_token(id?);
        SpecialTexts {
            bos: text(self.special.bos),
            eos: text(self.special.eos),
            unknown: text(self.special.unknown),
            padding: text(self.special.padding),
        }
    }

    /// Fewer tokens than this cannot say a text of `bytes` bytes: it is known to be too long for a model
    /// before it is encoded.
    #[must_use]
    pub fn least_tokens(&self, bytes: usize) -> usize {
        // A normaliser may join characters, at most three into one.
        let joined = if self.library.get_normalizer().is_some() { 3 } else { 1 };
        bytes.div_ceil(self.table.longest().max(1) * joined)
    }

    /// Whether texts are encoded with a space before them, so that the first token's leading space is
    /// no part of an answer that stands alone.
    #[must_use]
    pub fn adds_space(&self) -> bool {
        self.adds_space
    }
}

impl Vocabulary for Tokenizer {
    fn token_bytes(&self, token: u32) -> &[u8] {
        self.token_bytes(token)
    }

    fn is_special(&self, token: u32) -> bool {
        self.is_special(token)
    }
}

/// Whether tokens that are found before a text is cut into words cannot reach over the space before one.
fn added_keep_within_words(library: &tokenizers::Tokenizer) -> bool {
    let mut added = library.get_added_tokens_decoder().into_values();
    added.all(|token| {
        !token.content.contains(' ') && !token.lstrip && !token.rstrip && !token.single_word
    })
}

/// The library's tokenizer with special tokens off.
fn without_special(library: &tokenizers::Tokenizer) -> AddedVocabulary {
    let mut added = library.get_added_vocabulary().clone();
    added.set_encode_special_tokens(true);
    added
}

#[cfg(test)]
mod tests;
