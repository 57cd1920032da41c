//! Why a model cannot be loaded.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{chat::ChatError, gguf::GgufError, tokenizer::TokenizerError};

/// What is wrong with the files of a model.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// Something is wrong in this file or folder.
    #[error("{}", path.display())]
    Within {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<CheckpointError>,
    },
    /// A file cannot be read.
    #[error("cannot be read")]
    Io(#[from] io::Error),
    /// A GGUF file is broken.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// A safetensors file is broken.
    #[error("no valid safetensors file")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// A JSON file is broken.
    #[error("no valid JSON")]
    Json(#[from] serde_json::Error),
    /// There is nothing that looks like a model.
    #[error("there is no model here: {problem}")]
    NoModel {
        /// What was looked for.
        problem: String,
    },
    /// There is no code for this family of models.
    #[error("the architecture `{found}` is not supported; supported are {supported}")]
    UnknownArchitecture {
        /// What the file says.
        found: String,
        /// Names that are known.
        supported: String,
    },
    /// Something that every model of the family has to say.
    #[error("`{key}` is missing")]
    MissingKey {
        /// The name in the file.
        key: String,
    },
    /// Sizes or switches that cannot be.
    #[error("{problem}")]
    Hyperparameters {
        /// What is wrong with which.
        problem: String,
    },
    /// A tensor that every model of the family has.
    #[error("tensor `{name}` is missing")]
    MissingTensor {
        /// The name in the file.
        name: String,
    },
    /// A tensor that does not fit the model.
    #[error("tensor `{name}`: {problem}")]
    Tensor {
        /// The name in the file.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The tokenizer cannot be built.
    #[error("the tokenizer cannot be built")]
    Tokenizer(#[from] TokenizerError),
    /// The chat template is not valid.
    #[error("the chat template cannot be used")]
    ChatTemplate(#[from] ChatError),
}

impl CheckpointError {
    /// Says where it happened, unless that was said.
    pub(crate) fn within(self, path: &Path) -> Self {
        match self {
            Self::Within { .. } => self,
            other => Self::Within { path: path.to_owned(), source: Box::new(other) },
        }
    }
}
