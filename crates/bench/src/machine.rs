//! On what and with what a run was made.

use std::{fs, process::Command};

use serde::Serialize;

use crate::{server, suite::Plan};

/// Everything that somebody needs to repeat a run or to judge it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// The command line.
    pub(crate) command: String,
    /// Processor as the kernel names it.
    pub(crate) processor: String,
    /// Cores that this process may use.
    pub(crate) cores: usize,
    /// Instruction sets beyond the baseline that matter to engines.
    pub(crate) instruction_sets: Vec<&'static str>,
    /// Memory of the machine in MB.
    pub(crate) memory_mb: u64,
    /// Kernel.
    pub(crate) kernel: String,
    /// Load average of the last minute when the run began: how quiet the machine was.
    pub(crate) load_average: String,
    /// Commit of the source tree, with `+` if files differ from it.
    pub(crate) commit: String,
    /// Versions of everything measured.
    pub(crate) versions: Vec<String>,
    /// Rounds of floor and Hone.
    pub(crate) rounds: usize,
    /// Measured window in milliseconds.
    pub(crate) window_ms: u128,
    /// Of payloads and arrival times.
    pub(crate) seed: u64,
}

const INSTRUCTION_SETS: [&str; 6] =
    ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile"];

/// Looks around.
pub(crate) fn describe(plan: &Plan) -> Machine {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = field(&cpu, "flags");
    let has = |name: &&&str| flags.split(' ').any(|flag| flag == **name);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = field(&memory, "MemTotal");
    let memory_kb: u64 = memory.trim_end_matches(" kB").parse().unwrap_or(0);
    Machine {
        command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        processor: field(&cpu, "model name").to_owned(),
        cores: plan.places.instances,
        instruction_sets: INSTRUCTION_SETS.iter().filter(has).copied().collect(),
        memory_mb: memory_kb / 1024,
        kernel: output("uname", &["-r"]),
        load_average: load_average(),
        commit: commit(),
        versions: versions(plan),
        rounds: plan.rounds,
        window_ms: plan.window.as_millis(),
        seed: plan.seed,
    }
}

/// The load average of the last minute.
pub(crate) fn load_average() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}

/// The processor as the kernel names it.
pub(crate) fn processor() -> String {
    field(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default(), "model name").to_owned()
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_once(':').unwrap_or_default().1.trim()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// The source tree's commit, with `+` if files differ from it.
pub(crate) fn commit() -> String {
    let tree = env!("CARGO_MANIFEST_DIR");
    let commit = output("git", &["-C", tree, "rev-parse", "--short=12", "HEAD"]);
    let changed = !output("git", &["-C", tree, "status", "--porcelain", "-uno"]).is_empty();
    if changed { commit + "+" } else { commit }
}

fn versions(plan: &Plan) -> Vec<String> {
    let mut versions = vec![output("rustc", &["--version"])];
    versions.push(output(&plan.places.hone.to_string_lossy(), &["--version"]));
    let code = "from importlib.metadata import version\n\
                for name in 'onnxruntime nvidia-pytriton fastapi uvicorn litserve'.split():\n\
                \x20   try: print(name, version(name))\n\
                \x20   except Exception: print(name, 'not installed')";
    let python = server::query(&plan.places.venv, code);
    versions.extend(python.unwrap_or_default().lines().map(str::to_owned));
    versions.retain(|version| !version.is_empty());
    versions
}
