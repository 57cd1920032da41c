//! The one place that reads environment variables.
#![expect(clippy::disallowed_methods, reason = "everyone else is given what is read here")]

use std::{
    env,
    path::{Path, PathBuf},
};

use ::engines::onnxruntime::Search;

use crate::secret::Secret;

/// Folder for engines and models: asked for, `HONE_CACHE`, `XDG_CACHE_HOME/hone` or `~/.cache/hone`.
pub(crate) fn cache_folder(asked: Option<&Path>) -> PathBuf {
    let own = asked.map(Path::to_owned).or_else(|| path("HONE_CACHE"));
    own.or_else(|| Some(path("XDG_CACHE_HOME")?.join("hone")))
        .or_else(|| Some(path("HOME")?.join(".cache/hone")))
        .unwrap_or_else(|| env::temp_dir().join("hone"))
}

/// Where an engine's library may be.
pub(crate) fn library_search(library: Option<PathBuf>, cache: PathBuf) -> Search {
    let python_environments =
        ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(path).collect();
    let loader_path = env::var_os("LD_LIBRARY_PATH");
    let loader_path = loader_path.iter().flat_map(env::split_paths).collect();
    Search {
        library,
        environment_library: path("ORT_DYLIB_PATH"),
        cache,
        python_environments,
        ask_python: true,
        loader_path,
    }
}

/// The control token, `HONE_CONTROL_TOKEN`: a secret is better kept there than among the arguments,
/// which every user of the machine can list.
pub(crate) fn control_token() -> Option<Secret> {
    secret("HONE_CONTROL_TOKEN")
}

/// A key that generating text needs, `HONE_API_KEY`.
pub(crate) fn api_key() -> Option<Secret> {
    secret("HONE_API_KEY")
}

fn secret(name: &str) -> Option<Secret> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(Secret::new(value.to_string_lossy()))
}

/// One of the variables that OpenTelemetry has made a standard; `None` if it is unset or empty.
pub(crate) fn open_telemetry(name: &str) -> Option<String> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.to_string_lossy().into_owned())
}

/// Whether the user wants no colours, by `NO_COLOR`.
pub(crate) fn refuses_colours() -> bool {
    env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// A variable that holds a path; `None` if it is unset or empty.
fn path(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
