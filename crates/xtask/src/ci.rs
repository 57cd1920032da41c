//! `cargo xtask ci`: every check and test, in the order in which they are likely to fail.

use std::{
    env,
    fs::{self, File},
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

use anyhow::{Context, Result};

use crate::{places::Places, process, python::Python};

/// How much of a failed step's output is shown; the whole of it stays in a file.
const SHOWN_LINES: usize = 400;

/// Tests that a step ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
}

/// Runs all steps up to the first that fails; the last line is `N passed, N failed`.
///
/// # Errors
///
/// A step could not be started at all.
pub(crate) fn run(places: &Places) -> Result<ExitCode> {
    let logs = places.cache.join("ci");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    let started = Instant::now();
    let mut total = Counts::default();
    for step in STEPS {
        let (succeeded, counts) = step.run(places, &logs.join(step.name).with_extension("log"))?;
        total.passed += counts.passed;
        total.failed += counts.failed;
        if !succeeded {
            total.failed = total.failed.max(1);
            break;
        }
    }
    println!("{:>7.1} s in all", started.elapsed().as_secs_f64());
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Step {
    name: &'static str,
    command: fn(&Places) -> Result<Command>,
}

const STEPS: &[Step] = &[
    Step { name: "format", command: |places| Ok(places.cargo(&["fmt", "--all", "--", "--check"])) },
    Step { name: "models", command: |places| this(places, &["models"]) },
    Step {
        name: "build",
        command: |places| {
            Ok(places.cargo(&["build", "--locked", "--profile", "fast", "--package", "hone"]))
        },
    },
    Step {
        name: "engine",
        command: |places| {
            let mut install = Command::new(places.hone());
            install.args(["engines", "install", "onnxruntime"]);
            Ok(places.prepare(install))
        },
    },
    Step {
        name: "clippy",
        command: |places| {
            let lint = ["clippy", "--locked", "--workspace", "--all-targets", "--"];
            let mut clippy = places.cargo(&lint);
            clippy.args(["-D", "warnings"]);
            Ok(clippy)
        },
    },
    Step { name: "tests", command: unit_tests },
    Step { name: "arm", command: |places| this(places, &["arm"]) },
    Step {
        name: "docs",
        command: |places| {
            let mut doc = places.cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
            // Readers of these documents are those who change the code.
            doc.arg("--document-private-items");
            doc.env("RUSTDOCFLAGS", "-D warnings");
            Ok(doc)
        },
    },
    Step { name: "clients", command: client_tests },
    Step { name: "conformance", command: |places| this(places, &["conformance"]) },
    Step { name: "dashboard", command: |places| this(places, &["dashboard"]) },
    Step { name: "demo", command: |places| this(places, &["demo"]) },
];

impl Step {
    /// Returns whether the step succeeded and what it counted.
    fn run(&self, places: &Places, log: &Path) -> Result<(bool, Counts)> {
        let mut command = (self.command)(places)?;
        let output = File::create(log)?;
        command
            .env("CARGO_TERM_COLOR", "never")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let started = Instant::now();
        let line = process::command_line(&command);
        let status = command.status().with_context(|| format!("cannot run `{line}`"))?;
        let seconds = started.elapsed().as_secs_f64();
        let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
        let counts = count(&text);
        let verdict = if status.success() { "ok" } else { "FAILED" };
        let tests = match counts {
            Counts { passed: 0, failed: 0 } => String::new(),
            Counts { passed, failed } => format!("({passed} passed, {failed} failed)"),
        };
        println!("{seconds:>7.1} s  {verdict:<6} {:<12} {tests}", self.name);
        for note in text.lines().filter(|line| line.starts_with("note: ")) {
            println!("{:>11}{note}", "");
        }
        if !status.success() {
            let lines: Vec<&str> = text.lines().collect();
            let shown = lines.len().saturating_sub(SHOWN_LINES);
            println!("\n`{line}` ({status}); all of its output is in {}", log.display());
            println!("{}\n", lines[shown..].join("\n"));
        }
        Ok((status.success(), counts))
    }
}

/// This program again, as a step of its own.
fn this(places: &Places, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(arguments);
    Ok(places.prepare(command))
}

fn unit_tests(places: &Places) -> Result<Command> {
    let has_nextest = process::output(places.cargo(&["nextest", "--version"])).is_ok();
    let run: &[&str] = if has_nextest { &["nextest", "run"] } else { &["test", "--quiet"] };
    let mut tests = places.cargo(run);
    tests.args(["--locked", "--workspace", "--no-fail-fast"]);
    if has_nextest {
        tests.args(["--status-level", "fail", "--final-status-level", "fail"]);
    }
    Ok(tests)
}

fn client_tests(places: &Places) -> Result<Command> {
    let python = Python::prepare(places)?;
    let mut tests = python.command(["-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    tests.arg("tests/clients").env("HONE_BIN", places.hone());
    Ok(places.prepare(tests))
}

/// Sums the closing lines of test runners: `cargo test` writes one per binary, others one in all.
fn count(output: &str) -> Counts {
    let mut total = Counts::default();
    let mut last = Counts::default();
    for line in output.lines() {
        let Some(counts) = closing_line(line) else { continue };
        if line.starts_with("test result:") {
            total.passed += counts.passed;
            total.failed += counts.failed;
        } else {
            last = counts;
        }
    }
    Counts { passed: total.passed + last.passed, failed: total.failed + last.failed }
}

/// Reads `3 passed, 1 failed` out of a line in any runner's dress; `None` if it is another line.
fn closing_line(line: &str) -> Option<Counts> {
    let line = line.trim_matches(|c: char| c == '=' || c.is_whitespace());
    let line = line.rsplit_once(": ").map_or(line, |(_, rest)| rest);
    let line = line.trim_start_matches("ok. ").trim_start_matches("FAILED. ");
    let words: Vec<&str> = line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
    let number_before = |name| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at.checked_sub(1)?)?.parse().ok()
    };
    matches!(words.get(1), Some(&("passed" | "failed"))).then_some(())?;
    words[0].parse::<usize>().ok()?;
    let passed = number_before("passed").unwrap_or(0);
    let failed = number_before("failed").unwrap_or(0);
    Some(Counts { passed, failed })
}

#[cfg(test)]
mod tests;
