//! Traces: which requests are traced, what is recorded of them, and where that goes.
//!
//! A request is chosen when its model's name is known ([`Tracer::sample`]), passes its stations, which
//! the core notes anyway, and is handed over when it is over ([`Tracer::submit`]): to a queue with a
//! maximum, behind which a thread turns it into spans for a collector or into a file. A server that
//! does not trace looks at one flag per request.

mod collector;
mod context;
mod endpoint;
mod exporter;
mod file;
mod options;
mod otlp;
mod sampler;
#[cfg(test)]
mod samples;
mod settings;
mod stages;
mod table;
mod tensors;
mod writer;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use parking_lot::RwLock;
use serving::{Clock, Repository, ServeError, Timestamp};

use self::{
    context::SpanId,
    exporter::Exporter,
    settings::{Settings, Sinks},
    table::Table,
    writer::FileWriter,
};
use crate::{StartError, record::Record};

pub(crate) use context::{Parent, TraceId};
pub use endpoint::{TraceEndpoint, TraceProtocol};
pub use options::TraceOptions;
pub(crate) use settings::Change;
pub use settings::{TraceLevel, TraceMode};
pub(crate) use tensors::TracedTensor;

/// Chooses requests and takes what was recorded of them.
#[derive(Debug)]
pub(crate) struct Tracer {
    /// Whether any request may be chosen: all that a request looks at if not.
    is_on: AtomicBool,
    table: RwLock<Table>,
    /// Number of the last trace.
    last_id: AtomicU64,
    /// Where files are written; empty if nowhere.
    file_name: String,
    exporter: Option<Exporter>,
    writer: Option<FileWriter>,
}

/// That a request is traced, and how.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Its number, in files.
    id: u64,
    settings: Settings,
    /// Its place in a trace over many processes; `None` for files.
    span: Option<SpanContext>,
}

/// A request's place in a trace.
#[derive(Debug)]
struct SpanContext {
    trace_id: TraceId,
    span_id: SpanId,
    parent: Option<Parent>,
}

/// What became of traces since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceCounts {
    /// Spans that a collector took.
    pub(crate) spans_exported: u64,
    /// Spans that did not get there: the queue was full, or the collector did not take them.
    pub(crate) spans_dropped: u64,
    /// Traces in files.
    pub(crate) traces_written: u64,
    /// Traces that did not get there: the queue, the disk or the quota was full.
    pub(crate) traces_dropped: u64,
}

impl Sample {
    pub(crate) fn trace_id(&self) -> Option<TraceId> {
        self.span.as_ref().map(|span| span.trace_id)
    }

    pub(crate) fn wants_tensors(&self) -> bool {
        self.settings.level.tensors
    }
}

impl Tracer {
    /// Starts the threads that traces go to.
    ///
    /// # Errors
    ///
    /// The system refuses a thread, or the level asks for what cannot be had.
    pub(crate) fn start(options: TraceOptions) -> Result<Self, StartError> {
        let sinks =
            Sinks { has_file: options.file.is_some(), has_collector: options.endpoint.is_some() };
        let defaults = options.settings();
        let table = Table::new(defaults, sinks).map_err(StartError::Trace)?;
        let file_name = options
            .file
            .as_ref()
            .map_or_else(String::new, |file| file.to_string_lossy().into_owned());
        let writer =
            options.file.clone().map(|file| FileWriter::start(file, options.queue_requests_max));
        Ok(Self {
            is_on: AtomicBool::new(table.is_on()),
            table: RwLock::new(table),
            last_id: AtomicU64::new(0),
            file_name,
            exporter: Exporter::start(options)?,
            writer: writer.transpose()?,
        })
    }

    /// Whether any request may be chosen.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// Decides whether a request for `model` is traced. A caller that records a trace has its part of
    /// it recorded, one that does not has not; where nobody said, the rate decides.
    pub(crate) fn sample(&self, model: &str, parent: Option<Parent>) -> Option<Sample> {
        if !self.is_on() {
            return None;
        }
        let sampler = self.table.read().sampler(model);
        let settings = sampler.settings;
        let parent = parent.filter(|_| settings.mode == TraceMode::OpenTelemetry);
        let is_sampled = parent.as_ref().map(|parent| parent.is_sampled);
        if is_sampled == Some(false) || !sampler.takes(is_sampled == Some(true)) {
            return None;
        }
        if sampler.left() == 0 {
            self.is_on.store(self.table.read().is_on(), Relaxed);
        }
        let id = self.last_id.fetch_add(1, Relaxed) + 1;
        let span = (settings.mode == TraceMode::OpenTelemetry).then(|| SpanContext {
            trace_id: parent.as_ref().map_or_else(TraceId::random, |parent| parent.trace_id),
            span_id: SpanId::random(),
            parent,
        });
        Some(Sample { id, settings, span })
    }

    /// Takes a request that is over; never waits.
    pub(crate) fn submit(&self, record: Box<Record>) {
        let mode = record.sample.as_ref().map(|sample| sample.settings.mode);
        match (mode, &self.exporter, &self.writer) {
            (Some(TraceMode::OpenTelemetry), Some(exporter), _) => exporter.submit(record),
            (Some(TraceMode::Triton), _, Some(writer)) => writer.submit(record),
            // Settings that lead nowhere are refused.
            _ => {}
        }
    }

    /// Refuses a model that there is not; an empty name is all of them.
    ///
    /// # Errors
    ///
    /// There is no such model.
    pub(crate) fn check_model(
        &self,
        repository: &Repository,
        model: &str,
    ) -> Result<(), ServeError> {
        if model.is_empty() || repository.model(model, "").is_ok() {
            return Ok(());
        }
        Err(ServeError::invalid(format!("Request for unknown model : {model}")))
    }

    /// Name and values of the settings in force for a model; for all others if it is empty.
    pub(crate) fn settings(&self, model: &str) -> Vec<(&'static str, Vec<String>)> {
        let sampler = self.table.read().sampler(model);
        let settings = Settings { count: sampler.left(), ..sampler.settings };
        settings.entries(&self.file_name)
    }

    /// Changes settings of a model, or of all that have none of their own: all of `changes`, or
    /// nothing.
    ///
    /// # Errors
    ///
    /// A setting is unknown, fixed or has a value that it cannot have.
    pub(crate) fn change(&self, model: &str, changes: &[Change]) -> Result<(), ServeError> {
        let mut table = self.table.write();
        table.change(model, changes)?;
        self.is_on.store(table.is_on(), Relaxed);
        Ok(())
    }

    pub(crate) fn counts(&self) -> TraceCounts {
        let (spans_exported, spans_dropped) =
            self.exporter.as_ref().map_or((0, 0), |exporter| exporter.counts().get());
        let (traces_written, traces_dropped) =
            self.writer.as_ref().map_or((0, 0), |writer| writer.counts().get());
        TraceCounts { spans_exported, spans_dropped, traces_written, traces_dropped }
    }

    /// Sends and writes what is still on its way, for a few seconds at most.
    pub(crate) async fn stop(&self) {
        self.is_on.store(false, Relaxed);
        if let Some(writer) = &self.writer {
            writer.stop().await;
        }
        if let Some(exporter) = &self.exporter {
            exporter.stop().await;
        }
    }
}

/// How many got there, and how many did not.
#[derive(Debug, Default)]
struct Counts {
    done: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    fn add_done(&self, count: usize) {
        self.done.fetch_add(count as u64, Relaxed);
    }

    fn add_dropped(&self, count: usize) {
        self.dropped.fetch_add(count as u64, Relaxed);
    }

    fn get(&self) -> (u64, u64) {
        (self.done.load(Relaxed), self.dropped.load(Relaxed))
    }
}

/// The time of day at the beginning of the process's monotonic clock, in nanoseconds since the epoch.
#[derive(Clone, Copy, Debug)]
struct Epoch(u64);

impl Epoch {
    /// As the system's clock is set now.
    fn now() -> Self {
        let origin = Clock::time_of_day(Timestamp::default());
        let since = origin.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Nanoseconds since 1970.
    fn unix_nanos(self, timestamp: Timestamp) -> u64 {
        self.0.saturating_add(timestamp.0)
    }
}

/// Shared by whoever hands over and the thread that takes.
type SharedCounts = Arc<Counts>;
