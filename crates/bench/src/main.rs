//! Measures Hone's serving path against a floor and against other servers: floor servers, load
//! generators and tables. A development tool: `cargo xtask bench serving`.
#![forbid(unsafe_code)]

mod clock;
mod command;
mod config;
mod environment;
mod floor;
mod generator;
mod goals;
mod kernels;
mod life;
mod llm;
mod load;
mod machine;
mod payload;
mod plain;
mod process;
mod report;
mod repository;
mod results;
mod server;
mod suite;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    command::run(command::Command::parse())
}
