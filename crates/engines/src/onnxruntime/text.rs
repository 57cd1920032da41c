//! The tokenizer that lies beside a model that takes tokens.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use serving::{ServeError, Signature, TextEncoder};
use tokenizers::Tokenizer;

/// Its name in Hugging Face's folders.
const FILE: &str = "tokenizer.json";

/// The input that takes tokens.
const TOKENS: &str = "input_ids";

/// Tokens of a text at most where the tokenizer's file does not say.
const TOKENS_MAX: usize = 512;

/// A tokenizer that is read when the first text comes: most models get tensors only.
#[derive(Debug)]
pub(super) struct Encoder {
    path: PathBuf,
    loaded: OnceLock<Result<Loaded, String>>,
}

#[derive(Debug)]
struct Loaded {
    tokenizer: Tokenizer,
    tokens_max: usize,
}

/// The encoder of the model at `path`, if it takes tokens and `tokenizer.json` lies beside it or one
/// folder up, where all versions share it.
pub(super) fn find(path: &Path, signature: &Signature) -> Option<Arc<dyn TextEncoder>> {
    signature.inputs.iter().find(|input| input.name == TOKENS)?;
    let folder = if path.is_dir() { path } else { path.parent()? };
    let places = [Some(folder), folder.parent()];
    let path = places.into_iter().flatten().map(|folder| folder.join(FILE));
    let path = path.into_iter().find(|path| path.is_file())?;
    Some(Arc::new(Encoder { path, loaded: OnceLock::new() }))
}

impl Encoder {
    fn loaded(&self) -> Result<&Loaded, ServeError> {
        let loaded = self.loaded.get_or_init(|| Loaded::read(&self.path));
        loaded
            .as_ref()
            .map_err(|error| ServeError::internal(format!("{}: {error}", self.path.display())))
    }
}

impl Loaded {
    fn read(path: &Path) -> Result<Self, String> {
        let mut tokenizer = Tokenizer::from_file(path).map_err(|error| error.to_string())?;
        let tokens_max = tokenizer.get_truncation().map_or(TOKENS_MAX, |cut| cut.max_length);
        // A text that is too long is told so, not cut; batches are the server's work.
        tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
        tokenizer.with_padding(None);
        Ok(Self { tokenizer, tokens_max })
    }
}

impl TextEncoder for Encoder {
    fn encode(&self, text: &str) -> Result<Vec<u32>, ServeError> {
        let Loaded { tokenizer, tokens_max } = self.loaded()?;
        let encoded = tokenizer.encode_fast(text, true);
        let encoded = encoded.map_err(|error| ServeError::invalid(error.to_string()))?;
        let tokens = encoded.get_ids();
        if tokens.len() > *tokens_max {
            let message = format!("the text has {} tokens; at most {tokens_max}", tokens.len());
            return Err(ServeError::invalid(message).with_parameter("input"));
        }
        Ok(tokens.to_vec())
    }

    fn tokens_max(&self) -> usize {
        self.loaded().map_or(TOKENS_MAX, |loaded| loaded.tokens_max)
    }
}
