//! Who may have text generated: keys from flags, the environment and a file.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use server::ApiKey;

use crate::secret::Secret;

/// Largest share of a key, against one whose weight is 1.
const WEIGHT_MAX: u32 = 1000;

/// The file: a list of `[[key]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    key: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: Secret,
    /// Whose requests they are, in the server's own words.
    name: String,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default)]
    priority: i32,
}

const fn one() -> u32 {
    1
}

/// Joins the keys of flags, which have no names, with those of a file.
///
/// # Errors
///
/// The file cannot be read, a key is too short, or there is one twice. No message shows a key.
pub(crate) fn read(given: Vec<Secret>, file: Option<&Path>) -> Result<Vec<ApiKey>> {
    let mut keys = Vec::new();
    for (index, key) in given.into_iter().enumerate() {
        let name = format!("key-{}", index + 1);
        let key = ApiKey::new(key.into_text(), name, 1, 0);
        keys.push(key.map_err(|why| anyhow!("api-key {why}"))?);
    }
    if let Some(path) = file {
        keys.extend(of_file(path).with_context(|| format!("in {}", path.display()))?);
    }
    for (index, key) in keys.iter().enumerate() {
        if keys[..index].iter().any(|other| other.is_same_key(key)) {
            bail!("two API keys are the same: each caller needs one of their own");
        }
    }
    Ok(keys)
}

fn of_file(path: &Path) -> Result<Vec<ApiKey>> {
    let text = fs::read_to_string(path).context("cannot read the file of API keys")?;
    // The library's own message shows the line, which may have a key in it.
    let file: File = toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        anyhow!("line {}: {}", before.matches('\n').count() + 1, error.message())
    })?;
    if file.key.is_empty() {
        bail!("there is no [[key]]");
    }
    let mut names = BTreeSet::new();
    let keys = file.key.into_iter().map(|Entry { key, name, weight, priority }| {
        if name.is_empty() || !names.insert(name.clone()) {
            bail!("name \"{name}\" is empty or there twice: each key needs one of its own");
        }
        if weight == 0 || weight > WEIGHT_MAX {
            bail!("weight of \"{name}\" is {weight}; give 1 to {WEIGHT_MAX}");
        }
        let read = ApiKey::new(key.into_text(), name.clone(), weight, priority);
        read.map_err(|why| anyhow!("key of \"{name}\" {why}"))
    });
    keys.collect()
}

#[cfg(test)]
mod tests;
