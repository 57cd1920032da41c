//! The thread that sends spans to a collector. Whatever happens there, requests do not wait for it.

use std::{sync::Arc, thread, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message as _;
use protocol::otlp::Resource;
use tokio::{
    runtime,
    sync::{mpsc, oneshot},
};
use tracing::{info, warn};

use super::{
    Counts, Epoch, SharedCounts, TraceOptions,
    collector::{Collector, SendError},
    otlp,
    stages::span_count,
};
use crate::{
    StartError,
    record::Record,
    shutdown::{Phase, Shutdown, ShutdownControl},
};

/// Requests that are sent together: about 500 spans.
const BATCH_MAX: usize = 56;

/// How long a span waits for others at most.
const BATCH_DELAY: Duration = Duration::from_secs(1);

/// How long a collector may take for one message.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Pauses before a message is sent again; after the last one it is dropped.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// How long what is on its way may take at the end.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What requests are handed to.
#[derive(Debug)]
pub(super) struct Exporter {
    /// Gone when the server ends, which ends the thread.
    queue: Mutex<Option<mpsc::Sender<Box<Record>>>>,
    counts: SharedCounts,
    control: ShutdownControl,
    stopped: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Exporter {
    /// Starts the thread, if there is a collector.
    ///
    /// # Errors
    ///
    /// The system refuses a thread or a runtime.
    pub(super) fn start(options: TraceOptions) -> Result<Option<Self>, StartError> {
        let Some(endpoint) = options.endpoint else { return Ok(None) };
        let failed = |source| StartError::Start { what: "the trace exporter", source };
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (sender, receiver) = mpsc::channel(options.queue_requests_max.max(1));
        let (control, shutdown) = ShutdownControl::new();
        let (ended, stopped) = oneshot::channel();
        let counts = SharedCounts::default();
        let worker = Worker {
            queue: receiver,
            shutdown,
            resource: otlp::resource(&options.service_name, &options.resource),
            outage: Outage { endpoint: endpoint.to_string(), dropped: None },
            collector: Collector::new(endpoint),
            counts: Arc::clone(&counts),
        };
        thread::Builder::new()
            .name("hone-traces".into())
            .spawn(move || {
                runtime.block_on(worker.run());
                // Nobody listens if the server was dropped.
                let _ = ended.send(());
            })
            .map_err(failed)?;
        let (queue, stopped) = (Mutex::new(Some(sender)), Mutex::new(Some(stopped)));
        Ok(Some(Self { queue, counts, control, stopped }))
    }

    /// Takes a request; drops it if too many wait.
    pub(super) fn submit(&self, record: Box<Record>) {
        let refused = match &*self.queue.lock() {
            Some(queue) => queue.try_send(record).err().map(mpsc::error::TrySendError::into_inner),
            None => Some(record),
        };
        if let Some(record) = refused {
            self.counts.add_dropped(span_count(&record));
        }
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Lets what waits be sent, and ends the thread.
    pub(super) async fn stop(&self) {
        self.queue.lock().take();
        self.control.enter(Phase::Closing);
        let stopped = self.stopped.lock().take();
        if let Some(stopped) = stopped
            && tokio::time::timeout(STOP_TIMEOUT, stopped).await.is_err()
        {
            warn!("the last traces could not be sent in time");
        }
    }
}

/// What the thread works with.
struct Worker {
    queue: mpsc::Receiver<Box<Record>>,
    shutdown: Shutdown,
    resource: Resource,
    collector: Collector,
    counts: SharedCounts,
    outage: Outage,
}

impl Worker {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while self.gather(&mut batch).await {
            self.export(&batch).await;
            batch.clear();
        }
    }

    /// Waits for requests, and a while for others to go with them; false at the end.
    async fn gather(&mut self, batch: &mut Vec<Record>) -> bool {
        let Some(first) = self.queue.recv().await else { return false };
        batch.push(*first);
        let others = async {
            // Nothing comes any more when the server ends; then this is over at once.
            while batch.len() < BATCH_MAX
                && let Some(record) = self.queue.recv().await
            {
                batch.push(*record);
            }
        };
        let _ = tokio::time::timeout(BATCH_DELAY, others).await;
        true
    }

    async fn export(&mut self, batch: &[Record]) {
        let spans: usize = batch.iter().map(span_count).sum();
        let message = otlp::request(&self.resource, batch, Epoch::now()).encode_to_vec();
        match self.deliver(message.into()).await {
            Ok(rejected) => {
                let rejected = usize::try_from(rejected).unwrap_or(spans).min(spans);
                self.counts.add_done(spans - rejected);
                self.counts.add_dropped(rejected);
                self.outage.is_over();
            }
            Err(error) => {
                self.counts.add_dropped(spans);
                self.outage.lasts(&error, spans);
            }
        }
    }

    /// Sends a message, again and again if the collector is not there.
    async fn deliver(&mut self, message: Bytes) -> Result<u64, SendError> {
        let mut pauses = PAUSES.iter();
        loop {
            let sent = self.collector.send(message.clone());
            let sent = tokio::time::timeout(SEND_TIMEOUT, sent).await;
            let error = match sent {
                Ok(Err(error @ SendError::NotNow(_))) => error,
                Ok(outcome) => return outcome,
                Err(_) => SendError::NotNow(format!("no answer within {SEND_TIMEOUT:?}")),
            };
            let Some(pause) = pauses.next().filter(|_| !self.is_closing()) else {
                return Err(error);
            };
            self.outage.lasts(&error, 0);
            let closing = self.shutdown.reached(Phase::Closing);
            let _ = tokio::time::timeout(*pause, closing).await;
        }
    }

    fn is_closing(&self) -> bool {
        self.shutdown.has_reached(Phase::Closing)
    }
}

/// A time in which the collector takes nothing: said when it begins and when it ends.
struct Outage {
    endpoint: String,
    /// Spans lost in it; `None` while all is well.
    dropped: Option<usize>,
}

impl Outage {
    fn lasts(&mut self, error: &SendError, spans: usize) {
        let dropped = match self.dropped {
            Some(dropped) => dropped,
            None => {
                warn!(
                    endpoint = self.endpoint, %error,
                    "the collector does not take traces; serving goes on, and this is not said again"
                );
                0
            }
        };
        self.dropped = Some(dropped + spans);
    }

    fn is_over(&mut self) {
        if let Some(spans_dropped) = self.dropped.take() {
            info!(endpoint = self.endpoint, spans_dropped, "the collector takes traces again");
        }
    }
}
