//! Repository tasks: `cargo xtask TASK`. Uses nothing but the standard library and `anyhow`, because
//! it is the first thing that a fresh clone compiles.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a command-line tool that prints, waits for processes and reads its environment"
)]

mod apt;
mod arm;
mod avx512;
mod ci;
mod conformance;
mod dashboard;
mod debian;
mod demo;
mod models;
mod peers;
mod perf_analyzer;
mod places;
mod process;
mod python;
mod server;
#[cfg(test)]
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

use places::Places;
use python::Python;

const USAGE: &str = "\
usage: cargo xtask TASK

  demo [--stay]             build Hone, serve MiniLM, embed sentences through REST and gRPC
  ci                        every check and test; fetches what it needs
  models                    fetch and build the test models and the Python environment
  aiperf                    fetch aiperf (1.2 GB), which `hone bench` is compared with if it is there
  peers [NAME...]           build llama.cpp and install vLLM (7 GB), which `bench llm` measures
  conformance [--filter TEXT] [--slice N]
                            run the ONNX node cases through a server (every Nth, names with TEXT)
  dashboard [--only TEXT] [--assets FOLDER]
                            drive the dashboard in a browser (tests with TEXT; files from FOLDER)
  arm                       test the kernels for 64-bit Arm in an emulator
  avx512 [TEXT...]          test the kernels for AVX-512 in an emulator (tests with TEXT); 10 minutes
  bench ARGS...             measure this machine: arguments of the bench crate, such as `serving`

Everything that is fetched or built goes to $HONE_CACHE (else $XDG_CACHE_HOME/hone, else ~/.cache/hone).";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (task, options) = match arguments.split_first() {
        None | Some((&("help" | "--help" | "-h"), _)) => {
            println!("{USAGE}");
            return Ok(ExitCode::SUCCESS);
        }
        Some((task, options)) => (*task, options),
    };
    let places = Places::find()?;
    match (task, options) {
        ("models", []) => models::fetch(&places)?,
        ("aiperf", []) => drop(Python::prepare_aiperf(&places)?),
        ("peers", names) => peers::install(&places, names)?,
        ("demo", []) => demo::run(&places, demo::Ending::Stop)?,
        ("demo", ["--stay"]) => demo::run(&places, demo::Ending::Stay)?,
        ("ci", []) => return ci::run(&places),
        ("conformance", options) => {
            conformance::run(&places, &conformance::Selection::parse(options)?)?;
        }
        ("dashboard", options) => dashboard::run(&places, options)?,
        ("arm", []) => arm::run(&places)?,
        ("avx512", filters) => avx512::run(&places, filters)?,
        ("bench", ["kernels", ..]) => server::run_bench(&places, options)?,
        ("bench", options) => {
            models::prepare(&places)?;
            server::bench(&places, options)?;
        }
        (task, options) => {
            bail!("cannot run `{task}` with options {options:?}\n\n{USAGE}")
        }
    }
    Ok(ExitCode::SUCCESS)
}
