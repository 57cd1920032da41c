//! Floor servers: the least that an HTTP or gRPC server can do with a tensor. A request is decoded
//! into owned tensors and encoded again; there is no model, queue, statistic or log.
//!
//! They are what an ordinary engineer writes over the same libraries: no `unsafe`, no pooling, no
//! borrowed parsing, and nothing that slows them down either.

mod documents;
mod grpc;
mod http;

pub(crate) use grpc::serve as serve_grpc;
pub(crate) use http::{Stall, serve as serve_http};
