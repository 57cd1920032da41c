//! The front ends over real sockets, in front of an engine that does what a test tells it.

mod exposition;
mod fixture;
mod grpc_client;
mod grpc_control;
mod grpc_health;
mod grpc_infer;
mod grpc_limits;
mod grpc_stream;
mod life_drain;
mod metrics_page;
