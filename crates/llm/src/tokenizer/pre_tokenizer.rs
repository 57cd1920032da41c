//! How byte-level tokenizers cut a text into words, by the names that GGUF files use.
//!
//! The expressions are those of the models' own `tokenizer.json`.

use tokenizers::{
    NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior,
    normalizers::unicode::NFC,
    pre_tokenizers::{
        byte_level::ByteLevel,
        digits::Digits,
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
};

use super::TokenizerError;

/// What the name of a pre-tokenizer stands for.
#[derive(Debug)]
pub(super) struct Family {
    names: &'static [&'static str],
    cuts: &'static [Cut],
    composes: bool,
    /// Words that are tokens are taken as they are.
    pub(super) ignore_merges: bool,
    /// A BOS token stands before every text, if the file does not say.
    pub(super) add_bos: bool,
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Every digit is a word.
    Digits,
    /// Matches, and what is between them, are words.
    Matches(&'static str),
    /// GPT-2's own expression.
    Gpt2,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const FAMILIES: &[Family] = &[
    Family {
        names: &["smollm", "starcoder", "refact", "codeshell", "exaone", "minerva-7b"],
        cuts: &[Cut::Digits, Cut::Gpt2],
        composes: false,
        ignore_merges: false,
        add_bos: false,
    },
    Family {
        names: &["gpt-2", "mpt", "olmo", "phi-2", "trillion"],
        cuts: &[Cut::Gpt2],
        composes: false,
        ignore_merges: false,
        add_bos: false,
    },
    Family {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "lfm2"],
        cuts: &[Cut::Matches(LLAMA3)],
        composes: false,
        ignore_merges: true,
        add_bos: true,
    },
    Family {
        names: &["smaug-bpe", "dbrx"],
        cuts: &[Cut::Matches(LLAMA3)],
        composes: false,
        ignore_merges: false,
        add_bos: false,
    },
    Family {
        names: &["qwen2", "deepseek-r1-qwen", "megrez"],
        cuts: &[Cut::Matches(QWEN2)],
        composes: true,
        ignore_merges: false,
        add_bos: false,
    },
    Family {
        names: &["qwen35"],
        cuts: &[Cut::Matches(QWEN35)],
        composes: true,
        ignore_merges: false,
        add_bos: false,
    },
    Family {
        names: &["tekken"],
        cuts: &[Cut::Matches(TEKKEN)],
        composes: false,
        ignore_merges: true,
        add_bos: true,
    },
    Family {
        names: &["default"],
        cuts: &[
            Cut::Matches(r"[\p{P}\$\+<=>\^~\|]+"),
            Cut::Gpt2,
            Cut::Matches(r"\p{N}+"),
            Cut::Matches("[0-9][0-9][0-9]"),
        ],
        composes: false,
        ignore_merges: false,
        add_bos: false,
    },
];

impl Family {
    pub(super) fn named(name: &str) -> Result<&'static Self, TokenizerError> {
        let found = FAMILIES.iter().find(|family| family.names.contains(&name));
        found.ok_or_else(|| TokenizerError::Unsupported {
            what: "the pre-tokenizer (`tokenizer.ggml.pre`)",
            found: name.to_owned(),
            supported: FAMILIES
                .iter()
                .flat_map(|family| family.names)
                .copied()
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    pub(super) fn normalizer(&self) -> Option<NormalizerWrapper> {
        self.composes.then_some(NormalizerWrapper::NFC(NFC))
    }

    /// Cuts into words, and writes the bytes of words as characters.
    pub(super) fn pre_tokenizer(&self) -> PreTokenizerWrapper {
        let mut steps: Vec<PreTokenizerWrapper> = self.cuts.iter().map(|cut| cut.step()).collect();
        steps.push(ByteLevel::new(false, true, false).into());
        Sequence::new(steps).into()
    }
}

impl Cut {
    fn step(self) -> PreTokenizerWrapper {
        let expression = match self {
            Self::Digits => return Digits::new(true).into(),
            Self::Gpt2 => GPT2,
            Self::Matches(expression) => expression,
        };
        let pattern = SplitPattern::Regex(expression.to_owned());
        Split::new(pattern, SplitDelimiterBehavior::Isolated, false)
            .expect("the expressions of the table are valid")
            .into()
    }
}

/// Whether a tokenizer cuts texts into words by an expression of the table, and changes them in no way
/// but composing characters.
pub(super) fn is_known(library: &tokenizers::Tokenizer) -> bool {
    let composes = matches!(library.get_normalizer(), None | Some(NormalizerWrapper::NFC(_)));
    composes && library.get_pre_tokenizer().is_some_and(cuts_as_known)
}

fn cuts_as_known(pre_tokenizer: &PreTokenizerWrapper) -> bool {
    match pre_tokenizer {
        PreTokenizerWrapper::ByteLevel(byte_level) => {
            byte_level.use_regex && !byte_level.add_prefix_space
        }
        PreTokenizerWrapper::Split(split) => {
            let known = [GPT2, LLAMA3, QWEN2, QWEN35, TEKKEN];
            matches!(&split.pattern, SplitPattern::Regex(found) if known.contains(&found.as_str()))
        }
        PreTokenizerWrapper::Sequence(steps) => {
            let no_space = |step: &PreTokenizerWrapper| match step {
                PreTokenizerWrapper::ByteLevel(byte_level) => !byte_level.add_prefix_space,
                _ => true,
            };
            steps.as_ref().iter().all(no_space) && steps.as_ref().iter().any(cuts_as_known)
        }
        _ => false,
    }
}
