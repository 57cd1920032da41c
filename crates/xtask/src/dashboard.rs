//! `cargo xtask dashboard`: the dashboard of a real server in a real browser, without a window.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{apt, models, places::Places, process, python, server};

const TESTS: &str = "tests/dashboard";

/// Debian's browser; others of its kind would do, but this is the one that is tested with.
const BROWSER: &str = "chromium";

/// Builds what is needed and runs the tests; `options` go to them. Screenshots stay in the target folder.
///
/// # Errors
///
/// The browser, Node.js or a registry is missing, or a test failed.
pub(crate) fn run(places: &Places, options: &[&str]) -> Result<()> {
    models::prepare(places)?;
    server::build(places)?;
    server::install_engine(places)?;
    let browser = browser()?;
    let packages = packages(places)?;
    let pictures = places.target.join("ci/dashboard");
    let mut tests = Command::new("node");
    tests.arg(places.tree.join(TESTS).join("run.mjs"));
    for (option, value) in [
        ("--hone", &places.hone()),
        ("--models", &places.models()),
        ("--chromium", &browser),
        ("--packages", &packages),
        ("--pictures", &pictures),
    ] {
        tests.arg(option).arg(value);
    }
    tests.args(options);
    process::show(places.prepare(tests))
}

/// The browser's program; it is installed if it is not there.
fn browser() -> Result<PathBuf> {
    let find = || {
        let mut which = Command::new("sh");
        which.args(["-c", "command -v chromium"]);
        process::output(which).map(|path| PathBuf::from(path.trim()))
    };
    find().or_else(|_| {
        apt::install(BROWSER).context(
            "the tests of the dashboard need Chromium (Debian and Ubuntu: `apt-get install chromium`)",
        )?;
        find()
    })
}

/// What the tests import, in a folder of the cache for each state of the lock file.
fn packages(places: &Places) -> Result<PathBuf> {
    let _lock = places.lock()?;
    let tests = places.tree.join(TESTS);
    let files = ["package.json", "package-lock.json"].map(|name| tests.join(name));
    let folder = places.cache.join("dashboard-packages").join(python::fingerprint(&files)?);
    if folder.is_dir() {
        return Ok(folder);
    }
    let staging = folder.with_extension("staging");
    if staging.exists() {
        fs::remove_dir_all(&staging)?;
    }
    fs::create_dir_all(&staging)?;
    for file in &files {
        fs::copy(file, staging.join(file.file_name().unwrap_or_default()))?;
    }
    install(&staging)?;
    fs::rename(&staging, &folder)?;
    Ok(folder)
}

fn install(folder: &Path) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
    process::output(npm).map(drop).context(
        "the packages that drive the browser could not be fetched; this needs Node.js 20 or newer \
         with npm, and the network once",
    )
}
