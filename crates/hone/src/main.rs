//! The command line: reads flags, file and environment, and puts the parts together.

mod api_keys;
mod bench;
mod cli;
mod config;
mod engines;
mod environment;
mod inspect;
mod language;
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
        Command::Bench(args) => return finish(bench::run(&args)),
        Command::Engines(args) => engines::run(args),
        Command::Inspect(args) => inspect::run(&args),
    };
    finish(outcome.map(|()| ExitCode::SUCCESS))
}

fn finish(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(error) => {
            logging::say_error(&error);
            ExitCode::FAILURE
        }
    }
}
