//! What can be wrong with a GGUF file.

use std::io;

use thiserror::Error;

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub enum GgufError {
    /// The file cannot be opened or mapped.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another kind of file.
    #[error("the file does not start with `GGUF`")]
    NotGguf,
    /// An unknown version of the format.
    #[error("GGUF version {version} is not supported{hint}: versions 2 and 3 are")]
    Version {
        /// What the file says.
        version: u32,
        /// What else may be the matter.
        hint: &'static str,
    },
    /// The file ends too early, or a length in it is wrong.
    #[error("{what} takes {needed} bytes at byte {at}, but the file has only {left} left there")]
    Truncated {
        /// What was to be read.
        what: &'static str,
        /// Where in the file.
        at: usize,
        /// How long it is said to be.
        needed: u64,
        /// How much there is.
        left: usize,
    },
    /// A number that no sane file holds.
    #[error("{what} is {found}, above the limit of {limit}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// What the file says.
        found: u64,
        /// The most that is let in.
        limit: u64,
    },
    /// A key or a text is no UTF-8.
    #[error("{what} at byte {at} is no UTF-8 text")]
    NotText {
        /// What was to be read.
        what: &'static str,
        /// Where in the file.
        at: usize,
    },
    /// A value of the metadata is wrong.
    #[error("metadata `{key}`: {problem}")]
    Metadata {
        /// Its name.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A tensor's description is wrong.
    #[error("tensor `{name}`: {problem}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl GgufError {
    pub(super) fn unknown_version(version: u32) -> Self {
        let hint = match version.swap_bytes() {
            2 | 3 => " (the file is for big-endian machines)",
            _ => "",
        };
        Self::Version { version, hint }
    }
}
