//! Language models: the crate `llm` behind the traits of `serving`.

mod admission;
mod backend;
mod engine;
mod job;
mod model;
mod requests;
mod sink;
mod summary;
mod tensors;
mod worker;

pub use engine::{LanguageEngine, LanguageOptions};
pub use summary::language_model_summary;
