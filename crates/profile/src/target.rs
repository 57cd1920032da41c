//! Which file a model's version is.

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use serving::{Engine, LoadSpec, Model, RepositoryOptions};

use crate::{ProfileError, runs::THREADS};

/// How the engine loads what the server serves, with as many threads per run.
///
/// # Errors
///
/// The version has no model file.
pub(crate) fn spec(
    given: &Path,
    model: &Model,
    engine: &dyn Engine,
    options: &RepositoryOptions,
) -> Result<LoadSpec, ProfileError> {
    let parameter = model.config().parameters.get(THREADS);
    let threads = parameter.and_then(|own| own.string_value.trim().parse().ok());
    Ok(LoadSpec {
        name: model.name().to_owned(),
        version: model.version(),
        path: model_file(given, model, engine)?,
        config: Arc::new(model.config().clone()),
        intra_op_threads: threads.and_then(NonZeroUsize::new).unwrap_or(options.intra_op_threads),
    })
}

fn model_file(given: &Path, model: &Model, engine: &dyn Engine) -> Result<PathBuf, ProfileError> {
    if given.is_file() {
        return Ok(given.to_owned());
    }
    let configured = model.config().default_model_filename.as_str();
    let name = if configured.is_empty() { engine.default_model_filename() } else { configured };
    // The folder is a model's own, or that of a repository with one model.
    let folders = [given.to_owned(), given.join(model.name())];
    let files = folders.map(|folder| folder.join(model.version_text()).join(name));
    let found = files.iter().find(|file| fs::metadata(file).is_ok());
    found.cloned().ok_or_else(|| {
        ProfileError::Target(format!(
            "there is no {name} in {}; give an .onnx file or a model's folder",
            given.join(model.version_text()).display()
        ))
    })
}
