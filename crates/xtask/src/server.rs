//! Builds Hone, installs its engine and runs it for other tasks.

use std::{
    ffi::OsStr,
    fs::File,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{places::Places, process};

/// Longest wait for a server to be ready or to stop.
const LIFE_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How many ports after the usual ones are tried.
const PORTS_TRIED: u16 = 200;

/// Builds the release-speed binary.
///
/// # Errors
///
/// It does not compile.
pub(crate) fn build(places: &Places) -> Result<()> {
    process::show(places.cargo(&["build", "--quiet", "--profile", "fast", "--package", "hone"]))
}

/// Installs the pinned ONNX Runtime into the cache folder, if it is not there.
///
/// # Errors
///
/// The registry is out of reach; the message is Hone's own.
pub(crate) fn install_engine(places: &Places) -> Result<()> {
    let mut install = Command::new(places.hone());
    install.args(["engines", "install", "onnxruntime"]);
    process::output(places.prepare(install)).map(drop)
}

/// Runs the bench crate with `options` beside Hone and its engine.
///
/// # Errors
///
/// The program failed.
pub(crate) fn bench(places: &Places, options: &[&str]) -> Result<()> {
    build(places)?;
    install_engine(places)?;
    run_bench(places, options)
}

/// Runs the bench crate with `options`, which start no server.
///
/// # Errors
///
/// The program failed.
pub(crate) fn run_bench(places: &Places, options: &[&str]) -> Result<()> {
    let mut run =
        places.cargo(&["run", "--quiet", "--profile", "fast", "--package", "bench", "--"]);
    run.args(options);
    process::show(run)
}

/// Three consecutive free ports: HTTP, gRPC and metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    /// V2 over HTTP.
    pub http: u16,
    /// V2 over gRPC.
    pub grpc: u16,
    /// Metrics.
    pub metrics: u16,
}

impl Ports {
    /// 8000, 8001 and 8002, or the next three that nothing listens on.
    pub(crate) fn free() -> Result<Self> {
        let is_free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        let first = (8000..8000 + PORTS_TRIED)
            .find(|first| (*first..first + 3).all(is_free))
            .with_context(|| format!("no three free ports from 8000 to {}", 8002 + PORTS_TRIED))?;
        Ok(Self { http: first, grpc: first + 1, metrics: first + 2 })
    }
}

/// A running `hone serve`; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    ports: Ports,
}

impl Server {
    /// Starts `hone serve ARGUMENTS` on this machine's own address; its log goes to `log`.
    ///
    /// # Errors
    ///
    /// The binary is missing, or no ports are free.
    pub(crate) fn start(places: &Places, arguments: &[&OsStr], log: &File) -> Result<Self> {
        let ports = Ports::free()?;
        let mut serve = Command::new(places.hone());
        serve.arg("serve").args(arguments).args(["--host", "127.0.0.1"]);
        for (option, port) in [
            ("--http-port", ports.http),
            ("--grpc-port", ports.grpc),
            ("--metrics-port", ports.metrics),
        ] {
            serve.args([option, &port.to_string()]);
        }
        serve.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
        let mut serve = places.prepare(serve);
        let child = serve
            .spawn()
            .with_context(|| format!("cannot run `{}`", process::command_line(&serve)))?;
        Ok(Self { child, ports })
    }

    /// Where it listens.
    pub(crate) fn ports(&self) -> Ports {
        self.ports
    }

    /// Returns once every model answers.
    ///
    /// # Errors
    ///
    /// The server ended, or took longer than [`LIFE_TIMEOUT`].
    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + LIFE_TIMEOUT;
        while !is_ready(self.ports.http) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended before it was ready ({status})");
            }
            if Instant::now() > deadline {
                bail!("the server was not ready after {LIFE_TIMEOUT:?}");
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Waits until somebody else stops the server.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Asks the server to finish what it has accepted and to end.
    ///
    /// # Errors
    ///
    /// It does not end in [`LIFE_TIMEOUT`], or with an error.
    pub(crate) fn stop(mut self) -> Result<()> {
        let mut kill = Command::new("kill");
        kill.args(["-TERM", &self.child.id().to_string()]);
        process::output(kill)?;
        let deadline = Instant::now() + LIFE_TIMEOUT;
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the server ended with {status}"),
                None if Instant::now() > deadline => bail!("the server did not stop"),
                None => thread::sleep(POLL_INTERVAL),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_ready(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(
            b"GET /v2/health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
