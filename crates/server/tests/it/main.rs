//! The front ends over real sockets, in front of an engine that does what a test tells it.
#![expect(clippy::unwrap_used, reason = "a test fails where something goes wrong")]

mod collector;
mod control_token;
mod dashboard_events;
mod dashboard_page;
mod exposition;
mod fixture;
mod generate;
mod generator;
mod grpc_access;
mod grpc_client;
mod grpc_control;
mod grpc_health;
mod grpc_infer;
mod grpc_limits;
mod grpc_stream;
mod http_client;
mod http_control;
mod http_infer;
mod http_life;
mod http_limits;
mod life_drain;
mod metrics_page;
mod observability_files;
mod openai_chat;
mod openai_completions;
mod openai_keys;
mod openai_others;
mod server_timing;
mod storyteller;
mod trace_settings;
mod traces_collected;
