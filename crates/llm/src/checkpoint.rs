//! Weights, sizes, tokenizer and chat template of a model, whichever way they were saved.

mod error;
mod folder;
mod gguf_file;
mod shapes;
mod tensor_name;

use std::path::{Path, PathBuf};

use kernels::Stored;

pub use error::CheckpointError;
pub use tensor_name::{LayerTensor, TensorName};

use crate::{
    chat::ChatTemplate,
    hyperparameters::{Architecture, Hyperparameters},
    tokenizer::Tokenizer,
};
use folder::Folder;
use gguf_file::GgufFile;

/// A GGUF file, or a folder in Hugging Face's form: `config.json`, `*.safetensors`, `tokenizer.json`.
///
/// Weights are read where they lie in the file; they leave memory with this value.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    source: Source,
    hyperparameters: Hyperparameters,
}

#[derive(Debug)]
enum Source {
    Gguf(GgufFile),
    Folder(Folder),
}

/// Named tensors, before it is known what model they make.
pub(crate) trait Tensors {
    /// The tensor as the file has it, if it has it.
    fn find(&self, name: TensorName) -> Result<Option<Stored<'_>>, CheckpointError>;

    fn has(&self, name: TensorName) -> bool;

    /// What the file calls it.
    fn file_name(&self, name: TensorName) -> String;

    fn get(&self, name: TensorName) -> Result<Stored<'_>, CheckpointError> {
        let missing = || CheckpointError::MissingTensor { name: self.file_name(name) };
        self.find(name)?.ok_or_else(missing)
    }

    /// Lets what was read of the files leave memory.
    fn release_pages(&self);

    fn rows(&self, name: TensorName) -> Result<usize, CheckpointError> {
        Ok(self.get(name)?.rows())
    }

    /// All values, row by row.
    fn vector(&self, name: TensorName) -> Result<Vec<f32>, CheckpointError> {
        let stored = self.get(name)?;
        let mut values = vec![0.0; stored.rows() * stored.columns()];
        for (row, out) in values.chunks_exact_mut(stored.columns()).enumerate() {
            stored.decode_row(row, out);
        }
        Ok(values)
    }
}

impl Checkpoint {
    /// Opens a `.gguf` file, a folder that holds one, or a folder in Hugging Face's form, and holds
    /// every tensor that the model needs against its sizes.
    ///
    /// # Errors
    ///
    /// A file is missing or broken, the architecture is unknown, or what the file says of the model
    /// does not fit itself: the error names the file and the key or tensor.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let (source, hyperparameters) = if path.is_dir() && !gguf_file::is_inside(path) {
            let folder = Folder::open(path)?;
            let hyperparameters = folder.hyperparameters()?;
            (Source::Folder(folder), hyperparameters)
        } else {
            let file = GgufFile::open(path)?;
            let hyperparameters = file.hyperparameters().map_err(|error| error.within(path))?;
            (Source::Gguf(file), hyperparameters)
        };
        let checkpoint = Self { path: path.to_owned(), source, hyperparameters };
        shapes::check(&checkpoint.hyperparameters, checkpoint.tensors())
            .map_err(|error| error.within(path))?;
        Ok(checkpoint)
    }

    /// What the model is made of.
    #[must_use]
    pub fn hyperparameters(&self) -> &Hyperparameters {
        &self.hyperparameters
    }

    /// Lets what was read of the files leave memory, as after all weights were packed: pages that
    /// are needed again come back by themselves.
    pub fn release_pages(&self) {
        self.tensors().release_pages();
    }

    /// Whether the model has this tensor.
    #[must_use]
    pub fn has(&self, name: TensorName) -> bool {
        self.tensors().has(name)
    }

    /// A matrix `[outputs, inputs]`, or a vector as its only row, in the bytes of the file.
    ///
    /// With tied embeddings, [`TensorName::Output`] is the embedding.
    ///
    /// # Errors
    ///
    /// The model has no such tensor, or its values are written in an unknown way.
    pub fn tensor(&self, name: TensorName) -> Result<Stored<'_>, CheckpointError> {
        let tied = name == TensorName::Output && self.hyperparameters.tied_embeddings;
        let name = if tied { TensorName::Embedding } else { name };
        self.tensors().get(name).map_err(|error| error.within(&self.path))
    }

    /// The values of a norm or a bias, as the formulas use them: where a family saves the weights of
    /// its norms less 1, the 1 is added.
    ///
    /// # Errors
    ///
    /// As [`Self::tensor`].
    pub fn vector(&self, name: TensorName) -> Result<Vec<f32>, CheckpointError> {
        let vector = self.tensors().vector(name).map_err(|error| error.within(&self.path))?;
        let is_folder = matches!(self.source, Source::Folder(_));
        let less_one = self.hyperparameters.architecture == Architecture::Gemma3 && is_folder;
        let offset = if less_one && name.is_norm() { 1.0 } else { 0.0 };
        Ok(vector.into_iter().map(|value| value + offset).collect())
    }

    /// Builds the model's tokenizer; this takes some ten milliseconds, so it is done once.
    ///
    /// # Errors
    ///
    /// It is missing, broken, or of an unknown kind.
    pub fn tokenizer(&self) -> Result<Tokenizer, CheckpointError> {
        let tokenizer = match &self.source {
            Source::Gguf(file) => file.tokenizer(),
            Source::Folder(folder) => folder.tokenizer(self.hyperparameters.vocabulary),
        };
        tokenizer.map_err(|error| error.within(&self.path))
    }

    /// The text of the template that makes a prompt of a conversation, if the model has one.
    ///
    /// # Errors
    ///
    /// A file that should hold it cannot be read.
    pub fn chat_template(&self) -> Result<Option<String>, CheckpointError> {
        match &self.source {
            Source::Gguf(file) => file.chat_template().map_err(|error| error.within(&self.path)),
            Source::Folder(folder) => folder.chat_template(),
        }
    }

    /// The compiled template that makes a prompt of a conversation, if the model has one.
    ///
    /// # Errors
    ///
    /// As [`Self::chat_template`]; or the template is not valid.
    pub fn chat(&self, tokenizer: &Tokenizer) -> Result<Option<ChatTemplate>, CheckpointError> {
        let Some(source) = self.chat_template()? else { return Ok(None) };
        let special = tokenizer.special_texts();
        ChatTemplate::new(&source, special).map(Some).map_err(CheckpointError::from)
    }

    fn tensors(&self) -> &dyn Tensors {
        match &self.source {
            Source::Gguf(file) => file,
            Source::Folder(folder) => folder,
        }
    }
}
