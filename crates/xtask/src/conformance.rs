//! `cargo xtask conformance`: ONNX's node cases through a running server.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    models,
    places::Places,
    process,
    python::{self, Python},
    server::{self, Server},
};

/// Which of the cases run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selection {
    /// Text that a case's name holds.
    pub filter: String,
    /// Every how many-th of those runs.
    pub slice: usize,
}

impl Default for Selection {
    fn default() -> Self {
        Self { filter: String::new(), slice: 1 }
    }
}

impl Selection {
    /// Reads `--filter TEXT` and `--slice N`.
    ///
    /// # Errors
    ///
    /// Another option, or one without its value.
    pub(crate) fn parse(options: &[&str]) -> Result<Self> {
        let mut selection = Self::default();
        for pair in options.chunks(2) {
            match pair {
                ["--filter", text] => selection.filter = (*text).to_owned(),
                ["--slice", number] => {
                    selection.slice =
                        number.parse().with_context(|| format!("--slice {number}"))?;
                    ensure!(selection.slice > 0, "--slice takes a number above 0");
                }
                other => bail!("expected --filter TEXT or --slice N, found {other:?}"),
            }
        }
        Ok(selection)
    }
}

/// Builds what is needed, runs the cases and prints the table.
///
/// # Errors
///
/// A case that ONNX Runtime itself passes fails in Hone.
pub(crate) fn run(places: &Places, selection: &Selection) -> Result<()> {
    let python = models::prepare(places)?;
    let cases = prepare_cases(places, &python)?;
    server::build(places)?;
    server::install_engine(places)?;

    let models = cases.join("models");
    let log = File::create(places.cache.join("conformance.log"))?;
    let arguments = [models.as_os_str(), "--model-control-mode".as_ref(), "explicit".as_ref()];
    let mut server = Server::start(places, &arguments, &log)?;
    server.wait_until_ready()?;

    let mut driver = python.command([places.tree.join("tests/conformance/run.py")]);
    driver.arg("--port").arg(server.ports().http.to_string()).arg("--cases").arg(&cases);
    driver.arg("--slice").arg(selection.slice.to_string());
    driver.arg("--filter").arg(&selection.filter);
    process::show(driver)?;
    server.stop()
}

/// Writes the cases into the cache folder, if they are not there.
fn prepare_cases(places: &Places, python: &Python) -> Result<PathBuf> {
    let _lock = places.lock()?;
    let dump = places.tree.join("tests/models/dump_node_cases.py");
    let expected = python::fingerprint(&[&dump, &places.tree.join(python::REQUIREMENTS)])?;
    let cases = places.cache.join("node-cases");
    if fs::read_to_string(cases.join("stamp")).is_ok_and(|found| found == expected) {
        return Ok(cases);
    }
    let staging = places.cache.join("node-cases.staging");
    for folder in [&staging, &cases] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    process::output(python.command([dump.as_os_str(), staging.as_os_str()]))?;
    fs::write(staging.join("stamp"), expected)?;
    fs::rename(staging, &cases)?;
    Ok(cases)
}
