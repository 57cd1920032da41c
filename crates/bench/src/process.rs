//! Servers as child processes: each leads its own process group and never outlives the benchmark.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use loadgen::ProcessTree;

use crate::clock;

/// Longest wait for a server to become ready.
const READY_WAIT_MAX: Duration = Duration::from_secs(120);

/// Longest wait for a server to stop by itself.
const STOP_WAIT_MAX: Duration = Duration::from_secs(10);

/// How often a starting server is asked; the error of the times to ready.
const READY_POLL: Duration = Duration::from_millis(1);

/// How often a program that measures is asked whether it is done: seldom enough not to disturb it.
const END_POLL: Duration = Duration::from_millis(20);

/// Bytes of a failed server's log that are shown.
const LOG_TAIL_BYTES: usize = 4000;

/// Process groups to be stopped if the benchmark is.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output in `log`.
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Result<Self> {
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        running().push(child.id());
        Ok(Self { child, log })
    }

    /// Its id, which is that of its group too.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server answers `GET path` with 200.
    pub(crate) fn wait_ready(&mut self, address: SocketAddr, path: &str) -> Result<()> {
        self.wait_ready_within(READY_WAIT_MAX, address, path)
    }

    /// The same for a server that may take another time.
    pub(crate) fn wait_ready_within(
        &mut self,
        limit: Duration,
        address: SocketAddr,
        path: &str,
    ) -> Result<()> {
        self.wait_until(limit, || answers(address, path))
    }

    /// Waits until the server accepts connections.
    pub(crate) fn wait_listening(&mut self, address: SocketAddr) -> Result<()> {
        self.wait_until(READY_WAIT_MAX, || TcpStream::connect(address).is_ok())
    }

    fn wait_until(&mut self, limit: Duration, is_ready: impl Fn() -> bool) -> Result<()> {
        let give_up_at = clock::now() + limit;
        while !is_ready() {
            let ended = self.child.try_wait()?.map(|status| format!("it ended with {status}"));
            let late = clock::now() > give_up_at;
            let late = late.then(|| format!("it was not ready after {limit:.0?}"));
            if let Some(why) = ended.or(late) {
                bail!("{why}; its log ends:\n{}", self.log_tail());
            }
            clock::pause(READY_POLL);
        }
        Ok(())
    }

    /// Waits until the process has ended well and returns what it printed.
    pub(crate) fn wait_output(&mut self, limit: Duration) -> Result<String> {
        let give_up_at = clock::now() + limit;
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(fs::read_to_string(&self.log)?),
                Some(status) => bail!("it ended with {status}; its log ends:\n{}", self.log_tail()),
                None if clock::now() > give_up_at => bail!("it was not done after {limit:.0?}"),
                None => clock::pause(END_POLL),
            }
        }
    }

    fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let start = log.len().saturating_sub(LOG_TAIL_BYTES);
        String::from_utf8_lossy(&log[start..]).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let id = self.child.id();
        let members = ProcessTree(id).processes();
        signal("-TERM", &format!("-{id}"));
        let give_up_at = clock::now() + STOP_WAIT_MAX;
        while matches!(self.child.try_wait(), Ok(None)) && clock::now() < give_up_at {
            clock::pause(Duration::from_millis(5));
        }
        signal("-KILL", &format!("-{id}"));
        // Those that left the group; the start time tells them from new owners of their ids.
        let left = ProcessTree(std::process::id()).processes();
        for (member, start) in members {
            if left.get(&member) == Some(&start) && member != id {
                signal("-KILL", &member.to_string());
            }
        }
        drop(self.child.wait());
        running().retain(|running| *running != id);
    }
}

/// Stops every server that still runs; for when the benchmark is interrupted.
pub(crate) fn stop_all() {
    for group in running().drain(..) {
        signal("-KILL", &format!("-{group}"));
    }
}

fn running() -> std::sync::MutexGuard<'static, Vec<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn signal(signal: &str, target: &str) {
    // It fails where the target is gone, which is what it is for.
    drop(Command::new("kill").args([signal, "--", target]).stderr(Stdio::null()).status());
}

fn answers(address: SocketAddr, path: &str) -> bool {
    try_get(address, path).is_ok_and(|head| &head[..12] == b"HTTP/1.1 200")
}

fn try_get(address: SocketAddr, path: &str) -> std::io::Result<[u8; 12]> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(head)
}

/// The command as one would type it.
pub(crate) fn command_line(command: &Command) -> String {
    let settings = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={}", name.to_string_lossy(), value?.to_string_lossy()))
    });
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| word.to_string_lossy().into_owned());
    settings.chain(words).collect::<Vec<_>>().join(" ")
}

/// Ports of the loopback interface that nobody listens on now.
pub(crate) fn free_ports<const N: usize>() -> Result<[SocketAddr; N]> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listeners = (0..N).map(|_| bind()).collect::<Result<Vec<_>, _>>()?;
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    addresses.try_into().map_err(|_| anyhow::anyhow!("fewer listeners than asked for"))
}
