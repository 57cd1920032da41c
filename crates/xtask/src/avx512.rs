//! The tests of `kernels` on an emulated CPU with AVX-512: Bochs boots Linux with the test program as
//! its only process. It says whether the code is right, not how fast it is.

mod emulator;
mod image;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{places::Places, process};

/// What takes minutes each in the emulator, measures, or uses no vectors.
const SKIPPED: [&str; 7] = [
    "roofline::tests::",
    "roofline::rate::",
    "threads::",
    "how_many_segments_there_are",
    "what_is_computed_beside_it",
    "agrees_with_the_definition_at_every_length",
    "agrees_in_mixed_batches",
];
/// What tests must say that they held against the definition, or nothing was learnt.
const COMPARED: [&str; 9] = [
    "compared: simd Avx512",
    "compared: attention Avx512",
    "compared: linear Avx512Vnni",
    "compared: best Avx512Vnni",
    "compared: bfloat16 Avx512Bf16",
    "compared: roofline AVX-512F",
    "compared: roofline AVX-512 BF16",
    "compared: roofline AVX-512 VNNI",
    "compared: roofline AVX-VNNI",
];
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Tests `kernels` on an emulated CPU, or only what has one of `filters` in its name.
///
/// # Errors
///
/// What it takes cannot be had, the code does not compile, a test fails, or none used AVX-512.
pub(crate) fn run(places: &Places, filters: &[&str]) -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        println!("note: only a machine with an x86-64 processor builds these tests");
        return Ok(());
    }
    let folder = places.cache.join("avx512");
    fs::create_dir_all(&folder)?;
    let root = emulator::fetch(places, &folder)?;
    let program = build(places)?;
    let mut arguments = vec!["--test-threads=1".to_owned(), "--nocapture".to_owned()];
    arguments.extend(SKIPPED.map(|text| format!("--skip={text}")));
    arguments.extend(filters.iter().map(|text| (*text).to_owned()));
    let image = image::write(&root, &folder, &program, &arguments)?;
    let started = Instant::now();
    let output = emulator::run(&root, &folder, &image)?;
    println!("{:.0} s in the emulator", started.elapsed().as_secs_f64());
    judge(&output, if filters.is_empty() { &COMPARED } else { &[] })
}

/// Builds the test program with the C library in it, at the speed of a release.
fn build(places: &Places) -> Result<PathBuf> {
    let mut cargo = places.cargo(&["test", "--locked", "--package", "kernels", "--lib"]);
    cargo.args(["--no-run", "--profile", "fast", "--target", TARGET, "--message-format", "json"]);
    cargo.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-C target-feature=+crt-static");
    let messages = process::output(cargo)?;
    executable(&messages).context("cargo names no test program")
}

fn executable(messages: &str) -> Option<PathBuf> {
    let name = messages.lines().find_map(|line| {
        let (_, rest) = line.split_once("\"executable\":\"")?;
        Some(rest.split_once('"')?.0)
    })?;
    Some(Path::new(name).to_owned())
}

/// Whether every test passed, and `compared` is among what they said.
fn judge(output: &str, compared: &[&str]) -> Result<()> {
    let line = output.lines().find(|line| line.starts_with("test result: "));
    match line {
        Some(line) if line.starts_with("test result: ok. 0 passed") => bail!("no test ran"),
        Some(line) if line.starts_with("test result: ok. ") => {}
        Some(line) => bail!("{line}"),
        None => bail!("the tests did not come to their end"),
    }
    for text in compared {
        let says = output.lines().any(|line| line.trim_end().ends_with(text));
        ensure!(says, "no test says \"{text}\": is the emulated CPU without it?");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
