//! Profiles of small models, with the real engine, which `hone engines install onnxruntime` brings.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod harness;
mod refusals;
mod whole;
