//! Wire types: the KServe V2 protocol with Triton's extensions over REST and gRPC, the model
//! configuration document, OpenAI's API, and OpenTelemetry's traces. No server and no client.
#![forbid(unsafe_code)]

pub mod grpc;
mod inference;
mod json_text;
pub mod model_config;
pub mod openai;
pub mod otlp;
pub mod rest;

/// Descriptors of every message and service (`google.protobuf.FileDescriptorSet`), for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/inference.bin"));
