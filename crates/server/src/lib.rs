//! The front ends: REST, gRPC, metrics and health over the network, and their orderly end.
//!
//! [`Server::start`] binds, [`Server::shutdown`] drains. A connection's life: `listen` accepts it,
//! `http` or `grpc` decodes its requests and calls `serving`, `status` turns errors into codes.
#![forbid(unsafe_code)]

mod access;
mod api_keys;
mod classification;
mod compression;
mod control_guard;
mod dashboard;
mod error;
mod grpc;
mod http;
mod listen;
mod load;
mod log_control;
mod metrics;
mod network;
mod options;
mod record;
mod secret;
mod server;
mod shutdown;
mod state;
mod statistics;
mod status;
mod timing;
mod trace;

pub use api_keys::ApiKey;
pub use control_guard::ControlToken;
pub use error::StartError;
pub use log_control::{LogControl, LogSettings};
pub use options::{GrpcLimits, HttpLimits, Options};
pub use server::{Addresses, Server, ShutdownReport};
pub use trace::{TraceEndpoint, TraceLevel, TraceMode, TraceOptions, TraceProtocol};
