//! Adapters between [`serving::Engine`] and the libraries that run models.

mod cpu;
mod llm;
mod memory;
pub mod onnxruntime;
mod telemetry;

pub use cpu::cpu_features;
pub use kernels::{KvFormat, Precision};
pub use llm::{LanguageEngine, LanguageOptions, language_model_summary};
pub use memory::release_memory;
pub use telemetry::forbid_telemetry;
