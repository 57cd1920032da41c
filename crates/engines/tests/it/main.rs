//! The engine with the real library, which `hone engines install onnxruntime` brings.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod harness;
mod install;
mod loading;
mod profiling;
mod running;
