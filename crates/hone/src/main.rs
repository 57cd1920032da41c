//! The command line: reads flags, file and environment, and puts the parts together.

mod cli;
mod config;
mod engines;
mod environment;
mod inspect;
mod logging;
mod profile;
mod secret;
mod serve;
mod settings;
mod traces;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    // Before there are threads.
    ::engines::forbid_telemetry();
    let outcome = match Cli::parse().command {
        Command::Serve(settings) => serve::run(*settings),
        Command::Profile(args) => profile::run(&args),
        Command::Engines(args) => engines::run(args),
        Command::Inspect(args) => inspect::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            logging::say_error(&error);
            ExitCode::FAILURE
        }
    }
}
