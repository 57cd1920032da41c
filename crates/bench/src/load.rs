//! Closed-loop load: each connection sends its next request when it has the answer to the last.

mod open;

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use tokio::task::{JoinSet, LocalSet};

use crate::{
    answer,
    clock::{nanos, now},
    connection::Connection,
    payload::{Payload, Wire},
    procfs,
    results::Sample,
};

pub(crate) use open::{OpenLoad, open_loop};

/// Longest that a connection may take for one answer.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(60);

/// How long and how hard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Connections, each with one request in flight.
    pub(crate) connections: usize,
    /// Unmeasured time before; prolonged until every connection has had an answer.
    pub(crate) warm_up: Duration,
    /// Measured time; prolonged for slow servers to `answers_min` answers, at most fivefold.
    pub(crate) window: Duration,
    /// See `window`.
    pub(crate) answers_min: u64,
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
    /// The request's bytes.
    pub(crate) wire: &'a Wire,
}

/// What all connections write to; one thread drives them all.
#[derive(Debug)]
struct Shared {
    stop: Cell<bool>,
    recording: Cell<bool>,
    completed: Cell<u64>,
    latencies: RefCell<Histogram<u64>>,
    /// Connections that have had an answer.
    answered: Cell<usize>,
}

impl Shared {
    fn new() -> Result<Self> {
        Ok(Self {
            stop: Cell::new(false),
            recording: Cell::new(false),
            completed: Cell::new(0),
            latencies: RefCell::new(histogram()?),
            answered: Cell::new(0),
        })
    }

    fn record(&self, latency: Duration) {
        if self.recording.get() {
            self.completed.set(self.completed.get() + 1);
            self.latencies.borrow_mut().saturating_record(nanos(latency));
        }
    }
}

/// An empty histogram of nanoseconds, exact to 0.1 %.
pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, nanos(ANSWER_WAIT_MAX), 3)?)
}

/// CPU times at one end of the measured window.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    server: Duration,
    client: Duration,
}

impl Mark {
    fn take(target: &Target<'_>) -> Result<Self> {
        let server = procfs::cpu_time(target.process)?;
        let client = procfs::own_cpu_time()?;
        Ok(Self { at: now(), server, client })
    }
}

/// Loads the target and returns what was measured. Every answer's status is checked, and on each
/// connection the last answer's tensor.
///
/// # Errors
///
/// A request failed or an answer was wrong: such a measurement says nothing.
pub(crate) fn closed_loop(target: &Target<'_>, load: &Load) -> Result<Sample> {
    run_local(async {
        let shared = Rc::new(Shared::new()?);
        let mut tasks = JoinSet::new();
        for _ in 0..load.connections {
            let connection = Connection::open(target.address, target.wire).await?;
            tasks.spawn_local(request_loop(connection, target.wire.clone(), Rc::clone(&shared)));
        }
        warm_up(&mut tasks, &shared, load).await?;
        let before = Mark::take(target)?;
        shared.recording.set(true);
        measured_window(&mut tasks, &shared, load, before.at).await?;
        let requests = shared.completed.get();
        shared.recording.set(false);
        let after = Mark::take(target)?;
        shared.stop.set(true);
        finish(tasks, target.payload).await?;
        sample(target, requests, &shared.latencies.borrow(), (before, after))
    })
}

/// Runs a future on this thread alone.
pub(crate) fn run_local<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, future)
}

async fn request_loop(
    mut connection: Connection,
    wire: Wire,
    shared: Rc<Shared>,
) -> Result<Connection> {
    let mut first = true;
    while !shared.stop.get() {
        let start = now();
        connection.call(&wire).await?;
        shared.record(now() - start);
        if first {
            shared.answered.set(shared.answered.get() + 1);
            first = false;
        }
    }
    Ok(connection)
}

type Tasks = JoinSet<Result<Connection>>;

async fn warm_up(tasks: &mut Tasks, shared: &Shared, load: &Load) -> Result<()> {
    let start = now();
    run_until(tasks, start + load.warm_up).await?;
    while shared.answered.get() < load.connections {
        ensure!(now() - start < ANSWER_WAIT_MAX, "no answer within {ANSWER_WAIT_MAX:?}");
        run_until(tasks, now() + Duration::from_millis(5)).await?;
    }
    Ok(())
}

async fn measured_window(
    tasks: &mut Tasks,
    shared: &Shared,
    load: &Load,
    start: Instant,
) -> Result<()> {
    for windows in 1..=5 {
        run_until(tasks, start + load.window * windows).await?;
        if shared.completed.get() >= load.answers_min {
            break;
        }
    }
    ensure!(shared.completed.get() > 0, "no answer within {:?}", load.window * 5);
    Ok(())
}

/// Lets the connections work until `end`; none of them ends before unless it failed.
async fn run_until(tasks: &mut Tasks, end: Instant) -> Result<()> {
    tokio::select! {
        () = tokio::time::sleep_until(end.into()) => Ok(()),
        ended = tasks.join_next() => {
            ended.context("there are no connections")??.context("a request failed")?;
            bail!("a connection ended before it was told to")
        }
    }
}

async fn finish(mut tasks: Tasks, payload: &Payload) -> Result<()> {
    let all = async {
        while let Some(ended) = tasks.join_next().await {
            let mut connection = ended??;
            answer::verify(payload, &connection.answer()).context("an answer was wrong")?;
        }
        Ok(())
    };
    tokio::time::timeout(ANSWER_WAIT_MAX, all).await.context("an answer never came")?
}

fn sample(
    target: &Target<'_>,
    requests: u64,
    latencies: &Histogram<u64>,
    (before, after): (Mark, Mark),
) -> Result<Sample> {
    let seconds = (after.at - before.at).as_secs_f64();
    let per_request = |cpu: Duration| cpu.as_secs_f64() * 1e6 / requests as f64;
    let millis = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e6;
    Ok(Sample {
        requests,
        seconds,
        requests_per_second: requests as f64 / seconds,
        p50_ms: millis(0.5),
        p99_ms: millis(0.99),
        server_cpu_us: per_request(after.server.saturating_sub(before.server)),
        client_cpu_us: per_request(after.client.saturating_sub(before.client)),
        resident_mb: procfs::resident_bytes(target.process)? as f64 / 1e6,
    })
}

#[cfg(test)]
mod tests;
