use super::CONFIG_BYTES_MAX;

/// Why a document is no model configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// More than [`CONFIG_BYTES_MAX`].
    #[error("a model configuration may have {CONFIG_BYTES_MAX} bytes, this one has {bytes}")]
    TooLarge {
        /// Size of the document.
        bytes: usize,
    },
    /// Something that the schema or the syntax does not allow.
    #[error("line {line}, column {column}: {message}")]
    Invalid {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// What is wrong with which field, and what would be right.
        message: String,
    },
}

/// Line and column of a byte, both counted from 1. A column is a character.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}
