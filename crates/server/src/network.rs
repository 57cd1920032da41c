//! The threads that drive connections: each has a runtime of its own, and a connection stays where it
//! was put. A request is read, run if that is short, and answered without waking another thread.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serving::{Clock, Timestamp};
use tokio::{
    runtime::{self, Handle, Runtime},
    sync::oneshot,
    time::MissedTickBehavior,
};

use crate::StartError;

/// How often a thread says that it is alive.
const HEARTBEAT: Duration = Duration::from_millis(100);

/// A thread that has said nothing for so long gets no more connections.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// Threads for connections. They end when this is dropped, and with them what they still carry.
#[derive(Debug)]
pub(crate) struct NetworkThreads {
    threads: Vec<NetworkThread>,
    /// Whose turn it is.
    next: AtomicUsize,
}

#[derive(Debug)]
struct NetworkThread {
    handle: Handle,
    /// When the thread last had time, as a [`Timestamp`].
    alive_at: Arc<AtomicU64>,
    /// Ends the thread when it is dropped.
    _stop: oneshot::Sender<()>,
}

impl NetworkThreads {
    /// Starts `count` threads.
    ///
    /// # Errors
    ///
    /// The system refuses a thread or a runtime.
    pub(crate) fn start(count: NonZeroUsize) -> Result<Self, StartError> {
        let threads = (0..count.get()).map(|_| NetworkThread::start());
        let threads = threads.collect::<Result<_, _>>()?;
        Ok(Self { threads, next: AtomicUsize::new(0) })
    }

    /// The thread for the next connection: in turn, but for those that hang. `None` if all do; the
    /// caller's own thread is then the one to take it.
    pub(crate) fn next(&self) -> Option<&Handle> {
        let now = Clock::now();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let turn = (0..self.threads.len()).map(|step| (first + step) % self.threads.len());
        turn.map(|index| &self.threads[index])
            .find(|thread| thread.is_alive(now))
            .map(|thread| &thread.handle)
    }
}

impl NetworkThread {
    fn start() -> Result<Self, StartError> {
        let failed = |source| StartError::Start { what: "a network thread", source };
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let alive_at = Arc::new(AtomicU64::new(Clock::now().0));
        let (stop, stopped) = oneshot::channel();
        let heart = Arc::clone(&alive_at);
        thread::Builder::new()
            .name("hone-net".into())
            .spawn(move || live(runtime, &heart, stopped))
            .map_err(failed)?;
        Ok(Self { handle, alive_at, _stop: stop })
    }

    fn is_alive(&self, now: Timestamp) -> bool {
        now.since(Timestamp(self.alive_at.load(Ordering::Relaxed))) < SILENCE_MAX
    }
}

/// The life of a thread: drives its connections and says that it is alive.
fn live(runtime: Runtime, alive_at: &AtomicU64, mut stopped: oneshot::Receiver<()>) {
    runtime.block_on(async {
        let mut beat = tokio::time::interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut stopped => return,
                _ = beat.tick() => alive_at.store(Clock::now().0, Ordering::Relaxed),
            }
        }
    });
    runtime.shutdown_background();
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroUsize, sync::mpsc, thread::current};

    use super::{NetworkThreads, SILENCE_MAX};

    #[tokio::test]
    async fn connections_take_turns_and_a_hung_thread_gets_none() {
        let network = NetworkThreads::start(NonZeroUsize::new(2).unwrap()).unwrap();
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(network.next().unwrap().spawn(async { current().id() }).await.unwrap());
        }
        assert!(seen[0] == seen[2] && seen[1] == seen[3] && seen[0] != seen[1]);
        let (release, held) = mpsc::channel::<()>();
        network.next().unwrap().spawn(async move { held.recv() });
        tokio::time::timeout(SILENCE_MAX * 2, std::future::pending::<()>()).await.unwrap_err();
        for _ in 0..3 {
            let alive = network.next().unwrap().spawn(async { current().id() }).await.unwrap();
            assert_eq!(alive, seen[1]);
        }
        drop(release);
    }
}
