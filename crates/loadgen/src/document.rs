//! Result documents as files hold them.

use serde::Deserialize;
use thiserror::Error;

use crate::result::{ResultDocument, SCHEMA};

/// Why some text is not a result of this program.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// It is no JSON object with a `schema`.
    #[error(
        "this is no result of `hone bench`: there is no \"schema\" in it; \
         give a file that `hone bench --output FILE` wrote"
    )]
    NoResult,
    /// It names a schema that this version does not know.
    #[error(
        "this result has the schema {found:?}, and this version of Hone reads {SCHEMA:?}; \
         measure again, or use the version that wrote it"
    )]
    OtherSchema {
        /// The schema that it names.
        found: String,
    },
    /// It names the right schema but does not keep to it.
    #[error("this result is damaged or was edited: it does not keep to {SCHEMA:?}")]
    Damaged(#[source] serde_json::Error),
}

impl ResultDocument {
    /// Reads what [`ResultDocument::to_json`] wrote. Fields that are not known are passed over.
    ///
    /// # Errors
    ///
    /// The text is no result, or one of another schema.
    pub fn from_json(text: &[u8]) -> Result<Self, DocumentError> {
        let head: Head = serde_json::from_slice(text).map_err(|_| DocumentError::NoResult)?;
        if head.schema != SCHEMA {
            return Err(DocumentError::OtherSchema { found: head.schema });
        }
        serde_json::from_slice(text).map_err(DocumentError::Damaged)
    }

    /// JSON, indented, with a line end.
    ///
    /// # Panics
    ///
    /// Never: all keys are strings.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("every key is a string");
        text.push('\n');
        text
    }
}

#[derive(Deserialize)]
struct Head {
    schema: String,
}

#[cfg(test)]
mod tests;
