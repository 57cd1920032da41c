//! Models on disk: which folders are models, which versions they have, whether they changed.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use protocol::model_config::{
    self, ModelConfig,
    model_version_policy::{All, Latest, PolicyChoice},
};

use crate::{LoadError, warmup::file_within};

/// Files of one model beyond which changes are no longer looked for.
const FINGERPRINT_FILES_MAX: usize = 10_000;

/// Larger configurations are refused.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Where a model's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// `<model>/<version>/<file>`, perhaps with `config.pbtxt`.
    Folder(PathBuf),
    /// One file, or a folder of weights as training frameworks save them: version 1 of a model.
    Bare(PathBuf),
    /// The name stands in more than one repository.
    Ambiguous(Vec<PathBuf>),
}

/// Changes when a model's files change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(BTreeMap<PathBuf, (Option<SystemTime>, u64)>);

/// Finds the models under `paths`.
///
/// # Errors
///
/// A path cannot be read, or is neither a folder nor a model file.
pub(super) fn scan(paths: &[PathBuf]) -> Result<BTreeMap<String, Source>, LoadError> {
    let mut found = BTreeMap::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if metadata.is_file() {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            add(&mut found, stem.unwrap_or_default(), Source::Bare(path.clone()));
        } else if is_weights(path) || is_model(path) {
            let absolute = path.canonicalize().map_err(|error| unreadable(path, &error))?;
            add(&mut found, file_name(&absolute), of_folder(path.clone()));
        } else {
            for folder in subfolders(path).map_err(|error| unreadable(path, &error))? {
                add(&mut found, file_name(&folder), of_folder(folder));
            }
        }
    }
    Ok(found)
}

fn add(found: &mut BTreeMap<String, Source>, name: String, source: Source) {
    let source = match found.remove(&name) {
        None => source,
        Some(earlier) => {
            let mut paths = earlier.paths();
            paths.extend(source.paths());
            Source::Ambiguous(paths)
        }
    };
    found.insert(name, source);
}

fn of_folder(folder: PathBuf) -> Source {
    if is_weights(&folder) { Source::Bare(folder) } else { Source::Folder(folder) }
}

/// A folder as Hugging Face lays models out: `config.json` beside the weights.
fn is_weights(folder: &Path) -> bool {
    folder.join("config.json").is_file() && !folder.join("config.pbtxt").is_file()
}

/// A folder with a configuration or a version is a model, not a repository of models.
fn is_model(folder: &Path) -> bool {
    let numbered = |folder: &PathBuf| version_number(folder).is_some();
    folder.join("config.pbtxt").is_file()
        || subfolders(folder).is_ok_and(|folders| folders.iter().any(numbered))
}

fn subfolders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !file_name(&path).starts_with('.') {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The version that a folder's name says; names that start with a zero say none.
pub(super) fn version_number(folder: &Path) -> Option<u64> {
    let name = folder.file_name()?.to_str()?;
    let digits = name.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !name.starts_with('0')).then(|| name.parse().ok())?
}

fn unreadable(path: &Path, error: &io::Error) -> LoadError {
    LoadError::Model(format!("model repository {}: {error}", path.display()))
}

impl Fingerprint {
    /// Size of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.0.values().map(|(_, bytes)| bytes).sum()
    }
}

impl Source {
    fn paths(&self) -> Vec<PathBuf> {
        match self {
            Self::Folder(path) | Self::Bare(path) => vec![path.clone()],
            Self::Ambiguous(paths) => paths.clone(),
        }
    }

    /// The folder that relative names in the configuration start from.
    pub(super) fn folder(&self) -> &Path {
        match self {
            Self::Folder(path) => path,
            Self::Bare(path) => path.parent().unwrap_or(path),
            Self::Ambiguous(_) => Path::new(""),
        }
    }

    /// Reads the model's own configuration; an empty one if it has none.
    ///
    /// # Errors
    ///
    /// The file cannot be read or is no configuration.
    pub(super) fn config(&self, config_name: Option<&str>) -> Result<ModelConfig, LoadError> {
        let Self::Folder(folder) = self else { return Ok(ModelConfig::default()) };
        let custom = config_name
            .and_then(|name| file_within(&folder.join("configs"), &format!("{name}.pbtxt")).ok())
            .filter(|path| path.is_file());
        let path = custom.unwrap_or_else(|| folder.join("config.pbtxt"));
        let size = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(ModelConfig::default());
            }
            Err(error) => return Err(bad_config(&path, &error)),
        };
        if size > CONFIG_BYTES_MAX {
            return Err(bad_config(&path, &format!("{size} bytes, over {CONFIG_BYTES_MAX}")));
        }
        let text = fs::read_to_string(&path).map_err(|error| bad_config(&path, &error))?;
        model_config::from_text(&text).map_err(|error| bad_config(&path, &error))
    }

    /// The versions that `config`'s policy chooses, with their folders, ascending. A bare file is
    /// version 1.
    ///
    /// # Errors
    ///
    /// There is none, or the policy names one that does not exist.
    pub(super) fn versions(&self, config: &ModelConfig) -> Result<Vec<(u64, PathBuf)>, LoadError> {
        let folder = match self {
            Self::Bare(path) => return Ok(vec![(1, path.clone())]),
            Self::Ambiguous(paths) => return Err(ambiguous(paths)),
            Self::Folder(folder) => folder,
        };
        let folders = subfolders(folder).map_err(|error| unreadable(folder, &error))?;
        let numbered = folders.into_iter().filter_map(|path| Some((version_number(&path)?, path)));
        let all: BTreeMap<u64, PathBuf> = numbered.collect();
        choose(config, all, folder)
    }

    /// What the model's files look like now.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut files = BTreeMap::new();
        for path in self.paths() {
            note(&path, 3, &mut files);
        }
        Fingerprint(files)
    }
}

fn choose(
    config: &ModelConfig,
    mut all: BTreeMap<u64, PathBuf>,
    folder: &Path,
) -> Result<Vec<(u64, PathBuf)>, LoadError> {
    let policy = config.version_policy.as_ref().and_then(|policy| policy.policy_choice.as_ref());
    let chosen: Vec<(u64, PathBuf)> = match policy {
        Some(PolicyChoice::All(All {})) => all.into_iter().collect(),
        Some(PolicyChoice::Specific(specific)) => {
            let take = |number: &i64| {
                let version = u64::try_from(*number).ok();
                let path = version.and_then(|version| all.remove_entry(&version));
                path.ok_or_else(|| {
                    LoadError::Config(format!(
                        "version_policy names version {number}, which {} does not have",
                        folder.display()
                    ))
                })
            };
            specific.versions.iter().map(take).collect::<Result<_, _>>()?
        }
        None => latest(all, 1),
        Some(PolicyChoice::Latest(Latest { num_versions })) => {
            latest(all, usize::try_from(*num_versions).unwrap_or(usize::MAX).max(1))
        }
    };
    if chosen.is_empty() {
        return Err(LoadError::Model(format!(
            "{} has no version: it needs a folder whose name is a positive number, such as {}",
            folder.display(),
            folder.join("1").display()
        )));
    }
    Ok(chosen)
}

fn latest(all: BTreeMap<u64, PathBuf>, count: usize) -> Vec<(u64, PathBuf)> {
    let skipped = all.len().saturating_sub(count);
    all.into_iter().skip(skipped).collect()
}

fn bad_config(path: &Path, error: &dyn std::fmt::Display) -> LoadError {
    LoadError::Config(format!("{}: {error}", path.display()))
}

fn ambiguous(paths: &[PathBuf]) -> LoadError {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    LoadError::Model(format!(
        "the name stands for several models: {}; rename all but one",
        paths.join(" and ")
    ))
}

fn note(path: &Path, depth: usize, files: &mut BTreeMap<PathBuf, (Option<SystemTime>, u64)>) {
    let Ok(metadata) = fs::metadata(path) else { return };
    if files.len() >= FINGERPRINT_FILES_MAX {
        return;
    }
    if metadata.is_file() {
        files.insert(path.to_owned(), (metadata.modified().ok(), metadata.len()));
    } else if depth > 0
        && let Ok(entries) = fs::read_dir(path)
    {
        for entry in entries.flatten() {
            note(&entry.path(), depth - 1, files);
        }
    }
}

#[cfg(test)]
mod tests;
