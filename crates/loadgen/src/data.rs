//! What requests hold: random tensors by a model's metadata, files of inputs and prompts, recorded times.

mod prompts;
mod tensors;
mod trace;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::BuildError;

pub use prompts::{PromptRecord, prompt_of, read_prompts};
pub use tensors::{TensorOptions, TensorRecord, random_request, read_expectations, read_tensors};
pub use trace::{Trace, read_trace};

/// Bytes of one file of inputs.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Requests of all files together.
const RECORDS_MAX: usize = 1 << 20;

fn wrong(path: &Path, what: &impl std::fmt::Display) -> BuildError {
    BuildError(format!("{}: {what}", path.display()))
}

/// A file's text.
fn read_text(path: &Path) -> Result<String, BuildError> {
    let size = std::fs::metadata(path).map_err(|error| wrong(path, &error))?.len();
    if size > FILE_BYTES_MAX {
        return Err(wrong(path, &format!("has {size} bytes; {FILE_BYTES_MAX} are read")));
    }
    std::fs::read_to_string(path).map_err(|error| wrong(path, &error))
}

/// The documents of a file: one a line, or one that is the whole file; with where each stands.
fn documents(path: &Path) -> Result<Vec<(String, Value)>, BuildError> {
    let text = read_text(path)?;
    if let Ok(whole) = serde_json::from_str::<Value>(&text) {
        let place = path.display().to_string();
        return Ok(match whole {
            Value::Array(documents) => {
                let numbered = documents.into_iter().enumerate();
                numbered.map(|(index, one)| (format!("{place}[{index}]"), one)).collect()
            }
            whole => vec![(place, whole)],
        });
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let document = |(index, line): (usize, &str)| {
        let place = format!("{}:{}", path.display(), index + 1);
        let document = serde_json::from_str(line);
        document
            .map_err(|error| BuildError(format!("{place}: no JSON: {error}")))
            .map(|one| (place, one))
    };
    limited(path, lines.take(RECORDS_MAX + 1).map(document).collect::<Result<Vec<_>, _>>()?)
}

fn limited<T>(path: &Path, records: Vec<T>) -> Result<Vec<T>, BuildError> {
    match records.len() {
        0 => Err(wrong(path, &"holds nothing to send")),
        count if count > RECORDS_MAX => {
            Err(wrong(path, &format!("holds more than {RECORDS_MAX} requests")))
        }
        _ => Ok(records),
    }
}

/// The files of a folder by name, without those that are hidden; or the file itself.
fn files(path: &Path) -> Result<Vec<PathBuf>, BuildError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|error| wrong(path, &error))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| file.is_file() && !is_hidden(file))
        .collect();
    files.sort();
    limited(path, files)
}

fn is_hidden(file: &Path) -> bool {
    file.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests;
