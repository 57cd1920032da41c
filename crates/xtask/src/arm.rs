//! The tests of `kernels` for 64-bit Arm, built here and run in an emulator: it says whether the code
//! is right, not how fast it is.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{apt, places::Places, process};

const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64-static";
/// Where Debian puts what the programs are linked with.
const SYSTEM: &str = "/usr/aarch64-linux-gnu";
/// Debian's packages, and a file of each.
const PACKAGES: [(&str, &str); 3] = [
    ("gcc-aarch64-linux-gnu", "/usr/bin/aarch64-linux-gnu-gcc"),
    ("libc6-dev-arm64-cross", "/usr/aarch64-linux-gnu/lib/libc.so"),
    ("qemu-user-static", "/usr/bin/qemu-aarch64-static"),
];

/// Seconds after which a run of tests is killed; it takes one of them on two idle cores.
const SECONDS_MAX: &str = "600";

/// CPUs that are emulated, and which tests they run: all on one that has every instruction that
/// `kernels` knows; what chooses among instructions on one that has none but those of every CPU, and
/// on one that has some.
const CPUS: [(&str, &[&str]); 3] =
    [("max", &[]), ("cortex-a72", CHOICES), ("neoverse-n1", CHOICES)];
const CHOICES: &[&str] = &["linear::", "simd::"];

/// Lints and tests `kernels` for Arm.
///
/// # Errors
///
/// What it takes cannot be installed, the code does not compile, or a test fails.
pub(crate) fn run(places: &Places) -> Result<()> {
    if cfg!(target_arch = "aarch64") {
        println!("note: this machine is an Arm itself, so all other tests were its own");
        return Ok(());
    }
    prepare()?;
    let mut clippy = cargo(places, "max", "clippy");
    clippy.args(["--all-targets", "--", "--deny", "warnings"]);
    process::show(clippy)?;
    for (cpu, filters) in CPUS {
        println!("emulating {cpu}");
        let mut test = cargo(places, cpu, "test");
        // The profile `dev` optimises this crate, without which emulation would take minutes.
        test.args(["--lib", "--"]).args(filters);
        process::show(test)?;
    }
    println!(
        "note: an emulator runs the tests of attention at fewer sizes; speed on Arm is unknown"
    );
    Ok(())
}

/// Brings compiler, libraries and emulator.
fn prepare() -> Result<()> {
    for (package, file) in PACKAGES {
        if !Path::new(file).exists() {
            apt::install(package).with_context(|| format!("there is no {file}"))?;
        }
    }
    let mut folder = Command::new("rustc");
    folder.args(["--print", "target-libdir", "--target", TARGET]);
    if !Path::new(process::output(folder)?.trim()).exists() {
        let mut add = Command::new("rustup");
        add.args(["target", "add", TARGET]);
        process::output(add)?;
    }
    Ok(())
}

/// `cargo TASK` on the crate, for Arm, with `cpu` to run what is built.
fn cargo(places: &Places, cpu: &str, task: &str) -> Command {
    let mut cargo = places.cargo(&[task, "--locked", "--package", "kernels", "--target", TARGET]);
    let runner = format!("timeout {SECONDS_MAX} {EMULATOR} -cpu {cpu} -L {SYSTEM}");
    cargo
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner)
        .env("HONE_EMULATED", "1");
    cargo
}
