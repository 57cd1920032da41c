//! The Python environment of the peers and of onnxruntime in a loop.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::report;

/// What everything needs, then what one peer needs; versions are those of `requirements.txt`.
const GROUPS: [(&str, &[&str]); 4] = [
    ("onnxruntime", &["numpy", "onnxruntime"]),
    ("FastAPI", &["fastapi", "uvicorn", "httptools", "uvloop"]),
    ("LitServe", &["litserve"]),
    ("Triton", &["nvidia-pytriton"]),
];

/// Makes the environment in `venv`, or takes the one that is there if it was made from the same
/// list. Returns what could not be installed and why.
///
/// # Errors
///
/// There is no Python, or onnxruntime itself cannot be installed.
pub(crate) fn prepare(venv: &Path, peers: &Path) -> Result<Vec<String>> {
    let pins = peers.join("requirements.txt");
    let wanted = fs::read_to_string(&pins)?;
    let stamp = venv.join("requirements.stamp");
    if let Ok(found) = fs::read_to_string(&stamp)
        && let Some(missing) = found.strip_prefix(&wanted)
    {
        return Ok(missing.lines().map(str::to_owned).collect());
    }
    report::progress(&format!("making a Python environment in {}", venv.display()));
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(venv);
    run(make).context("a Python environment is needed; --only small,large --no-peers is not")?;
    let mut missing = Vec::new();
    for (index, (name, packages)) in GROUPS.iter().enumerate() {
        match install(venv, &pins, packages) {
            Err(error) if index == 0 => return Err(error),
            Err(error) => missing.push(format!("{name} cannot be installed: {error:#}")),
            Ok(()) => {}
        }
    }
    let missing: Vec<_> = missing.iter().map(|line| line.replace('\n', " ")).collect();
    fs::write(stamp, wanted + &missing.join("\n"))?;
    Ok(missing)
}

fn install(venv: &Path, pins: &PathBuf, packages: &[&str]) -> Result<()> {
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]);
    pip.arg("--constraint").arg(pins).args(packages);
    run(pip)
}

fn run(mut command: Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.trim().lines().last().unwrap_or_default();
    ensure!(output.status.success(), "{:?}: {last}", command.get_program());
    Ok(())
}
