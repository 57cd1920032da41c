//! Fetches perf_analyzer, which client tests run unmodified against Hone. It wants a newer C library
//! than many machines have; where apt is there, it gets one of its own from Debian's next release.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{places::Places, process, python::Python};

/// Debian's release whose C library is new enough.
const RELEASE: &str = "trixie";
/// What the program is linked with.
const LIBRARIES: [&str; 6] =
    ["libc6", "libgcc-s1", "libssl3t64", "libstdc++6", "libzstd1", "zlib1g"];
const LIBRARY_FOLDER: &str = "usr/lib/x86_64-linux-gnu";
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
    let libraries = fetch_libraries(folder)?.join(LIBRARY_FOLDER);
    let libraries = libraries.display();
    let loader = format!("'{libraries}/ld-linux-x86-64.so.2' --library-path '{libraries}'");
    write_script(folder, &format!("exec {loader} '{}' \"$@\"", program.display()))?;
    ensure!(works(&folder.join("run")), "it does not run here, even with {RELEASE}'s libraries");
    Ok(())
}

/// Unpacks [`LIBRARIES`] of [`RELEASE`] without installing anything.
fn fetch_libraries(folder: &Path) -> Result<PathBuf> {
    let apt = folder.join("apt");
    for below in ["lists/partial", "archives/partial"] {
        fs::create_dir_all(apt.join(below))?;
    }
    fs::write(apt.join("status"), "")?;
    fs::write(apt.join("sources.list"), format!("deb {} {RELEASE} main\n", mirror()?))?;
    apt_get(&apt, &["update"])?;
    apt_get(&apt, &[&["download"], LIBRARIES.as_slice()].concat())?;
    let root = folder.join("root");
    for entry in fs::read_dir(&apt)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            let mut unpack = Command::new("dpkg-deb");
            unpack.arg("--extract").arg(path).arg(&root);
            process::output(unpack)?;
        }
    }
    fs::remove_dir_all(apt)?;
    Ok(root)
}

/// apt-get with state of its own in `apt`.
fn apt_get(apt: &Path, arguments: &[&str]) -> Result<()> {
    let own = |key: &str, value: &str| format!("{key}={}", apt.join(value).display());
    let mut command = Command::new("apt-get");
    command.current_dir(apt).arg("--quiet");
    for setting in [
        own("Dir::Etc::sourcelist", "sources.list"),
        "Dir::Etc::sourceparts=-".to_owned(),
        own("Dir::State::lists", "lists"),
        own("Dir::State::status", "status"),
        own("Dir::Cache::archives", "archives"),
        "Dir::Cache::pkgcache=".to_owned(),
        "Dir::Cache::srcpkgcache=".to_owned(),
        // The folder belongs to whoever runs this, not to apt's own user.
        "APT::Sandbox::User=root".to_owned(),
    ] {
        command.args(["-o", &setting]);
    }
    command.args(arguments);
    process::output(command).map(drop)
}

/// The Debian mirror that this machine uses.
fn mirror() -> Result<String> {
    let mut command = Command::new("apt-get");
    command.args(["indextargets", "--format", "$(REPO_URI)", "Origin: Debian"]);
    let mirrors = process::output(command)?;
    let main = mirrors.lines().find(|uri| !uri.contains("security"));
    main.map(str::to_owned).context("this machine is not set up with a Debian mirror")
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
