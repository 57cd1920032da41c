use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use super::{Tokenizer, TokenizerError, from_json, from_metadata, word_parts::word_parts};
use crate::{
    build::{GgufWriter, TinyModel},
    checkpoint::Checkpoint,
    gguf::Gguf,
};

/// A vocabulary that SentencePiece trained, and the ids that it gives texts.
const SENTENCE_PIECE: &str = include_str!("../../tests/golden/sentence_piece.json");

fn read(writer: GgufWriter) -> Result<Tokenizer, TokenizerError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    writer.write(file.path()).unwrap();
    from_metadata(Gguf::open(file.path()).unwrap().metadata())
}

/// A file with the tokens of the tiny models and a pre-tokenizer.
fn byte_level(pre: &str) -> GgufWriter {
    let texts = crate::build::token_texts();
    let mut writer = GgufWriter::new("llama");
    writer.text("tokenizer.ggml.model", "gpt2");
    writer.text("tokenizer.ggml.pre", pre);
    writer.texts("tokenizer.ggml.tokens", texts.iter().map(String::as_str));
    let kind = |id: usize| if matches!(id, 256 | 257) { 3 } else { 1 };
    writer.integers("tokenizer.ggml.token_type", (0..texts.len()).map(kind));
    writer.texts("tokenizer.ggml.merges", ["h e"]);
    writer.unsigned("tokenizer.ggml.bos_token_id", 256);
    writer.unsigned("tokenizer.ggml.eos_token_id", 257);
    writer
}

const FAMILIES: [&str; 8] =
    ["smollm", "gpt-2", "llama-bpe", "smaug-bpe", "qwen2", "qwen35", "tekken", "default"];

#[test]
fn sentence_piece_gives_the_same_ids() {
    let golden: Value = serde_json::from_str(SENTENCE_PIECE).unwrap();
    let tokenizer = sentence_piece(&golden);
    for case in golden["cases"].as_array().unwrap() {
        let (text, expected) = (case[0].as_str().unwrap(), case[1].clone());
        let expected: Vec<u32> = serde_json::from_value(expected).unwrap();
        assert_eq!(tokenizer.encode(text, false, true).unwrap(), expected, "{text:?}");
        if !text.contains('▁') {
            assert_eq!(tokenizer.decode(&expected, true), text);
        }
    }
    assert_eq!(tokenizer.encode("a", true, true).unwrap()[0], 1);
    assert_eq!((tokenizer.eos_ids(), tokenizer.bos()), (&[2][..], Some(1)));
    assert!(tokenizer.adds_space());
}

fn sentence_piece(golden: &Value) -> Tokenizer {
    let array = |key: &str| golden[key].as_array().unwrap().iter();
    let mut writer = GgufWriter::new("llama");
    writer.text("tokenizer.ggml.model", "llama");
    writer.texts("tokenizer.ggml.tokens", array("tokens").map(|text| text.as_str().unwrap()));
    let scores = array("scores").map(|score| score.as_f64().unwrap());
    #[expect(clippy::cast_possible_truncation, reason = "they were 32 bits")]
    writer.floats("tokenizer.ggml.scores", scores.map(|score| score as f32));
    let kinds = array("kinds").map(|kind| kind.as_i64().unwrap().try_into().unwrap());
    writer.integers("tokenizer.ggml.token_type", kinds);
    writer.unsigned("tokenizer.ggml.bos_token_id", 1);
    writer.unsigned("tokenizer.ggml.eos_token_id", 2);
    read(writer).unwrap()
}

#[test]
fn every_family_spells_out_what_it_cannot_merge() {
    for family in FAMILIES {
        let tokenizer = read(byte_level(family)).unwrap();
        let text = "the hé 12\n\n  x<|eos|>";
        let ids = tokenizer.encode(text, false, true).unwrap();
        assert_eq!(ids.last(), Some(&257), "{family}");
        assert_eq!(ids[..3], [116, 258, 32], "{family}");
        assert_eq!(tokenizer.decode(&ids, false), text, "{family}");
    }
    let begins = |family| read(byte_level(family)).unwrap().encode("", true, true).unwrap();
    assert_eq!((begins("llama-bpe"), begins("gpt-2")), (vec![256], vec![]));
}

#[track_caller]
fn check_refused(change: impl FnOnce(&mut GgufWriter), expected: &str) {
    let mut writer = GgufWriter::new("llama");
    change(&mut writer);
    let error = read(writer).expect_err("the tokenizer is broken").to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn broken_tokenizers_are_refused() {
    check_refused(|_| {}, "`tokenizer.ggml.tokens` is missing");
    let model = |model: &'static str| {
        move |writer: &mut GgufWriter| {
            writer.texts("tokenizer.ggml.tokens", ["a", "b"]);
            writer.text("tokenizer.ggml.model", model);
        }
    };
    check_refused(model("bert"), "`bert` is not supported; supported are gpt2, llama");
    check_refused(model("gpt2"), "`tokenizer.ggml.merges` is missing");
    check_refused(model("llama"), "`tokenizer.ggml.scores` is missing");
    let merges = |merge: &'static str| {
        move |writer: &mut GgufWriter| {
            model("gpt2")(writer);
            writer.texts("tokenizer.ggml.merges", [merge]);
        }
    };
    check_refused(merges("ab"), "`ab`, which is no pair");
    check_refused(merges("a b"), "has `a b`, but no token `ab`");
    let with_pre = |writer: &mut GgufWriter| {
        merges("a b")(writer);
        writer.text("tokenizer.ggml.pre", "klingon");
    };
    check_refused(with_pre, "`klingon` is not supported; supported are smollm, ");
    let with_eos = |writer: &mut GgufWriter| {
        writer.texts("tokenizer.ggml.tokens", ["a", "b", "ab"]);
        writer.text("tokenizer.ggml.model", "gpt2");
        writer.texts("tokenizer.ggml.merges", ["a b"]);
        writer.unsigned("tokenizer.ggml.eos_token_id", 3);
    };
    check_refused(with_eos, "`tokenizer.ggml.eos_token_id`: 3 is not one of the 3 tokens");
}

#[test]
fn broken_json_is_refused() {
    let refused = |json: &str| from_json(json.as_bytes(), &serde_json::Map::new(), &[], 10);
    assert!(refused("{}").is_err());
    let merges =
        r#"{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b"]},"added_tokens":[]}"#;
    assert!(refused(merges).is_err());
    let wordpiece = r#"{"model":{"type":"WordPiece","vocab":{"a":0},"unk_token":"a",
        "continuing_subword_prefix":"","max_input_chars_per_word":9},"added_tokens":[]}"#;
    let error = refused(wordpiece).unwrap_err().to_string();
    assert!(error.contains("supported are BPE, Unigram"), "{error}");
}

#[test]
fn texts_are_known_to_be_too_long_before_they_are_encoded() {
    let tokenizer = read(byte_level("gpt-2")).unwrap();
    // The longest token is `<unused287>`.
    assert_eq!(tokenizer.least_tokens(1100), 100);
    assert_eq!(tokenizer.least_tokens(0), 0);
}

#[test]
fn parts_begin_before_words() {
    let parts = |text, bytes| word_parts(text, bytes).collect::<Vec<_>>();
    assert_eq!(parts("ab cd ef", 1), ["ab", " cd", " ef"]);
    assert_eq!(parts("ab cd ef", 4), ["ab cd", " ef"]);
    assert_eq!(parts("a  b\n c ! d é 1 2", 1), ["a  b\n c ! d é 1 2"]);
    assert_eq!(parts("é a b", 2), ["é a", " b"]);
    assert!(parts("", 1).is_empty());
}

static TINY: LazyLock<Tokenizer> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    TinyModel::Llama.write_folder(folder.path()).unwrap();
    Checkpoint::open(folder.path()).unwrap().tokenizer().unwrap()
});

/// One of each family, since compiling their expressions takes longest.
static ALL: LazyLock<Vec<Tokenizer>> =
    LazyLock::new(|| FAMILIES.map(|family| read(byte_level(family)).unwrap()).into());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_text_comes_back(texts in prop::collection::vec(any::<String>(), 1..20)) {
        for text in texts {
            let ids = TINY.encode(&text, false, true).unwrap();
            prop_assert_eq!(TINY.decode(&ids, false), text);
        }
    }

    #[test]
    fn cutting_before_words_changes_nothing(
        words in prop::collection::vec("[ \\n'.,a-zA-Z0-9éß你]{0,9}", 0..30),
        bytes in 1usize..20,
    ) {
        let text = words.join(" ");
        for (family, tokenizer) in FAMILIES.iter().zip(&*ALL) {
            let whole = tokenizer.encode(&text, false, true).unwrap();
            let parts = word_parts(&text, bytes);
            let parts = parts.flat_map(|part| tokenizer.encode(part, false, true).unwrap());
            prop_assert_eq!(parts.collect::<Vec<_>>(), whole, "{}", family);
        }
    }
}
