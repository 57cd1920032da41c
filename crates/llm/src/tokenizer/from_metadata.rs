//! Tokenizers that are built from the metadata of a GGUF file.

use tokenizers::{
    AddedToken, NormalizerWrapper,
    models::bpe::{BPE, Vocab},
    normalizers::{Prepend, Replace, utils::Sequence},
};

use super::{
    Affixes, SpecialTokens, Tokenizer, TokenizerError,
    pre_tokenizer::Family,
    sentence_piece,
    token_table::{self, LOWER_BLOCK, Spelling, TokenTable},
};
use crate::gguf::{Described, GgufError};

/// What a token is, as the file numbers it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

/// Control tokens with these texts end a turn, also where the file does not list them.
const END_TEXTS: [&str; 9] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<end_of_turn>",
    "<|end_of_turn|>",
    "</s>",
];

/// What the file says of the vocabulary.
struct Vocabulary<'a> {
    texts: Vec<&'a str>,
    kinds: Vec<Kind>,
}

/// Builds the tokenizer of a file.
pub(crate) fn from_metadata(metadata: Described<'_>) -> Result<Tokenizer, TokenizerError> {
    const MODEL: &str = "tokenizer.ggml.model";
    let vocabulary = Vocabulary::read(metadata)?;
    match metadata.text(MODEL)?.ok_or(TokenizerError::Missing { key: MODEL })? {
        "gpt2" => byte_level(metadata, &vocabulary),
        "llama" => sentence_piece(metadata, &vocabulary),
        other => Err(TokenizerError::Unsupported {
            what: "the tokenizer (`tokenizer.ggml.model`)",
            found: other.to_owned(),
            supported: "gpt2, llama".to_owned(),
        }),
    }
}

fn byte_level(
    metadata: Described<'_>,
    vocabulary: &Vocabulary<'_>,
) -> Result<Tokenizer, TokenizerError> {
    const MERGES: &str = "tokenizer.ggml.merges";
    let family = Family::named(metadata.text("tokenizer.ggml.pre")?.unwrap_or("default"))?;
    let merges = metadata.texts(MERGES)?.ok_or(TokenizerError::Missing { key: MERGES })?;
    let merges = merges.map(split_merge).collect::<Result<Vec<_>, _>>()?;
    let ids = vocabulary.ids();
    check_merges(&ids, &merges)?;
    let model = BPE::builder()
        .vocab_and_merges(ids, merges)
        .ignore_merges(family.ignore_merges)
        .cache_capacity(super::CACHED_WORDS)
        .build()
        .map_err(TokenizerError::Library)?;
    let mut library = tokenizers::Tokenizer::new(model);
    library.with_normalizer(family.normalizer()).map_err(TokenizerError::Library)?;
    library.with_pre_tokenizer(Some(family.pre_tokenizer()));
    finish(
        metadata,
        vocabulary,
        library,
        Style {
            spelling: Spelling::ByteLevel,
            add_bos: family.add_bos,
            adds_space: metadata.boolean("tokenizer.ggml.add_space_prefix")?.unwrap_or(false),
        },
    )
}

/// Two texts with a space between them; the first may begin with one.
fn split_merge(merge: &str) -> Result<(String, String), TokenizerError> {
    let cut = merge.char_indices().skip(1).find(|(_, character)| *character == ' ');
    let wrong = || TokenizerError::Inconsistent {
        problem: format!("`tokenizer.ggml.merges` has `{merge}`, which is no pair"),
    };
    let (cut, _) = cut.ok_or_else(wrong)?;
    Ok((merge[..cut].to_owned(), merge[cut + 1..].to_owned()))
}

/// The library panics on merges whose token is longer than all that there are.
fn check_merges(ids: &Vocab, merges: &[(String, String)]) -> Result<(), TokenizerError> {
    let mut union = String::new();
    for (left, right) in merges {
        union.clear();
        union.push_str(left);
        union.push_str(right);
        if !ids.contains_key(&union) {
            let problem =
                format!("`tokenizer.ggml.merges` has `{left} {right}`, but no token `{union}`");
            return Err(TokenizerError::Inconsistent { problem });
        }
    }
    Ok(())
}

fn sentence_piece(
    metadata: Described<'_>,
    vocabulary: &Vocabulary<'_>,
) -> Result<Tokenizer, TokenizerError> {
    const SCORES: &str = "tokenizer.ggml.scores";
    let scores = metadata.floats(SCORES)?.ok_or(TokenizerError::Missing { key: SCORES })?;
    if scores.len() != vocabulary.texts.len() || scores.iter().any(|score| score.is_nan()) {
        let problem = format!("`{SCORES}` does not have a number for every token");
        return Err(TokenizerError::Inconsistent { problem });
    }
    let mergeable: Vec<bool> = vocabulary.kinds.iter().map(|kind| *kind == Kind::Normal).collect();
    let merges = sentence_piece::merges(&vocabulary.texts, &scores, &mergeable);
    let unknown = id(metadata, "tokenizer.ggml.unknown_token_id", vocabulary.texts.len())?;
    let mut builder = BPE::builder()
        .vocab_and_merges(vocabulary.ids(), merges)
        .byte_fallback(true)
        .cache_capacity(super::CACHED_WORDS)
        .fuse_unk(true);
    if let Some(unknown) = unknown.or(vocabulary.first(Kind::Unknown)) {
        builder = builder.unk_token(vocabulary.texts[unknown as usize].to_owned());
    }
    let mut library = tokenizers::Tokenizer::new(builder.build().map_err(TokenizerError::Library)?);
    let adds_space = metadata.boolean("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    let normalizer = space_normalizer(adds_space)?;
    library.with_normalizer(Some(normalizer)).map_err(TokenizerError::Library)?;
    let style = Style { spelling: Spelling::SentencePiece, add_bos: true, adds_space };
    finish(metadata, vocabulary, library, style)
}

/// Writes spaces as `▁`, and one more before each text.
fn space_normalizer(adds_space: bool) -> Result<NormalizerWrapper, TokenizerError> {
    let block = LOWER_BLOCK.to_string();
    let replace = Replace::new(" ", block.clone()).map_err(TokenizerError::Library)?;
    let mut steps = Vec::new();
    if adds_space {
        steps.push(NormalizerWrapper::Prepend(Prepend::new(block)));
    }
    steps.push(NormalizerWrapper::Replace(replace));
    Ok(NormalizerWrapper::Sequence(Sequence::new(steps)))
}

/// What differs between kinds of tokenizers.
#[derive(Clone, Copy)]
struct Style {
    spelling: Spelling,
    add_bos: bool,
    adds_space: bool,
}

fn finish(
    metadata: Described<'_>,
    vocabulary: &Vocabulary<'_>,
    mut library: tokenizers::Tokenizer,
    style: Style,
) -> Result<Tokenizer, TokenizerError> {
    library.add_tokens(vocabulary.added()).map_err(TokenizerError::Library)?;
    let special = special(metadata, vocabulary)?;
    let add_bos = metadata.boolean("tokenizer.ggml.add_bos_token")?.unwrap_or(style.add_bos);
    let add_eos = metadata.boolean("tokenizer.ggml.add_eos_token")?.unwrap_or(false);
    let affixes = Affixes {
        before: special.bos.filter(|_| add_bos).into_iter().collect(),
        after: special.eos.filter(|_| add_eos).into_iter().collect(),
    };
    Ok(Tokenizer {
        without_special: super::without_special(&library),
        cuts_before_words: style.spelling == Spelling::ByteLevel
            && super::added_keep_within_words(&library),
        library,
        table: vocabulary.table(style.spelling),
        affixes,
        special,
        adds_space: style.adds_space,
    })
}

fn special(
    metadata: Described<'_>,
    vocabulary: &Vocabulary<'_>,
) -> Result<SpecialTokens, TokenizerError> {
    let named = |name: &str| {
        id(metadata, &format!("tokenizer.ggml.{name}_token_id"), vocabulary.texts.len())
    };
    let eos = named("eos")?;
    let mut ends: Vec<u32> = [eos, named("eot")?, named("eom")?].into_iter().flatten().collect();
    ends.extend(vocabulary.controls(&END_TEXTS));
    ends.sort_unstable();
    ends.dedup();
    let (bos, unknown, padding) = (named("bos")?, named("unknown")?, named("padding")?);
    Ok(SpecialTokens { bos, eos, unknown, padding, ends })
}

/// The token id at `key`, which must be one of `size`.
fn id(metadata: Described<'_>, key: &str, size: usize) -> Result<Option<u32>, TokenizerError> {
    let Some(number) = metadata.unsigned(key)? else { return Ok(None) };
    let id = u32::try_from(number).ok().filter(|id| (*id as usize) < size);
    let wrong = || GgufError::Metadata {
        key: key.to_owned(),
        problem: format!("{number} is not one of the {size} tokens"),
    };
    Ok(Some(id.ok_or_else(wrong)?))
}

impl<'a> Vocabulary<'a> {
    fn read(metadata: Described<'a>) -> Result<Self, TokenizerError> {
        const TOKENS: &str = "tokenizer.ggml.tokens";
        const KINDS: &str = "tokenizer.ggml.token_type";
        let texts = metadata.texts(TOKENS)?.ok_or(TokenizerError::Missing { key: TOKENS })?;
        let texts: Vec<&str> = texts.collect();
        token_table::check_size(texts.len(), texts.iter().map(|text| text.len()).sum())?;
        let kinds = match metadata.integers(KINDS)? {
            Some(numbers) => numbers.into_iter().map(Kind::from_number).collect(),
            None => vec![Kind::Normal; texts.len()],
        };
        if kinds.len() != texts.len() {
            let problem = format!("`{KINDS}` has {} entries for {}", kinds.len(), texts.len());
            return Err(TokenizerError::Inconsistent { problem });
        }
        Ok(Self { texts, kinds })
    }

    fn each(&self) -> impl Iterator<Item = (u32, &'a str, Kind)> {
        (0..).zip(&self.texts).zip(&self.kinds).map(|((id, text), kind)| (id, *text, *kind))
    }

    fn ids(&self) -> Vocab {
        self.each().map(|(id, text, _)| (text.to_owned(), id)).collect()
    }

    fn first(&self, wanted: Kind) -> Option<u32> {
        self.each().find(|(_, _, kind)| *kind == wanted).map(|(id, ..)| id)
    }

    /// Tokens that are found in a text before it is cut into words.
    fn added(&self) -> Vec<AddedToken> {
        self.each()
            .filter(|(_, text, _)| !text.is_empty())
            .filter_map(|(_, text, kind)| match kind {
                Kind::Control | Kind::Unknown => Some(AddedToken::from(text, true)),
                Kind::UserDefined => Some(AddedToken::from(text, false).normalized(false)),
                Kind::Normal | Kind::Unused | Kind::Byte => None,
            })
            .collect()
    }

    fn controls(&self, wanted: &[&str]) -> impl Iterator<Item = u32> {
        self.each()
            .filter(|(_, text, kind)| *kind == Kind::Control && wanted.contains(text))
            .map(|(id, ..)| id)
    }

    fn table(&self, spelling: Spelling) -> TokenTable {
        let mut table = TokenTable::with_capacity(self.texts.len());
        for (_, text, kind) in self.each() {
            let special = matches!(kind, Kind::Control | Kind::Unknown);
            let literal = special || kind == Kind::UserDefined;
            if literal && spelling == Spelling::ByteLevel {
                table.push_literal(text, special);
            } else {
                table.push(text, spelling, special);
            }
        }
        table
    }
}

impl Kind {
    fn from_number(number: i64) -> Self {
        match number {
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => Self::Normal,
        }
    }
}
