//! The servers under test and how each is started.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::{clock, config, payload::Protocol, process, process::Process};

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Bare hyper.
    FloorHttp,
    /// Bare tonic.
    FloorGrpc,
    /// The floor once more: what differs from it is noise.
    TwinHttp,
    /// The floor once more: what differs from it is noise.
    TwinGrpc,
    /// Hone.
    Hone,
    /// tritonserver of PyPI `nvidia-pytriton`, Python backend.
    Triton,
    /// FastAPI, uvicorn and onnxruntime.
    Fastapi,
    /// LitServe and onnxruntime.
    Litserve,
}

impl Kind {
    /// Those that are not part of Hone.
    pub(crate) const PEERS: [Self; 3] = [Self::Triton, Self::Fastapi, Self::Litserve];

    /// For tables; the floor is one thing in two processes.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::FloorHttp | Self::FloorGrpc => "floor",
            Self::TwinHttp | Self::TwinGrpc => "floor again",
            Self::Hone => "Hone",
            Self::Triton => "Triton (Python backend)",
            Self::Fastapi => "FastAPI",
            Self::Litserve => "LitServe",
        }
    }

    /// Whether the server speaks the protocol.
    pub(crate) fn speaks(self, protocol: Protocol) -> bool {
        match self {
            Self::FloorHttp | Self::TwinHttp => protocol != Protocol::Grpc,
            Self::FloorGrpc | Self::TwinGrpc => protocol == Protocol::Grpc,
            Self::Hone | Self::Triton => true,
            Self::Fastapi | Self::Litserve => protocol == Protocol::Json,
        }
    }

    /// Whether the server runs no model.
    pub(crate) fn only_echoes(self) -> bool {
        matches!(self, Self::FloorHttp | Self::FloorGrpc | Self::TwinHttp | Self::TwinGrpc)
    }

    /// Path that says that the process lives.
    pub(crate) fn live_path(self) -> &'static str {
        match self {
            Self::Litserve => "/health",
            Self::Fastapi => "/v2/health/ready",
            _ => "/v2/health/live",
        }
    }

    fn ready_path(self) -> &'static str {
        match self {
            Self::Litserve => "/health",
            _ => "/v2/health/ready",
        }
    }
}

/// What servers are started from.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Hone's binary.
    pub(crate) hone: PathBuf,
    /// Python environment of the peers.
    pub(crate) venv: PathBuf,
    /// Folder of the peers' scripts.
    pub(crate) peers: PathBuf,
    /// Folder for logs and whatever a server needs written.
    pub(crate) work: PathBuf,
    /// Instances of a model, and worker processes where a server has such: the number of cores.
    pub(crate) instances: usize,
}

/// A server that is ready.
#[derive(Debug)]
pub(crate) struct Server {
    /// Which.
    pub(crate) kind: Kind,
    /// Its processes.
    pub(crate) process: Process,
    /// From its start to the first good answer of its readiness endpoint.
    pub(crate) start_to_ready: Duration,
    http: SocketAddr,
    grpc: SocketAddr,
    metrics: SocketAddr,
}

impl Server {
    /// Starts a server of the models in `repository` and waits until it is ready.
    pub(crate) fn start(kind: Kind, places: &Places, repository: &Path) -> Result<Self> {
        let [http, grpc, metrics] = process::free_ports()?;
        let command = command(kind, places, repository, [http, grpc, metrics])?;
        let log = places.work.join(format!("{kind:?}-{}.log", http.port()));
        let start = clock::now();
        let mut process = Process::start(command, log)?;
        match kind {
            Kind::FloorGrpc | Kind::TwinGrpc => process.wait_listening(grpc),
            _ => process.wait_ready(http, kind.ready_path()),
        }
        .with_context(|| format!("{} did not start", kind.title()))?;
        let start_to_ready = clock::now() - start;
        Ok(Self { kind, process, start_to_ready, http, grpc, metrics })
    }

    /// Where it speaks the protocol.
    pub(crate) fn address(&self, protocol: Protocol) -> SocketAddr {
        if protocol == Protocol::Grpc { self.grpc } else { self.http }
    }

    /// Where it shows its metrics, if it does.
    pub(crate) fn metrics_address(&self) -> Option<SocketAddr> {
        matches!(self.kind, Kind::Hone | Kind::Triton).then_some(self.metrics)
    }
}

type Ports = [SocketAddr; 3];

fn command(kind: Kind, places: &Places, repository: &Path, ports: Ports) -> Result<Command> {
    let [http, grpc, _] = ports.map(|address| address.port().to_string());
    Ok(match kind {
        Kind::FloorHttp | Kind::TwinHttp => floor("floor-http", &http)?,
        Kind::FloorGrpc | Kind::TwinGrpc => floor("floor-grpc", &grpc)?,
        Kind::Hone => hone(places, repository, ports)?,
        Kind::Triton => triton(places, repository, ports)?,
        Kind::Fastapi => python(places, "fastapi_server.py", repository, &http)?,
        Kind::Litserve => python(places, "litserve_server.py", repository, &http)?,
    })
}

fn floor(name: &str, port: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([name, "--port", port]);
    Ok(command)
}

fn hone(places: &Places, repository: &Path, ports: Ports) -> Result<Command> {
    let hone = &places.hone;
    ensure!(hone.is_file(), "{} is missing; build the package hone first", hone.display());
    let [http, grpc, metrics] = ports.map(|address| address.port().to_string());
    let mut command = Command::new(hone);
    command.arg("serve").arg(repository).args(["--host", "127.0.0.1"]);
    command.args(["--http-port", &http, "--grpc-port", &grpc, "--metrics-port", &metrics]);
    Ok(command)
}

fn triton(places: &Places, repository: &Path, ports: Ports) -> Result<Command> {
    let packages = site_packages(&places.venv)?;
    let triton = packages.join("pytriton/tritonserver");
    let backends = triton_backends(places, &triton)?;
    let [http, grpc, metrics] = ports.map(|address| address.port().to_string());
    let mut command = Command::new(triton.join("bin/tritonserver"));
    command.args(["--http-address", "127.0.0.1", "--grpc-address", "127.0.0.1"]);
    command.args(["--http-port", &http, "--grpc-port", &grpc, "--metrics-port", &metrics]);
    command.arg("--model-repository").arg(repository);
    command.arg("--backend-directory").arg(backends);
    // The server finds the package's libraries by itself, the stub of its Python backend does not.
    let libraries = packages.join("nvidia_pytriton.libs");
    let python = python_library_folder(&places.venv)?;
    command.env("LD_LIBRARY_PATH", format!("{}:{python}", libraries.display()));
    let bin = places.venv.join("bin");
    command.env("PATH", format!("{}:{}", bin.display(), config::search_path()));
    Ok(command)
}

/// A backend folder with the Python backend and its stub for the environment's Python.
fn triton_backends(places: &Places, triton: &Path) -> Result<PathBuf> {
    let backends = places.work.join("triton-backends");
    let python = backends.join("python");
    fs::create_dir_all(&python)?;
    let version = query(&places.venv, "import sys; print('%d.%d' % sys.version_info[:2])")?;
    let stub =
        triton.join("python_backend_stubs").join(&version).join("triton_python_backend_stub");
    ensure!(stub.is_file(), "nvidia-pytriton has no Python backend for Python {version}");
    fs::copy(&stub, python.join("triton_python_backend_stub"))?;
    for name in ["libtriton_python.so", "triton_python_backend_utils.py"] {
        fs::copy(triton.join("backends/python").join(name), python.join(name))?;
    }
    Ok(backends)
}

fn python(places: &Places, script: &str, repository: &Path, port: &str) -> Result<Command> {
    let python = places.venv.join("bin/python");
    ensure!(python.is_file(), "there is no Python environment in {}", places.venv.display());
    let mut command = Command::new(python);
    command.arg(places.peers.join(script)).arg(repository).args(["--port", port]);
    command.args(["--workers", &places.instances.to_string()]);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

fn site_packages(venv: &Path) -> Result<PathBuf> {
    Ok(query(venv, "import sysconfig; print(sysconfig.get_path('purelib'))")?.into())
}

fn python_library_folder(venv: &Path) -> Result<String> {
    query(venv, "import sysconfig; print(sysconfig.get_config_var('LIBDIR'))")
}

/// What a line of Python prints in the peers' environment.
pub(crate) fn query(venv: &Path, code: &str) -> Result<String> {
    let output = Command::new(venv.join("bin/python")).args(["-c", code]).output();
    let output = output.with_context(|| format!("there is no Python in {}", venv.display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
