use std::path::PathBuf;

use super::Problem;

/// Why the engine cannot be used. The message says what brings a usable library.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No library anywhere.
    #[error("no onnxruntime library was found; `hone engines install onnxruntime` brings one")]
    NotFound,
    /// The library that was asked for cannot be used.
    #[error("the onnxruntime library {} cannot be used: {problem}", path.display())]
    Unusable {
        /// The library.
        path: PathBuf,
        /// Why not.
        problem: Problem,
    },
    /// Every library that was found is too old or damaged.
    #[error(
        "none of the onnxruntime libraries that were found can be used ({}: {problem}); \
         `hone engines install onnxruntime` brings one",
        path.display()
    )]
    NoneUsable {
        /// The first of them.
        path: PathBuf,
        /// Why not.
        problem: Problem,
    },
    /// The library is there, but the system or the library itself refuses.
    #[error("the onnxruntime library {} does not load: {message}", path.display())]
    Load {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        message: String,
    },
    /// One process has one library.
    #[error(
        "this process already uses the onnxruntime library {}; restart it to use {}",
        loaded.display(), wanted.display()
    )]
    OtherLoaded {
        /// The library in use.
        loaded: PathBuf,
        /// The library that was asked for.
        wanted: PathBuf,
    },
}
