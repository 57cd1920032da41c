//! The JSON and binary forms of the V2 REST protocol.
//!
//! Inference requests and responses are read and written by hand: numbers go straight between the
//! text and a tensor's buffer, binary tensors are slices of the body. The other documents are small
//! and go through `serde`.

mod data;
mod documents;
mod encode;
mod error;
mod input;
mod number;
mod parameters;
mod raw;
mod request;
mod scanner;
mod string;

pub use documents::{
    ErrorDocument, IndexDocument, LoadDocument, ModelMetadata, ServerMetadata, TensorMetadata,
    read_index, read_settings, read_unload,
};
pub use encode::{EncodeError, Encoded, ResponseHead, ResponseOutput, encode_infer};
pub use error::DecodeError;
pub use parameters::ParameterValue;
pub use raw::decode_raw;
pub use request::{RequestedOutput, RestInferRequest, RestInput, decode_infer};

/// Levels that a request's JSON may nest.
pub const JSON_DEPTH_MAX: usize = 100;

/// What [`decode_infer`] accepts.
#[derive(Clone, Copy, Debug)]
pub struct DecodeLimits {
    /// Bytes that all tensors together may take that come as JSON numbers and strings.
    pub json_tensor_bytes: usize,
    /// Inputs of a request.
    pub inputs: usize,
    /// Outputs that a request may name.
    pub outputs: usize,
    /// Parameters of a request.
    pub parameters: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { json_tensor_bytes: 64 << 20, inputs: 1024, outputs: 1024, parameters: 1024 }
    }
}
