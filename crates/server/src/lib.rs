//! The front ends: REST, gRPC, metrics and health over the network, and their orderly end.
//!
//! [`Server::start`] binds, [`Server::shutdown`] drains. A connection's life: [`listen`] accepts it,
//! `http` or `grpc` decodes its requests and calls `serving`, [`status`] turns errors into codes.
#![forbid(unsafe_code)]

mod server;
mod options;
mod error;
mod shutdown;
mod listen;
mod state;
mod status;
mod timing;
mod log_control;
mod statistics;
mod metrics;
mod grpc;
mod http;

pub use error::StartError;
pub use log_control::{LogControl, LogSettings};
pub use options::{GrpcLimits, HttpLimits, Options};
pub use server::{Addresses, Server, ShutdownReport};
