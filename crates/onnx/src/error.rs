use std::{io, path::PathBuf};

/// Why a file was not read as an ONNX model. Offsets count bytes from the file's start.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading failed in the middle.
    #[error("cannot read the model at byte {offset}")]
    Io {
        /// Where.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A field ends behind the message that it belongs to: the file is cut off or damaged.
    #[error("truncated at byte {offset}: {what} needs {needed} bytes and {left} are left")]
    Truncated {
        /// Start of the field.
        offset: u64,
        /// What is there.
        what: &'static str,
        /// Bytes that it says it has.
        needed: u64,
        /// Bytes up to the end of the message around it.
        left: u64,
    },
    /// No protobuf, or a field of the wrong kind.
    #[error("not a valid ONNX model: {what} at byte {offset}")]
    Malformed {
        /// Where.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// More of something than any real model has.
    #[error("not a reasonable ONNX model: {what} at byte {offset}, the limit is {limit}")]
    Limit {
        /// Where.
        offset: u64,
        /// What there is too much of.
        what: &'static str,
        /// How much is accepted.
        limit: u64,
    },
    /// The file is a placeholder.
    #[error("the file is a Git LFS pointer, not the model; `git lfs pull` fetches the model")]
    GitLfsPointer,
    /// Valid protobuf without the one field that makes it a model.
    #[error("not an ONNX model: it has no graph")]
    NoGraph,
}

/// Why weights that live outside of the model file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExternalDataError {
    /// The location leaves the model's folder.
    #[error(
        "tensor '{tensor}' keeps its data at '{location}', which is not a path inside of the model's folder"
    )]
    Escapes {
        /// The tensor.
        tensor: String,
        /// What the model says.
        location: String,
    },
    /// The file is not there.
    #[error(
        "tensor '{tensor}' keeps its data in {}, which cannot be read; copy the file beside the model",
        path.display()
    )]
    Missing {
        /// The tensor.
        tensor: String,
        /// Where the data should be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is too short.
    #[error(
        "tensor '{tensor}' keeps bytes {offset}..{} in {}, which has {size} bytes",
        offset.saturating_add(*length), path.display()
    )]
    Short {
        /// The tensor.
        tensor: String,
        /// Where the data should be.
        path: PathBuf,
        /// First byte of the data.
        offset: u64,
        /// Bytes of data.
        length: u64,
        /// Size of the file.
        size: u64,
    },
    /// Offset or length is no number.
    #[error("tensor '{tensor}' gives {key} '{value}' of its external data, which is no number")]
    Number {
        /// The tensor.
        tensor: String,
        /// `offset` or `length`.
        key: String,
        /// What the model says.
        value: String,
    },
}
