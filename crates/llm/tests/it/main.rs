//! Whole models: real ones, where `cargo xtask models` has fetched them.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests, which read where models are"
)]

mod engine;
mod grammar;
mod smollm2;
mod tiny;
