//! A server that is started to be measured, and stopped afterwards.

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use loadgen::ProcessTree;
use serde_json::Value;

/// Longest time for a server to load its models.
const READY_WAIT: Duration = Duration::from_secs(300);

/// How long it may take to stop, in looks of [`STOP_LOOK`], before it is killed.
const STOP_LOOKS: u32 = 100;
const STOP_LOOK: Duration = Duration::from_millis(100);

/// Lines of its log that are shown when it does not start.
const SHOWN_LINES: usize = 20;

/// `hone serve` in a process of its own.
#[derive(Debug)]
pub(super) struct OwnServer {
    child: Child,
    /// Address of REST.
    pub(super) http: String,
    /// Address of gRPC.
    pub(super) grpc: String,
}

impl OwnServer {
    /// Starts it on free ports and waits until its models are ready.
    ///
    /// # Errors
    ///
    /// It does not start; the end of its log is in the message.
    pub(super) fn start(path: &Path, flags: &[String]) -> Result<Self> {
        if !path.exists() {
            bail!(
                "{} does not exist; give a model, a model folder or a repository",
                path.display()
            );
        }
        let ports = ["--http-port", "0", "--grpc-port", "0", "--metrics-port", "0"];
        let mut child = Command::new(env::current_exe()?)
            .arg("serve")
            .arg(path)
            .args(ports)
            .args(["--log-format", "json", "--log-level", "info", "--grace-secs", "0"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start a server")?;
        let log = child.stderr.take().context("the server's log is a pipe")?;
        let mut server = Self { child, http: String::new(), grpc: String::new() };
        // Dropped on failure, and the process with it.
        (server.http, server.grpc) = wait_until_ready(log)?;
        Ok(server)
    }

    /// Its processes.
    pub(super) fn process(&self) -> ProcessTree {
        ProcessTree(self.child.id())
    }

    fn is_over(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let is_told = self.process().terminate();
        for _ in 0..STOP_LOOKS {
            if !is_told || self.is_over() {
                break;
            }
            let (_hold, never) = mpsc::channel::<()>();
            let _ = never.recv_timeout(STOP_LOOK);
        }
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Addresses of REST and gRPC, once the log says that the server is ready. A thread goes on reading, so
/// that the server never waits for its log.
fn wait_until_ready(log: ChildStderr) -> Result<(String, String)> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            // Nobody listens once the server is ready.
            let _ = sender.send(line);
        }
    });
    let mut seen = Vec::new();
    while let Ok(line) = lines.recv_timeout(READY_WAIT) {
        if let Some(addresses) = ready(&line) {
            return Ok(addresses);
        }
        seen.push(message(&line));
    }
    let shown = &seen[seen.len().saturating_sub(SHOWN_LINES)..];
    bail!("the server did not become ready; its log ends with\n  {}", shown.join("\n  "))
}

fn ready(line: &str) -> Option<(String, String)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let is_ready = line["message"] == "ready";
    let address = |key: &str| line[key].as_str().map(str::to_owned);
    is_ready.then(|| Some((address("http")?, address("grpc")?))).flatten()
}

/// What a person reads of a line of the log.
fn message(line: &str) -> String {
    let parsed = serde_json::from_str::<Value>(line).ok();
    let text = parsed.as_ref().and_then(|line| {
        let message = line["message"].as_str()?;
        let error = line["error"].as_str().map(|error| format!(": {error}")).unwrap_or_default();
        Some(format!("{message}{error}"))
    });
    text.unwrap_or_else(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{message, ready};

    #[test]
    fn readiness_is_read_from_the_log() {
        let line = r#"{"level":"INFO","message":"ready","models":1,"http":"127.0.0.1:5","grpc":"127.0.0.1:6"}"#;
        assert_eq!(ready(line), Some(("127.0.0.1:5".to_owned(), "127.0.0.1:6".to_owned())));
        assert_eq!(ready(r#"{"message":"listening"}"#), None);
        assert_eq!(ready("error: no"), None);
        assert_eq!(message("error: no"), "error: no");
        assert_eq!(message(r#"{"message":"failed","error":"x"}"#), "failed: x");
    }
}
