//! Where things are: the source tree and the cache folder. The only file that reads the environment.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

/// The folders that tasks work in.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Root of the source tree.
    pub tree: PathBuf,
    /// Root of everything that is fetched or built.
    pub cache: PathBuf,
    /// Where cargo puts what tasks build.
    pub target: PathBuf,
}

impl Places {
    /// Reads `HONE_CACHE`, `XDG_CACHE_HOME`, `HOME` and `CARGO_TARGET_DIR`.
    pub(crate) fn find() -> Result<Self> {
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let tree = tree.canonicalize().with_context(|| format!("no source tree at {tree:?}"))?;
        let cache =
            cache_folder().context("set HONE_CACHE to a folder for downloads and builds")?;
        let target =
            folder("CARGO_TARGET_DIR").map_or_else(|| cache.join("target"), |dir| tree.join(dir));
        Ok(Self { tree, cache, target })
    }

    /// The model repository that [`crate::models::fetch`] lays out.
    pub(crate) fn models(&self) -> PathBuf {
        self.cache.join("models")
    }

    /// Waits until no other task changes the cache folder; the lock ends with the returned file.
    pub(crate) fn lock(&self) -> Result<File> {
        fs::create_dir_all(&self.cache)
            .with_context(|| format!("cannot create {}", self.cache.display()))?;
        let lock = File::create(self.cache.join("tasks.lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    /// The release-speed binary.
    pub(crate) fn hone(&self) -> PathBuf {
        self.target.join("fast/hone")
    }

    /// `cargo ARGUMENTS` in the tree, with build output in [`Places::target`].
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(arguments);
        self.prepare(cargo)
    }

    /// Makes `command` run in the tree with the same folders that this task uses.
    pub(crate) fn prepare(&self, mut command: Command) -> Command {
        command
            .current_dir(&self.tree)
            .env("HONE_CACHE", &self.cache)
            .env("CARGO_TARGET_DIR", &self.target);
        command
    }
}

fn cache_folder() -> Option<PathBuf> {
    folder("HONE_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|dir| dir.join("hone")))
        .or_else(|| folder("HOME").map(|dir| dir.join(".cache/hone")))
        .map(|dir| std::path::absolute(&dir).unwrap_or(dir))
}

fn folder(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
