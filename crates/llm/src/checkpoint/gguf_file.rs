//! A model in one GGUF file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kernels::Stored;

use super::{CheckpointError, TensorName, Tensors};
use crate::{
    gguf::{Gguf, TensorInfo},
    hyperparameters::{self, Hyperparameters},
    tokenizer::{self, Tokenizer},
};

#[derive(Debug)]
pub(super) struct GgufFile {
    gguf: Gguf,
}

/// Whether a folder holds a model in this form.
pub(super) fn is_inside(folder: &Path) -> bool {
    find_in(folder).is_ok_and(|found| !found.is_empty())
}

fn find_in(folder: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "gguf") {
            found.push(path);
        }
    }
    Ok(found)
}

impl GgufFile {
    /// Opens the file at `path`, or the only one in the folder there.
    pub(super) fn open(path: &Path) -> Result<Self, CheckpointError> {
        let file = if path.is_dir() { Self::only_one(path)? } else { path.to_owned() };
        let gguf = Gguf::open(&file).map_err(|error| CheckpointError::from(error).within(&file))?;
        if let Some(parts) = gguf.metadata().unsigned("split.count")?
            && parts > 1
        {
            let problem = format!("the file is one of {parts} parts; merge them into one file");
            return Err(CheckpointError::Hyperparameters { problem }.within(&file));
        }
        Ok(Self { gguf })
    }

    fn only_one(folder: &Path) -> Result<PathBuf, CheckpointError> {
        let mut found = find_in(folder)?;
        match (found.pop(), found.len()) {
            (Some(file), 0) => Ok(file),
            (_, others) => {
                let problem = format!("{} GGUF files; name one of them", others + 1);
                Err(CheckpointError::NoModel { problem }.within(folder))
            }
        }
    }

    pub(super) fn hyperparameters(&self) -> Result<Hyperparameters, CheckpointError> {
        hyperparameters::from_metadata(self.gguf.metadata(), self)
    }

    pub(super) fn tokenizer(&self) -> Result<Tokenizer, CheckpointError> {
        Ok(tokenizer::from_metadata(self.gguf.metadata())?)
    }

    pub(super) fn chat_template(&self) -> Result<Option<String>, CheckpointError> {
        Ok(self.gguf.metadata().text("tokenizer.chat_template")?.map(str::to_owned))
    }

    fn view(&self, name: &str, tensor: &TensorInfo) -> Result<Stored<'_>, CheckpointError> {
        let error = |problem| CheckpointError::Tensor { name: name.to_owned(), problem };
        let format = tensor.element.stored().ok_or_else(|| {
            error(format!("values of type {} are not supported", tensor.element.name()))
        })?;
        let (columns, rows) = (tensor.sizes[0], tensor.sizes[1..].iter().product());
        Stored::new(format, rows, columns, self.gguf.tensor_bytes(tensor))
            .map_err(|problem| error(problem.to_string()))
    }
}

impl Tensors for GgufFile {
    fn find(&self, name: TensorName) -> Result<Option<Stored<'_>>, CheckpointError> {
        let name = name.in_gguf();
        self.gguf.tensor(&name).map(|tensor| self.view(&name, tensor)).transpose()
    }

    fn has(&self, name: TensorName) -> bool {
        self.gguf.tensor(&name.in_gguf()).is_some()
    }

    fn file_name(&self, name: TensorName) -> String {
        name.in_gguf()
    }

    fn release_pages(&self) {
        self.gguf.release_pages();
    }
}
