use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Result, ensure};

use crate::{
    clock::{nanos, now},
    connection::Connection,
    load::{histogram, run_local},
    payload::Wire,
};

/// Time between two requests of a probe.
const INTERVAL: Duration = Duration::from_millis(10);

/// Longest wait for a port to be opened.
const OPEN_WAIT_MAX: Duration = Duration::from_secs(5);

/// Asks for one path again and again on a thread of its own, over one connection.
#[derive(Debug)]
pub(super) struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Probed>>,
}

/// What a probe saw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probed {
    /// Latency that one of a hundred requests exceeds.
    pub(super) p99_ms: f64,
}

impl Probe {
    /// Starts to ask.
    pub(super) fn start(address: SocketAddr, path: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, request) = (Arc::clone(&stop), Wire::get(path));
        let thread = std::thread::spawn(move || run_local(ask(address, &request, &stopped)));
        Self { stop, thread }
    }

    /// Stops it.
    pub(super) fn finish(self) -> Result<Probed> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a probe does not panic")
    }
}

/// Connects; some servers open their metrics port a moment after they are ready.
async fn open(address: SocketAddr, request: &Wire) -> Result<Connection> {
    let give_up_at = now() + OPEN_WAIT_MAX;
    loop {
        match Connection::open(address, request).await {
            Err(_) if now() < give_up_at => {
                tokio::time::sleep_until((now() + INTERVAL).into()).await;
            }
            opened => return opened,
        }
    }
}

async fn ask(address: SocketAddr, request: &Wire, stopped: &AtomicBool) -> Result<Probed> {
    let mut latencies = histogram()?;
    let mut connection = open(address, request).await?;
    while !stopped.load(Ordering::Relaxed) {
        let start = now();
        connection.call(request).await?;
        latencies.saturating_record(nanos(now() - start));
        tokio::time::sleep_until((start + INTERVAL).into()).await;
    }
    ensure!(!latencies.is_empty(), "the probe was never answered");
    Ok(Probed { p99_ms: latencies.value_at_quantile(0.99) as f64 / 1e6 })
}
