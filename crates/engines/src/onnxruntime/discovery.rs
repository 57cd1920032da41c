//! Where the library of ONNX Runtime is on this machine.

use std::{
    cmp::Reverse,
    env, fmt, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use super::{EngineError, elf};

const LIBRARY_PREFIX: &str = "libonnxruntime.so";
/// Folders of the system's loader that its configuration need not name.
const LOADER_FOLDERS: [&str; 5] =
    ["/usr/local/lib", "/usr/local/lib64", "/usr/lib64", "/usr/lib", "/lib"];
/// Files that name further folders of the system's loader.
const LOADER_CONFIGURATION: &str = "/etc/ld.so.conf.d";

#[cfg(target_arch = "x86_64")]
const MACHINE: u16 = 62;
#[cfg(target_arch = "aarch64")]
const MACHINE: u16 = 183;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const MACHINE: u16 = 0;

/// Where to look. Everything comes from the configuration; nothing is read from the environment.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// A library file that was asked for by name. Nothing else is then looked at.
    pub library: Option<PathBuf>,
    /// A library file that the environment names (`ORT_DYLIB_PATH`); likewise.
    pub environment_library: Option<PathBuf>,
    /// Hone's cache folder.
    pub cache: PathBuf,
    /// Python environments that are active (`VIRTUAL_ENV`, `CONDA_PREFIX`).
    pub python_environments: Vec<PathBuf>,
    /// Whether to ask the `python3` on the path where its packages are.
    pub ask_python: bool,
    /// Folders that the system's loader looks into first (`LD_LIBRARY_PATH`).
    pub loader_path: Vec<PathBuf>,
}

/// Libraries that were found, the most wanted first.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// Every library, usable or not.
    pub candidates: Vec<Candidate>,
}

/// A library that was found.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where it was found.
    pub source: Source,
    /// The file, links resolved.
    pub path: PathBuf,
    /// Its version, if the file says one.
    pub version: Option<String>,
    /// Why it cannot be used.
    pub problem: Option<Problem>,
}

/// Where a library was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Named by flag or configuration file.
    Flag,
    /// Named by the environment.
    Environment,
    /// Installed by `hone engines install`.
    Cache,
    /// In the folder of the running program, or in `../lib` from there.
    BesideBinary,
    /// A Python package.
    Python,
    /// A folder of the system's loader.
    System,
}

/// Why a library cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The file cannot be read.
    Unreadable(String),
    /// The file is no library.
    NotALibrary,
    /// The library is for another kind of machine.
    OtherMachine(&'static str),
    /// The library is older than the interface that Hone is built for.
    TooOld(String),
}

/// Lists every library, usable or not.
#[must_use]
pub fn discover(search: &Search) -> Discovery {
    let mut discovery = Discovery { candidates: Vec::new() };
    for files in sources(search) {
        discovery.extend(files());
    }
    discovery
}

/// Looks for the first usable library and no further.
pub(super) fn find(search: &Search) -> Result<Candidate, EngineError> {
    let mut discovery = Discovery { candidates: Vec::new() };
    for files in sources(search) {
        discovery.extend(files());
        if let Some(chosen) = discovery.chosen() {
            return Ok(chosen.clone());
        }
    }
    Err(discovery.failure(search))
}

impl Discovery {
    /// The library that would be used.
    #[must_use]
    pub fn chosen(&self) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| candidate.problem.is_none())
    }

    /// Why there is no library to use.
    pub(super) fn failure(&self, search: &Search) -> EngineError {
        let Some(Candidate { path, problem: Some(problem), .. }) = self.candidates.first() else {
            return EngineError::NotFound;
        };
        let (path, problem) = (path.clone(), problem.clone());
        if search.library.is_some() || search.environment_library.is_some() {
            EngineError::Unusable { path, problem }
        } else {
            EngineError::NoneUsable { path, problem }
        }
    }

    fn extend(&mut self, files: Vec<(Source, PathBuf)>) {
        for (source, path) in files {
            let path = fs::canonicalize(&path).unwrap_or(path);
            if self.candidates.iter().all(|known| known.path != path) {
                self.candidates.push(Candidate::new(source, path));
            }
        }
    }
}

impl Candidate {
    fn new(source: Source, path: PathBuf) -> Self {
        let (version, problem) = match elf::inspect(&path) {
            Err(error) => (None, Some(Problem::Unreadable(error.to_string()))),
            Ok(None) => (None, Some(Problem::NotALibrary)),
            Ok(Some(elf)) if elf.machine != MACHINE => {
                (elf.version, Some(Problem::OtherMachine(elf::machine_name(elf.machine))))
            }
            Ok(Some(elf)) => {
                let version = elf.version.or_else(|| version_in_name(&path));
                let too_old = version.clone().filter(|version| is_too_old(version));
                (version, too_old.map(Problem::TooOld))
            }
        };
        Self { source, path, version, problem }
    }
}

type Files<'a> = Box<dyn FnOnce() -> Vec<(Source, PathBuf)> + 'a>;

/// The places to look at, in order; a place is looked at when its closure is called.
fn sources(search: &Search) -> Vec<Files<'_>> {
    let named =
        [(Source::Flag, &search.library), (Source::Environment, &search.environment_library)];
    for (source, path) in named {
        if let Some(path) = path {
            return vec![Box::new(move || vec![(source, path.clone())])];
        }
    }
    vec![
        Box::new(|| tag(Source::Cache, cached(&search.cache))),
        Box::new(|| tag(Source::BesideBinary, beside_binary())),
        Box::new(|| {
            let environments = search.python_environments.iter();
            tag(
                Source::Python,
                environments.flat_map(|folder| in_python_environment(folder)).collect(),
            )
        }),
        Box::new(|| {
            tag(Source::Python, if search.ask_python { asked_python() } else { Vec::new() })
        }),
        Box::new(|| tag(Source::System, on_loader_path(&search.loader_path))),
    ]
}

fn tag(source: Source, files: Vec<PathBuf>) -> Vec<(Source, PathBuf)> {
    files.into_iter().map(|path| (source, path)).collect()
}

fn cached(cache: &Path) -> Vec<PathBuf> {
    let mut folders = entries(&cache.join("engines"), "onnxruntime-");
    folders.sort_by_key(|folder| {
        Reverse(folder.file_name().and_then(|name| version_of(name.to_str()?)))
    });
    folders.iter().flat_map(|folder| libraries(folder)).collect()
}

fn beside_binary() -> Vec<PathBuf> {
    let Some(folder) = env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()))
    else {
        return Vec::new();
    };
    [folder.clone(), folder.join("../lib")].iter().flat_map(|folder| libraries(folder)).collect()
}

fn in_python_environment(folder: &Path) -> Vec<PathBuf> {
    let versions = entries(&folder.join("lib"), "python3");
    let packages = versions.iter().map(|version| version.join("site-packages"));
    packages.flat_map(|packages| in_site_packages(&packages)).collect()
}

fn in_site_packages(packages: &Path) -> Vec<PathBuf> {
    libraries(&packages.join("onnxruntime/capi"))
}

fn asked_python() -> Vec<PathBuf> {
    let print = "import sysconfig; print(sysconfig.get_path('platlib'))";
    let Ok(output) = Command::new("python3").args(["-I", "-c", print]).output() else {
        return Vec::new();
    };
    let folder = String::from_utf8_lossy(&output.stdout);
    if output.status.success() { in_site_packages(Path::new(folder.trim())) } else { Vec::new() }
}

fn on_loader_path(first: &[PathBuf]) -> Vec<PathBuf> {
    let configured = entries(Path::new(LOADER_CONFIGURATION), "")
        .into_iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| line.starts_with('/'))
        .map(PathBuf::from);
    let folders = first.iter().cloned().chain(configured).chain(LOADER_FOLDERS.map(PathBuf::from));
    folders.flat_map(|folder| libraries(&folder)).collect()
}

/// Libraries of a folder, the one with the longest name first: links to it have shorter names.
fn libraries(folder: &Path) -> Vec<PathBuf> {
    let mut files = entries(folder, LIBRARY_PREFIX);
    files.sort_by_key(|file| Reverse(file.as_os_str().len()));
    files
}

fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let named = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        entry.file_name().to_str()?.starts_with(prefix).then(|| entry.path())
    };
    let mut paths: Vec<_> = entries.filter_map(named).collect();
    paths.sort();
    paths
}

fn version_in_name(path: &Path) -> Option<String> {
    let version = path.file_name()?.to_str()?.strip_prefix(LIBRARY_PREFIX)?.strip_prefix('.')?;
    version.contains('.').then(|| version.to_owned())
}

/// The numbers behind the last dash of a folder's name.
fn version_of(name: &str) -> Option<Vec<u32>> {
    name.rsplit('-').next()?.split('.').map(|part| part.parse().ok()).collect()
}

fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next(), numbers.next().unwrap_or(0));
    major.is_some_and(|major| (major, minor) < (1, ort::MINOR_VERSION))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Flag => "by flag",
            Self::Environment => "by environment",
            Self::Cache => "Hone's cache",
            Self::BesideBinary => "beside the binary",
            Self::Python => "Python package",
            Self::System => "system",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "it cannot be read ({error})"),
            Self::NotALibrary => f.write_str("it is no shared library"),
            Self::OtherMachine(machine) => write!(f, "it is for {machine}"),
            Self::TooOld(version) => {
                write!(
                    f,
                    "version {version} is too old, 1.{} or newer is needed",
                    ort::MINOR_VERSION
                )
            }
        }
    }
}

#[cfg(test)]
mod tests;
