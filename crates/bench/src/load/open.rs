use std::{
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
};

use super::{Mark, Shared, Target, Tasks, finish, run_local, sample};
use crate::{
    clock::{now, pause_until},
    connection::Connection,
    payload::{Random, Wire},
    results::Sample,
};

/// Requests that may wait for a free connection.
const BACKLOG_MAX: usize = 1 << 16;

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

type DueTimes = Rc<Mutex<mpsc::Receiver<Instant>>>;

/// Loads the target; latencies count from when a request was due, not from when it was sent.
///
/// # Errors
///
/// A request failed, an answer was wrong, or the server fell so far behind that the backlog is full.
pub(crate) fn open_loop(target: &Target<'_>, load: &OpenLoad) -> Result<Sample> {
    let (sender, receiver) = mpsc::channel(BACKLOG_MAX);
    let load = *load;
    let start = now() + Duration::from_millis(100);
    let pacer = std::thread::spawn(move || pace(&sender, &load, start));
    let measured = run_local(drive(target, &load, start, receiver));
    let in_time = pacer.join().expect("the pacer does not panic");
    let measured = measured?;
    ensure!(in_time, "more than {BACKLOG_MAX} requests waited for a connection");
    Ok(measured)
}

/// Sends due times when they are due; false if the backlog was full or the client gave up.
fn pace(sender: &mpsc::Sender<Instant>, load: &OpenLoad, start: Instant) -> bool {
    let mut random = Random(load.seed);
    let end = start + load.warm_up + load.window;
    let mut due = start;
    loop {
        due += Duration::from_secs_f64(random.exponential_seconds(load.rate));
        if due > end {
            return true;
        }
        pause_until(due);
        if sender.try_send(due).is_err() {
            return false;
        }
    }
}

async fn drive(
    target: &Target<'_>,
    load: &OpenLoad,
    start: Instant,
    receiver: mpsc::Receiver<Instant>,
) -> Result<Sample> {
    let shared = Rc::new(Shared::new()?);
    let due_times = Rc::new(Mutex::new(receiver));
    let from = start + load.warm_up;
    let mut tasks: Tasks = JoinSet::new();
    for _ in 0..load.connections {
        let connection = connect(target.address, target.wire).await?;
        let (due_times, shared) = (Rc::clone(&due_times), Rc::clone(&shared));
        tasks.spawn_local(serve_due(connection, target.wire.clone(), due_times, shared, from));
    }
    tokio::time::sleep_until(from.into()).await;
    let before = Mark::take(target)?;
    shared.recording.set(true);
    // Ends when the pacer does: the requests that are due by then are answered and count.
    finish(tasks, target.payload).await.context("open loop")?;
    let after = Mark::take(target)?;
    let latencies = shared.latencies.borrow();
    sample(target, shared.completed.get(), &latencies, (before, after))
}

/// Connects and has one answer, so that every connection has one to be checked.
async fn connect(address: SocketAddr, wire: &Wire) -> Result<Connection> {
    let mut connection = Connection::open(address, wire).await?;
    connection.call(wire).await?;
    Ok(connection)
}

async fn serve_due(
    mut connection: Connection,
    wire: Wire,
    due_times: DueTimes,
    shared: Rc<Shared>,
    from: Instant,
) -> Result<Connection> {
    loop {
        let next = due_times.lock().await.recv().await;
        let Some(due) = next else { return Ok(connection) };
        connection.call(&wire).await?;
        if due >= from {
            shared.record(now() - due);
        }
    }
}
