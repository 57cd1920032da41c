//! Engine `onnxruntime`: runs ONNX models with the shared library of ONNX Runtime, which is looked
//! for and loaded when the first model is.

mod accelerators;
mod discovery;
mod elf;
mod engine;
mod error;
mod executor;
mod factory;
mod install;
mod library;
mod model;
mod placement;
mod profile;
mod raw;
mod runs;
mod session;
mod sessions;
mod settings;
mod signature;
mod survey;
mod text;

pub use discovery::{Candidate, Discovery, Problem, Search, Source, discover};
pub use engine::OnnxRuntime;
pub use error::EngineError;
pub use install::{InstallError, Installed, VERSION, install};
pub use profile::{
    Cost, EngineProfile, NodeProfile, Precision, ProfileError, ProfileOptions, TensorShape,
};
pub use survey::Survey;
