use std::{
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Result, ensure};
use loadgen::{
    Arrivals, Distribution, Endpoint, Load, Observer, Plan, Progress, Protocol, Request,
    StabilityOptions, Workload, measure,
};

use crate::clock::{now, pause};

/// Requests per second of a probe.
const RATE: f64 = 100.0;

/// Longest time that a probe asks.
const PROBE_TIME_MAX: Duration = Duration::from_secs(300);

/// Longest wait for a port to be opened.
const OPEN_WAIT_MAX: Duration = Duration::from_secs(5);

/// Asks for one path a hundred times a second on a thread of its own.
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

/// Lets a probe run until it is told to stop.
struct UntilStopped(Arc<AtomicBool>);

impl Observer for UntilStopped {
    fn progress(&mut self, _: &Progress<'_>) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

impl Probe {
    /// Starts to ask.
    pub(super) fn start(address: SocketAddr, path: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let until = UntilStopped(Arc::clone(&stop));
        let endpoint =
            Endpoint { host: address.to_string(), prefix: String::new(), headers: Vec::new() };
        let workload = Workload {
            address,
            protocol: Protocol::Http,
            requests: vec![Request::get(&endpoint, path)],
            conversation: None,
        };
        Self { stop, thread: std::thread::spawn(move || ask(&workload, until)) }
    }

    /// Stops it.
    pub(super) fn finish(self) -> Result<Probed> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a probe does not panic")
    }
}

fn ask(workload: &Workload, mut until: UntilStopped) -> Result<Probed> {
    wait_for_port(workload.address);
    let load = Load::Open { rate: RATE, arrivals: Arrivals::Constant };
    let plan = Plan {
        duration: PROBE_TIME_MAX,
        warm_up: StabilityOptions { warm_up_max: Duration::ZERO, ..StabilityOptions::default() },
        ..Plan::new(load)
    };
    let recording = measure(workload, &plan, &mut until)?;
    let latency = Distribution::merged(recording.slices.iter().map(|slice| &slice.latency));
    ensure!(!latency.is_empty(), "the probe was never answered");
    Ok(Probed { p99_ms: latency.quantile(0.99) as f64 / 1e6 })
}

/// Some servers open their metrics port a moment after they are ready.
fn wait_for_port(address: SocketAddr) {
    let give_up_at = now() + OPEN_WAIT_MAX;
    while TcpStream::connect(address).is_err() && now() < give_up_at {
        pause(Duration::from_millis(10));
    }
}
