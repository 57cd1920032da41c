//! The programs that take part.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use loadgen::{LevelResult, ProcessTree, ResultDocument};

use crate::process::{Process, free_ports};

/// Core of servers and of generators, where both must not share one.
pub(super) const SERVER_CORE: &str = "0";
pub(super) const GENERATOR_CORE: &str = "1";

/// Where they are.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) hone: PathBuf,
    /// Script that runs perf_analyzer; may be missing.
    pub(super) perf_analyzer: PathBuf,
    /// Folder of fetched models.
    pub(super) models: PathBuf,
    pub(super) work: PathBuf,
}

/// A server under load.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) address: String,
    pub(super) process: Process,
}

impl Tools {
    /// The bare HTTP server, on one core or on all.
    pub(super) fn floor(&self, core: Option<&str>, flags: &[&str]) -> Result<Served> {
        let [address] = free_ports()?;
        let port = address.port().to_string();
        let program = std::env::current_exe()?;
        let mut command = pinned(&program, core);
        command.args(["floor-http", "--port", &port]).args(flags);
        let mut process = Process::start(command, self.work.join(format!("floor-{port}.log")))?;
        process.wait_listening(address)?;
        Ok(Served { address: address.to_string(), process })
    }

    /// `hone serve` on a repository, a model or a file.
    pub(super) fn serve(&self, path: &Path) -> Result<Served> {
        let [http, metrics] = free_ports()?;
        let mut command = Command::new(&self.hone);
        command.arg("serve").arg(path).args(["--grpc-port", "off", "--grace-secs", "0"]);
        command.args(["--http-port", &http.port().to_string()]);
        command.args(["--metrics-port", &metrics.port().to_string()]);
        let log = self.work.join(format!("hone-{}.log", http.port()));
        let mut process = Process::start(command, log)?;
        process.wait_ready(http, "/v2/health/ready")?;
        Ok(Served { address: http.to_string(), process })
    }

    /// `hone bench` with its result.
    pub(super) fn bench(&self, core: Option<&str>, arguments: &[&str]) -> Result<ResultDocument> {
        let result = self.work.join("result.json");
        let mut command = pinned(&self.hone, core);
        command.arg("bench").args(arguments).arg("--quiet").arg("--output").arg(&result);
        let output = command.output().context("hone cannot be started")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "hone bench {}: {errors}", arguments.join(" "));
        Ok(ResultDocument::from_json(&fs::read(result)?)?)
    }

    /// The only level of a run.
    pub(super) fn level(&self, core: Option<&str>, arguments: &[&str]) -> Result<LevelResult> {
        let mut document = self.bench(core, arguments)?;
        let target = document.targets.first_mut().context("the result has no target")?;
        ensure!(target.levels.len() == 1, "the result has {} levels", target.levels.len());
        Ok(target.levels.remove(0))
    }
}

/// A command that may use one core only, or all.
pub(super) fn pinned(program: &Path, core: Option<&str>) -> Command {
    match core {
        None => Command::new(program),
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["--cpu-list", core]).arg(program);
            command
        }
    }
}

/// Runs a command to its end; its standard output and the CPU time that it used.
pub(super) fn timed(mut command: Command) -> Result<(String, Duration)> {
    let before = reaped();
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let used = reaped().saturating_sub(before);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {text}{errors}");
    Ok((text, used))
}

/// CPU time of the children that have ended; servers still run.
fn reaped() -> Duration {
    ProcessTree(std::process::id()).reaped_cpu_time()
}
