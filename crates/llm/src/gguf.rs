//! GGUF files: typed metadata and named tensors, read where they lie.
//!
//! The format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>. Nothing that a file says is
//! believed before it was held against the file's length, so a broken or hostile file is refused with
//! the name of what is wrong.

mod element;
mod error;
mod metadata;
mod reader;
mod tensor;

use std::{collections::HashMap, path::Path};

pub(crate) use element::ElementType;
pub use error::GgufError;
pub(crate) use metadata::Metadata;
pub(crate) use tensor::TensorInfo;

use crate::mapped_file::MappedFile;
use reader::Reader;

const MAGIC: &[u8; 4] = b"GGUF";
const ALIGNMENT_KEY: &str = "general.alignment";
const ALIGNMENT_DEFAULT: u64 = 32;
/// Far above every model that exists: 100 layers of 20 tensors are 2000.
const TENSORS_MAX: u64 = 100_000;

/// An open file.
#[derive(Debug)]
pub(crate) struct Gguf {
    file: MappedFile,
    metadata: Metadata,
    tensors: HashMap<String, TensorInfo>,
}

impl Gguf {
    /// Lets what was read of the file leave memory.
    pub(crate) fn release_pages(&self) {
        self.file.release();
    }

    /// Reads the head of the file at `path`; the tensors stay where they are.
    pub(crate) fn open(path: &Path) -> Result<Self, GgufError> {
        let file = MappedFile::open(path)?;
        let (metadata, tensors) = read_head(file.bytes())?;
        Ok(Self { file, metadata, tensors })
    }

    /// What the file says about the model.
    pub(crate) fn metadata(&self) -> Described<'_> {
        Described { metadata: &self.metadata, bytes: self.file.bytes() }
    }

    pub(crate) fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name)
    }

    /// The values of `tensor`, as long as its shape and type ask for.
    pub(crate) fn tensor_bytes(&self, tensor: &TensorInfo) -> &[u8] {
        &self.file.bytes()[tensor.bytes.clone()]
    }
}

/// Metadata together with the file that its texts and arrays lie in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described<'a> {
    metadata: &'a Metadata,
    bytes: &'a [u8],
}

/// Everything before the tensors' values.
fn read_head(bytes: &[u8]) -> Result<(Metadata, HashMap<String, TensorInfo>), GgufError> {
    let mut reader = Reader::new(bytes);
    if bytes.get(..4) != Some(MAGIC) {
        return Err(GgufError::NotGguf);
    }
    reader.skip(4, "the magic number")?;
    match reader.u32("the version")? {
        2 | 3 => {}
        version => return Err(GgufError::unknown_version(version)),
    }
    let tensor_count = reader.u64("the number of tensors")?;
    let value_count = reader.u64("the number of metadata values")?;
    if tensor_count > TENSORS_MAX {
        let what = "the number of tensors";
        return Err(GgufError::TooMany { what, found: tensor_count, limit: TENSORS_MAX });
    }
    let metadata = Metadata::read(&mut reader, value_count)?;
    let alignment = alignment(Described { metadata: &metadata, bytes })?;
    let tensors = tensor::read_all(&mut reader, tensor_count, alignment)?;
    Ok((metadata, tensors))
}

fn alignment(described: Described<'_>) -> Result<u64, GgufError> {
    let alignment = described.unsigned(ALIGNMENT_KEY)?.unwrap_or(ALIGNMENT_DEFAULT);
    if alignment.is_power_of_two() && alignment <= 1 << 20 {
        return Ok(alignment);
    }
    let problem = format!("{alignment} is no power of two up to 2^20");
    Err(GgufError::Metadata { key: ALIGNMENT_KEY.to_owned(), problem })
}

#[cfg(test)]
mod tests;
