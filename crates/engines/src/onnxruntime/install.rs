//! Brings the pinned library into Hone's cache, by way of Python's package installer.

use std::{
    env,
    fmt::Write as _,
    fs,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use sha2::{Digest, Sha256};

/// Version of ONNX Runtime that [`install`] brings.
pub const VERSION: &str = "1.32.0";
const FOLDER: &str = "onnxruntime-1.32.0";
const LIBRARY: &str = "libonnxruntime.so.1.32.0";
const PYTHON: &str = "python3";
/// Files of the package that are kept, and their names in it.
const KEPT: [(&str, &str); 3] = [
    (LIBRARY, "onnxruntime/capi/libonnxruntime.so.1.32.0"),
    ("LICENSE", "onnxruntime/LICENSE"),
    ("ThirdPartyNotices.txt", "onnxruntime/ThirdPartyNotices.txt"),
];
/// Bytes that are hashed at once.
const HASHED_BYTES: usize = 1 << 20;
/// Takes the package, the name of a file in it and where to write that.
const EXTRACT: &str = "import shutil, sys, zipfile\n\
    with zipfile.ZipFile(sys.argv[1]) as z, z.open(sys.argv[2]) as f, open(sys.argv[3], 'xb') as t:\n \
        shutil.copyfileobj(f, t, 1 << 20)";

/// A package for one kind of machine.
struct Package {
    platform: &'static str,
    package_sha256: &'static str,
    library_sha256: &'static str,
}

/// What an installation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Installed {
    /// The library was brought and is here.
    Now(PathBuf),
    /// The library was here.
    Already(PathBuf),
}

/// Why a library was not installed. The message says what is missing and how to do without.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is no pinned package for this kind of machine.
    #[error(
        "there is no pinned onnxruntime for {0}: build libonnxruntime.so for it and name it with \
         --onnxruntime-library"
    )]
    Platform(&'static str),
    /// Python or its package installer is missing.
    #[error(
        "{missing} is missing, and it fetches the package: install it (Debian, Ubuntu: \
         apt install {package}) and run this again, or copy {LIBRARY} of the Python package \
         onnxruntime {VERSION} into {} by hand",
        folder.display()
    )]
    Tool {
        /// What is missing.
        missing: &'static str,
        /// The system's package that has it.
        package: &'static str,
        /// Where the library belongs.
        folder: PathBuf,
    },
    /// The package did not come.
    #[error(
        "the Python package onnxruntime {VERSION} was not downloaded; is there a network, and does \
         `python3 -m pip` reach its package index? On a machine without one copy {LIBRARY} of that \
         package into {} by hand. pip said: {detail}",
        folder.display()
    )]
    Download {
        /// The last lines of what the installer said.
        detail: String,
        /// Where the library belongs.
        folder: PathBuf,
    },
    /// The package is damaged.
    #[error("the downloaded package cannot be unpacked: {detail}")]
    Unpack {
        /// What the unpacker said.
        detail: String,
    },
    /// The file is not the one that was pinned.
    #[error("{} has SHA-256 {got}, expected {expected}: it is not used", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// What was pinned.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// The cache cannot be written or read.
    #[error("cannot use {}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Brings the library into `cache`, unless it is there. Nothing half-done is left behind, and
/// several installations at once do not disturb each other.
///
/// # Errors
///
/// See [`InstallError`].
pub fn install(cache: &Path) -> Result<Installed, InstallError> {
    let package = package().ok_or(InstallError::Platform(env::consts::ARCH))?;
    let engines = cache.join("engines");
    let folder = engines.join(FOLDER);
    let library = folder.join(LIBRARY);
    if is_intact(&library, &package) {
        return Ok(Installed::Already(library));
    }
    fs::create_dir_all(&engines).map_err(io_error(&engines))?;
    let work = tempfile::Builder::new()
        .prefix(".install-")
        .tempdir_in(&engines)
        .map_err(io_error(&engines))?;
    check_tools(&folder)?;
    let archive = download(&package, work.path(), &folder)?;
    verify(&archive, package.package_sha256)?;
    let unpacked = work.path().join(FOLDER);
    fs::create_dir(&unpacked).map_err(io_error(&unpacked))?;
    for (name, member) in KEPT {
        unpack(&archive, member, &unpacked.join(name))?;
    }
    verify(&unpacked.join(LIBRARY), package.library_sha256)?;
    put_in_place(&unpacked, &folder, work.path())?;
    Ok(Installed::Now(library))
}

fn package() -> Option<Package> {
    match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => Some(Package {
            platform: "manylinux_2_28_x86_64",
            package_sha256: "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8",
            library_sha256: "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f",
        }),
        ("linux", "aarch64") => Some(Package {
            platform: "manylinux_2_28_aarch64",
            package_sha256: "e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054",
            library_sha256: "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a",
        }),
        _ => None,
    }
}

fn is_intact(library: &Path, package: &Package) -> bool {
    sha256(library).is_ok_and(|sum| sum == package.library_sha256)
}

fn check_tools(folder: &Path) -> Result<(), InstallError> {
    let folder = folder.to_owned();
    let works = |arguments: &[&str]| {
        Command::new(PYTHON).args(arguments).output().is_ok_and(|output| output.status.success())
    };
    if !works(&["--version"]) {
        return Err(InstallError::Tool { missing: "Python 3", package: "python3", folder });
    }
    if !works(&["-m", "pip", "--version"]) {
        let missing = "pip for python3";
        return Err(InstallError::Tool { missing, package: "python3-pip", folder });
    }
    Ok(())
}

/// The package is the same whatever the local Python's version.
fn download(package: &Package, work: &Path, folder: &Path) -> Result<PathBuf, InstallError> {
    let requirement = format!("onnxruntime=={VERSION}");
    let mut pip = Command::new(PYTHON);
    pip.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--quiet"])
        .args(["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--abi", "cp312"])
        .args(["--python-version", "3.12", "--platform", package.platform, "--dest"])
        .arg(work)
        .arg(requirement);
    let failed = |detail| InstallError::Download { detail, folder: folder.to_owned() };
    run(&mut pip).map_err(failed)?;
    let entries = fs::read_dir(work).map_err(io_error(work))?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_package = |path: &PathBuf| path.extension().is_some_and(|end| end == "whl");
    paths.find(is_package).ok_or_else(|| failed("it left no package".to_owned()))
}

fn unpack(archive: &Path, member: &str, to: &Path) -> Result<(), InstallError> {
    let mut python = Command::new(PYTHON);
    python.args(["-I", "-c", EXTRACT]).arg(archive).arg(member).arg(to);
    run(&mut python).map_err(|detail| InstallError::Unpack { detail })
}

/// Runs a command to its end; what it said last is the error.
fn run(command: &mut Command) -> Result<(), String> {
    const LINES: usize = 5;
    let Output { status, stderr, .. } = command.output().map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(lines[lines.len().saturating_sub(LINES)..].join("; "))
}

/// Moves the finished folder to its place. Another installation may have been faster.
fn put_in_place(unpacked: &Path, folder: &Path, work: &Path) -> Result<(), InstallError> {
    let library = unpacked.join(LIBRARY);
    File::open(&library).and_then(|file| file.sync_all()).map_err(io_error(&library))?;
    if fs::rename(unpacked, folder).is_ok() {
        return Ok(());
    }
    if package().is_some_and(|package| is_intact(&folder.join(LIBRARY), &package)) {
        return Ok(());
    }
    // A folder without an intact library is in the way; it goes with the work folder.
    let _ = fs::rename(folder, work.join("damaged"));
    fs::rename(unpacked, folder).map_err(io_error(folder))
}

fn verify(path: &Path, expected: &'static str) -> Result<(), InstallError> {
    let got = sha256(path).map_err(io_error(path))?;
    if got == expected {
        return Ok(());
    }
    Err(InstallError::Checksum { path: path.to_owned(), expected, got })
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let (mut file, mut chunk) = (File::open(path)?, vec![0; HASHED_BYTES]);
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            len => hasher.update(&chunk[..len]),
        }
    }
    Ok(hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_owned();
    |source| InstallError::Io { path, source }
}
