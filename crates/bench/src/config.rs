//! Where things are: the only reader of the environment.
#![expect(clippy::disallowed_methods, reason = "this is where the environment is read")]

use std::{env, path::PathBuf};

use anyhow::{Context, Result};

/// Hone's cache: `$HONE_CACHE`, else `$XDG_CACHE_HOME/hone`, else `~/.cache/hone`.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(dir) = set("HONE_CACHE") {
        return Ok(dir.into());
    }
    if let Some(dir) = set("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(dir).join("hone"));
    }
    let home = set("HOME").context("neither HONE_CACHE, XDG_CACHE_HOME nor HOME is set")?;
    Ok(PathBuf::from(home).join(".cache/hone"))
}

/// The value of `PATH`, for children that need something in front of it.
pub(crate) fn search_path() -> String {
    env::var("PATH").unwrap_or_default()
}
