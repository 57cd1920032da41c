//! Tokenizers that come as `tokenizer.json`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use tokenizers::{DecoderWrapper, ModelWrapper, pre_tokenizers::metaspace::PrependScheme};

use super::{
    Affixes, SpecialTokens, Tokenizer, TokenizerError, pre_tokenizer,
    token_table::{self, Spelling, TokenTable},
};

/// Builds the tokenizer that `json` describes, for a model with `vocabulary` ids. `config` is
/// `tokenizer_config.json`; `ends` are ids that end a generation.
pub(crate) fn from_json(
    json: &[u8],
    config: &Map<String, Value>,
    ends: &[u32],
    vocabulary: usize,
) -> Result<Tokenizer, TokenizerError> {
    let library = read(json)?;
    if !matches!(library.get_model(), ModelWrapper::BPE(_) | ModelWrapper::Unigram(_)) {
        let found = kind(library.get_model());
        let supported = "BPE, Unigram".to_owned();
        return Err(TokenizerError::Unsupported { what: "the tokenizer", found, supported });
    }
    let library = without_cache(library);
    let decoder = Decoder::read(library.get_decoder())?;
    let special = special(&library, config, ends);
    Ok(Tokenizer {
        without_special: super::without_special(&library),
        table: table(&library, decoder.spelling, vocabulary)?,
        affixes: affixes(&library)?,
        cuts_before_words: pre_tokenizer::is_known(&library)
            && super::added_keep_within_words(&library),
        library,
        special,
        adds_space: decoder.strips_space,
    })
}

/// The library panics on merges whose token is longer than all that there are.
fn read(json: &[u8]) -> Result<tokenizers::Tokenizer, TokenizerError> {
    let read = std::panic::catch_unwind(|| tokenizers::Tokenizer::from_bytes(json));
    let panicked = |_| TokenizerError::Inconsistent {
        problem: "the merges name tokens that the vocabulary does not have".to_owned(),
    };
    read.map_err(panicked)?.map_err(TokenizerError::Library)
}

fn without_cache(mut library: tokenizers::Tokenizer) -> tokenizers::Tokenizer {
    let mut model = library.get_model().clone();
    model.resize_cache(super::CACHED_WORDS);
    library.with_model(model);
    library
}

/// What the decoder says about how tokens are written.
struct Decoder {
    spelling: Spelling,
    strips_space: bool,
}

impl Decoder {
    fn read(decoder: Option<&DecoderWrapper>) -> Result<Self, TokenizerError> {
        let steps = match decoder {
            Some(DecoderWrapper::Sequence(sequence)) => sequence.get_decoders(),
            Some(single) => std::slice::from_ref(single),
            None => &[],
        };
        let mut spelling = None;
        let mut strips_space = false;
        for step in steps {
            match step {
                DecoderWrapper::ByteLevel(_) => spelling = Some(Spelling::ByteLevel),
                DecoderWrapper::ByteFallback(_) | DecoderWrapper::Replace(_) => {
                    spelling = Some(Spelling::SentencePiece);
                }
                DecoderWrapper::Metaspace(metaspace) => {
                    spelling = Some(Spelling::SentencePiece);
                    strips_space = metaspace.prepend_scheme != PrependScheme::Never;
                }
                DecoderWrapper::Strip(strip) => strips_space = strip.start > 0,
                DecoderWrapper::Fuse(_) => {}
                other => return Err(unsupported_decoder(other)),
            }
        }
        let missing = TokenizerError::Missing { key: "decoder" };
        Ok(Self { spelling: spelling.ok_or(missing)?, strips_space })
    }
}

fn unsupported_decoder(decoder: &DecoderWrapper) -> TokenizerError {
    TokenizerError::Unsupported {
        what: "the decoder",
        found: kind(decoder),
        supported: "ByteLevel, Metaspace, ByteFallback, Replace, Strip, Fuse".to_owned(),
    }
}

/// The `type` of a part of the tokenizer.
fn kind(part: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(part).unwrap_or_default();
    value.get("type").and_then(Value::as_str).unwrap_or("unknown").to_owned()
}

fn table(
    library: &tokenizers::Tokenizer,
    spelling: Spelling,
    vocabulary: usize,
) -> Result<TokenTable, TokenizerError> {
    let added = library.get_added_tokens_decoder();
    let ids = library.get_vocab(true);
    token_table::check_size(ids.len(), ids.keys().map(String::len).sum())?;
    let size = ids.values().max().map_or(0, |id| *id as usize + 1).min(vocabulary);
    let mut texts = vec![""; size];
    for (text, id) in &ids {
        if let Some(place) = texts.get_mut(*id as usize) {
            *place = text;
        }
    }
    let mut table = TokenTable::with_capacity(size);
    for (id, text) in (0..).zip(texts) {
        match added.get(&id) {
            Some(token) if spelling == Spelling::ByteLevel => {
                table.push_literal(text, token.special)
            }
            Some(token) => table.push(text, spelling, token.special),
            None => table.push(text, spelling, false),
        }
    }
    Ok(table)
}

/// What the tokenizer puts around a text, found by asking it.
fn affixes(library: &tokenizers::Tokenizer) -> Result<Affixes, TokenizerError> {
    let encode = |special| library.encode_fast("a", special).map_err(TokenizerError::Library);
    let (bare, full) = (encode(false)?, encode(true)?);
    let (bare, full) = (bare.get_ids(), full.get_ids());
    let start =
        (0..=full.len().saturating_sub(bare.len())).find(|at| full[*at..].starts_with(bare));
    let start = start.ok_or_else(|| TokenizerError::Inconsistent {
        problem: "the post-processor changes the tokens of a text".to_owned(),
    })?;
    Ok(Affixes { before: full[..start].to_vec(), after: full[start + bare.len()..].to_vec() })
}

fn special(
    library: &tokenizers::Tokenizer,
    config: &Map<String, Value>,
    ends: &[u32],
) -> SpecialTokens {
    let named = |key: &str| {
        // Either the text, or an object that has it.
        let value = config.get(key)?;
        let text = value.as_str().or_else(|| value.get("content")?.as_str())?;
        library.token_to_id(text)
    };
    let eos = named("eos_token");
    let ends: BTreeSet<u32> = ends.iter().copied().chain(eos).collect();
    SpecialTokens {
        bos: named("bos_token"),
        eos,
        unknown: named("unk_token"),
        padding: named("pad_token"),
        ends: ends.into_iter().collect(),
    }
}
