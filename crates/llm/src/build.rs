//! Writes models with weights that mean nothing: tiny ones of every architecture for tests, and one of
//! the size that people use, to measure with.

mod gguf_writer;
mod large;
mod tiny;
mod tiny_folder;
mod tiny_gguf;
mod weights;

pub use gguf_writer::{Content, GgufWriter};
pub use large::{LlamaShape, write_random_llama};
pub use tiny::TinyModel;
#[cfg(test)]
pub(crate) use tiny::token_texts;
