//! The Python environment that builds models and runs the client tests. Hone itself needs none.

use std::{
    ffi::OsStr,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{places::Places, process};

/// The packages of the environment, from the tree's root.
pub(crate) const REQUIREMENTS: &str = "tests/clients/requirements.txt";
const MIN_VERSION: (u32, u32) = (3, 11);

/// The packages of aiperf, most of which no test needs, in an environment of their own.
const AIPERF_REQUIREMENTS: &str = "tests/clients/aiperf.txt";

/// An environment in the cache folder that holds what a list of requirements names.
#[derive(Debug)]
pub(crate) struct Python {
    interpreter: PathBuf,
}

impl Python {
    /// Makes the environment, or takes the one that is there if it was made from the same list.
    ///
    /// # Errors
    ///
    /// Python, its `venv` module or the package registry is missing; the message says which.
    pub(crate) fn prepare(places: &Places) -> Result<Self> {
        Self::environment(places, "venv", REQUIREMENTS)
    }

    /// Makes the environment in which tests find aiperf, or takes the one that is there.
    ///
    /// # Errors
    ///
    /// As [`Python::prepare`].
    pub(crate) fn prepare_aiperf(places: &Places) -> Result<Self> {
        Self::environment(places, "aiperf", AIPERF_REQUIREMENTS)
    }

    /// The environment `name` of the cache folder, with the packages that `requirements` lists.
    ///
    /// # Errors
    ///
    /// As [`Python::prepare`].
    pub(crate) fn environment(places: &Places, name: &str, requirements: &str) -> Result<Self> {
        let requirements = places.tree.join(requirements);
        let environment = places.cache.join(name);
        let stamp = environment.join("requirements.stamp");
        let expected = fingerprint(&[&requirements])?;
        let python = Self::existing(&environment);
        if fs::read_to_string(&stamp).is_ok_and(|found| found == expected) {
            return Ok(python);
        }
        println!("making a Python environment in {}", environment.display());
        make_environment(&environment)?;
        let mut pip = python.pip(["install", "--quiet", "--requirement"]);
        pip.arg(&requirements);
        process::output(pip).context(NO_PACKAGES)?;
        fs::write(&stamp, expected)?;
        Ok(python)
    }

    /// An environment in `folder` with nothing in it, in place of what was there.
    ///
    /// # Errors
    ///
    /// Python or its `venv` module is missing.
    pub(crate) fn empty(folder: &Path) -> Result<Self> {
        make_environment(folder)?;
        Ok(Self::existing(folder))
    }

    /// The environment in `folder`.
    pub(crate) fn existing(folder: &Path) -> Self {
        Self { interpreter: folder.join("bin/python") }
    }

    /// A program that one of the packages has installed.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.interpreter.with_file_name(name)
    }

    /// `python ARGUMENTS` in the environment.
    pub(crate) fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(&self.interpreter);
        command
            .args(arguments)
            // Caches of compiled Python would be written into the source tree.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // ONNX Runtime's official builds report their use to their maker otherwise.
            .env("ORT_DISABLE_TELEMETRY", "1");
        command
    }

    /// `pip ARGUMENTS` in the environment.
    pub(crate) fn pip<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut pip = self.command(["-m", "pip", "--disable-pip-version-check", "--no-input"]);
        pip.args(arguments);
        pip
    }
}

const NO_PACKAGES: &str = "the Python packages could not be fetched; this needs the network once \
     (or a package mirror that pip is set up for)";

fn make_environment(environment: &Path) -> Result<()> {
    let python = "python3";
    let mut version = Command::new(python);
    version.args(["-c", "import sys; print(*sys.version_info[:2])"]);
    let version = process::output(version).context(
        "Python 3.11 or newer is needed to build models and to run the client tests \
         (Debian and Ubuntu: `apt-get install python3 python3-venv`); `hone serve` needs none",
    )?;
    let mut parts = version.split_whitespace().map_while(|part| part.parse().ok());
    let found = parts.next().zip(parts.next()).unwrap_or_default();
    if found < MIN_VERSION {
        bail!("python3 is {}.{}; 3.11 or newer is needed", found.0, found.1);
    }
    let mut venv = Command::new(python);
    venv.args(["-m", "venv", "--clear"]).arg(environment);
    process::output(venv).context(
        "python3 cannot make an environment; its `venv` and `ensurepip` modules are needed \
         (Debian and Ubuntu: `apt-get install python3-venv`)",
    )?;
    Ok(())
}

/// A number that changes whenever one of the files does.
pub(crate) fn fingerprint<P: AsRef<Path>>(files: &[P]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        let file = file.as_ref();
        file.file_name().hash(&mut hasher);
        fs::read(file)
            .with_context(|| format!("cannot read {}", file.display()))?
            .hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}
