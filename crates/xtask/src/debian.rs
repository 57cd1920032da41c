//! Packages of Debian's next release, unpacked without being installed: programs that are newer than
//! those of many machines, with the C library that they want.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::process;

/// The release.
pub(crate) const RELEASE: &str = "trixie";
/// Below the root of what was unpacked.
pub(crate) const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// Unpacks `packages`, and what they depend on, below `folder`; returns the root of it.
///
/// # Errors
///
/// There is no apt here that knows a Debian mirror, or a package cannot be had.
pub(crate) fn unpack(folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    let apt = folder.join("apt");
    for below in ["lists/partial", "archives/partial"] {
        fs::create_dir_all(apt.join(below))?;
    }
    fs::write(apt.join("status"), "")?;
    fs::write(apt.join("sources.list"), format!("deb {} {RELEASE} main\n", mirror()?))?;
    apt_get(&apt, &["update"])?;
    let download = ["install", "--yes", "--download-only", "--no-install-recommends"];
    apt_get(&apt, &[&download, packages].concat())?;
    let root = folder.join("root");
    for entry in fs::read_dir(apt.join("archives"))? {
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

/// A program that was unpacked, with the libraries that were unpacked with it.
pub(crate) fn program(root: &Path, path: &str) -> Command {
    let libraries = root.join(LIBRARIES);
    let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
    command.arg("--library-path").arg(libraries).arg(root.join(path));
    command
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
