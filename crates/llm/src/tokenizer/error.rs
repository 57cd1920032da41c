//! Why a tokenizer cannot be built, or a text not be encoded.

use thiserror::Error;

use crate::gguf::GgufError;

/// What is wrong with a tokenizer or with what it was asked for.
#[derive(Debug, Error)]
pub enum TokenizerError {
    /// A kind of tokenizer, or of its parts, that there is no code for.
    #[error("{what} `{found}` is not supported; supported are {supported}")]
    Unsupported {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        found: String,
        /// Names that are known.
        supported: String,
    },
    /// A part that the tokenizer needs.
    #[error("`{key}` is missing")]
    Missing {
        /// Its name in the file.
        key: &'static str,
    },
    /// Parts do not fit each other.
    #[error("{problem}")]
    Inconsistent {
        /// Which and why.
        problem: String,
    },
    /// The file that the tokenizer is in is broken.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The library refused.
    #[error("{0}")]
    Library(Box<dyn std::error::Error + Send + Sync>),
    /// The tokenizer has a token that the model lacks.
    #[error("token {id} is not one of the {size} that the model has")]
    NoSuchToken {
        /// The tokenizer's id.
        id: u32,
        /// How many ids the model has.
        size: usize,
    },
}
