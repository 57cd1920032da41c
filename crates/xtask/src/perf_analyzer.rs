//! Fetches perf_analyzer, which client tests run unmodified against Hone. It wants a newer C library
//! than many machines have; where apt is there, it gets one of its own from Debian's next release.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{debian, places::Places, process, python::Python};

/// What the program is linked with.
const LIBRARIES: [&str; 6] =
    ["libc6", "libgcc-s1", "libssl3t64", "libstdc++6", "libzstd1", "zlib1g"];
const PROGRAM: &str = "perf_analyzer/bin/perf_analyzer";

/// Makes the cache's `perf_analyzer/run` a program that works, or says why there is none; the test
/// that uses it is skipped then.
pub(crate) fn fetch(places: &Places, python: &Python) {
    let folder = places.cache.join("perf_analyzer");
    if works(&folder.join("run")) {
        return;
    }
    println!("fetching perf_analyzer");
    if let Err(error) = install(places, python, &folder) {
        println!("note: no perf_analyzer, its test will be skipped: {error:#}");
    }
}

fn install(places: &Places, python: &Python, folder: &Path) -> Result<()> {
    let _lock = places.lock()?;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let mut pip = python.pip(["download", "--quiet", "--no-deps", "--require-hashes"]);
    pip.args(["--only-binary", ":all:", "--platform", "manylinux_2_38_x86_64"]);
    pip.arg("--dest").arg(folder).arg("--requirement");
    pip.arg(places.tree.join("tests/clients/perf_analyzer.txt"));
    process::output(pip)?;
    let mut unzip = python.command(["-m", "zipfile", "-e"]);
    unzip.arg(only_file(folder, "whl")?).arg(folder);
    process::output(unzip)?;
    let program = folder.join(PROGRAM);
    make_executable(&program)?;
    write_script(folder, &format!("exec '{}' \"$@\"", program.display()))?;
    if works(&folder.join("run")) {
        return Ok(());
    }
    let libraries = debian::unpack(folder, &LIBRARIES)?.join(debian::LIBRARIES);
    let libraries = libraries.display();
    let loader = format!("'{libraries}/ld-linux-x86-64.so.2' --library-path '{libraries}'");
    write_script(folder, &format!("exec {loader} '{}' \"$@\"", program.display()))?;
    let release = debian::RELEASE;
    ensure!(works(&folder.join("run")), "it does not run here, even with {release}'s libraries");
    Ok(())
}

fn only_file(folder: &Path, extension: &str) -> Result<PathBuf> {
    let mut paths = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .find(|path| path.extension().is_some_and(|found| found == extension))
        .with_context(|| format!("no *.{extension} in {}", folder.display()))
}

fn write_script(folder: &Path, line: &str) -> Result<()> {
    let script = folder.join("run");
    fs::write(&script, format!("#!/bin/sh\n{line}\n"))?;
    make_executable(&script)
}

fn make_executable(path: &Path) -> Result<()> {
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

fn works(program: &Path) -> bool {
    let mut version = Command::new(program);
    version.arg("--version");
    program.exists() && process::output(version).is_ok()
}
