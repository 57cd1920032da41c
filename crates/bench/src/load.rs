//! Load on one server: closed loops for rates and cost, open loops for latencies at a rate.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use loadgen::{
    Arrivals, LevelResult, Plan, ProcessTree, Sampling, ServerLimits, StabilityOptions, Subject,
    Target as Server, Workload,
};

use crate::{
    payload::{Payload, Protocol},
    results::Sample,
};

/// Longest that a connection may take for one answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(60);

/// How much longer than asked a window becomes for a server that gives too few answers in it.
const PROLONGED: u32 = 5;

/// Time between two answers that are compared with what is expected.
const VERIFIED_EVERY: Duration = Duration::from_millis(5);

/// How long and how hard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Connections, each with one request in flight.
    pub(crate) connections: usize,
    /// Unmeasured time before.
    pub(crate) warm_up: Duration,
    /// Measured time.
    pub(crate) window: Duration,
    /// Answers below which the window is measured again, five times as long.
    pub(crate) answers_min: u64,
}

/// Open-loop load: requests are due at random times (Poisson) whatever became of those before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenLoad {
    /// Requests per second.
    pub(crate) rate: f64,
    /// Connections; with all of them busy, a due request waits and its latency grows.
    pub(crate) connections: usize,
    /// Unmeasured time before.
    pub(crate) warm_up: Duration,
    /// Measured time.
    pub(crate) window: Duration,
    /// Of the arrival times.
    pub(crate) seed: u64,
}

/// Where and what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    /// Address of the server's port for this protocol.
    pub(crate) address: SocketAddr,
    /// Leader of the server's process group.
    pub(crate) process: u32,
    /// The request.
    pub(crate) payload: &'a Payload,
    /// How it travels.
    pub(crate) protocol: Protocol,
}

/// Loads the target and returns what was measured.
///
/// # Errors
///
/// A request failed or an answer was wrong: such a measurement says nothing.
pub(crate) fn closed_loop(target: &Target<'_>, load: &Load) -> Result<Sample> {
    let callers = loadgen::Load::Closed { callers: load.connections };
    let plan = plan(callers, load.warm_up, load.window);
    let measured = measure(target, &plan);
    if measured.as_ref().is_ok_and(|sample| sample.requests >= load.answers_min) {
        return measured;
    }
    measure(target, &Plan { duration: plan.duration * PROLONGED, ..plan })
}

/// Loads the target; latencies count from when a request was due, not from when it was sent.
///
/// # Errors
///
/// A request failed, an answer was wrong, or the server fell so far behind that the backlog is full.
pub(crate) fn open_loop(target: &Target<'_>, load: &OpenLoad) -> Result<Sample> {
    let open = loadgen::Load::Open { rate: load.rate, arrivals: Arrivals::Poisson };
    let plan = Plan {
        connections_max: load.connections,
        seed: load.seed,
        ..plan(open, load.warm_up, load.window)
    };
    measure(target, &plan)
}

fn plan(load: loadgen::Load, warm_up: Duration, window: Duration) -> Plan {
    Plan {
        duration: window,
        warm_up: StabilityOptions { warm_up_max: warm_up, ..StabilityOptions::default() },
        timeout: ANSWER_WAIT_MAX,
        explain: Sampling::Never,
        verify: Sampling::Every(VERIFIED_EVERY),
        ..Plan::new(load)
    }
}

fn measure(target: &Target<'_>, plan: &Plan) -> Result<Sample> {
    let level = target.subject()?.measure(plan, 0, &mut ())?;
    sample(&level)
}

impl Target<'_> {
    fn subject(&self) -> Result<Subject> {
        let protocol = self.protocol.of_loadgen();
        let server = Server::parse(&self.address.to_string(), protocol.is_grpc())?;
        let request = self.payload.request(protocol, &server.endpoint)?;
        Ok(Subject {
            label: String::new(),
            model: self.payload.model.clone(),
            workload: Workload {
                address: self.address,
                protocol,
                requests: vec![request],
                conversation: None,
            },
            rows_per_request: 1,
            process: Some(ProcessTree(self.process)),
            limits: ServerLimits::default(),
            target: server,
        })
    }
}

fn sample(level: &LevelResult) -> Result<Sample> {
    let summary = &level.summary;
    if let Some((kind, message)) = summary.failure_examples.iter().next() {
        bail!("a request failed ({kind}): {message}");
    }
    ensure!(summary.completed > 0, "no answer within {} s", summary.seconds);
    let server = summary.server.as_ref().context("the server's processes are not there")?;
    Ok(Sample {
        requests: summary.completed,
        seconds: summary.seconds,
        requests_per_second: summary.throughput.value,
        p50_ms: summary.latency.p50.value,
        p99_ms: summary.latency.p99.value,
        server_cpu_us: server.cpu_us_per_request.context("the server used no CPU time")?,
        client_cpu_us: summary.generator.cpu_us_per_request,
        resident_mb: server.resident_bytes.unwrap_or_default() as f64 / 1e6,
    })
}

#[cfg(test)]
mod tests;
