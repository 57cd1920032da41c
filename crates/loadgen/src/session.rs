//! One server and model under one load level after another, with the server's own readings around each.

use std::time::{Duration, Instant};

use crate::{
    GeneratorReading, LevelResult, MeasureError, Measurement, ModelStatistics, Observer, Plan,
    ProcessTree, Progress, Recording, ServerLimits, ServerSummary, StageSummary, Summary, Target,
    TargetResult, Workload, clock::now, explain, measure, summary::stages,
};

/// What is measured.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Name in tables.
    pub label: String,
    /// The server.
    pub target: Target,
    /// Model name, for its statistics.
    pub model: String,
    /// What is sent.
    pub workload: Workload,
    /// Rows of each request; 0 if that is not known.
    pub rows_per_request: u64,
    /// The server's processes, if they run here and may be looked at.
    pub process: Option<ProcessTree>,
    /// What is known of the server's limits, for the verdict.
    pub limits: ServerLimits,
}

/// The server's counters at one time.
#[derive(Clone, Debug)]
struct Reading {
    at: Instant,
    cpu: Option<Duration>,
    statistics: Option<ModelStatistics>,
}

/// Reads the counters at both ends of the measured time and passes everything on.
struct Readings<'a> {
    subject: &'a Subject,
    before: Option<Reading>,
    after: Option<Reading>,
    inner: &'a mut dyn Observer,
}

impl Observer for Readings<'_> {
    fn measuring(&mut self) {
        self.before = Some(self.subject.read());
        self.inner.measuring();
    }

    fn measured(&mut self) {
        self.after = Some(self.subject.read());
        self.inner.measured();
    }

    fn progress(&mut self, progress: &Progress<'_>) -> bool {
        self.inner.progress(progress)
    }
}

impl Subject {
    /// A result without levels.
    #[must_use]
    pub fn result(&self) -> TargetResult {
        TargetResult {
            label: self.label.clone(),
            url: self.target.url.clone(),
            protocol: self.workload.protocol.name().to_owned(),
            model: self.model.clone(),
            rows_per_request: self.rows_per_request,
            ..TargetResult::default()
        }
    }

    /// Measures one load level.
    ///
    /// # Errors
    ///
    /// As [`measure`].
    pub fn measure(
        &self,
        plan: &Plan,
        round: usize,
        observer: &mut dyn Observer,
    ) -> Result<LevelResult, MeasureError> {
        let mut readings = Readings { subject: self, before: None, after: None, inner: observer };
        let recording = measure(&self.workload, plan, &mut readings)?;
        let (before, after) = (readings.before, readings.after);
        let load = plan.load.level();
        let mut summary = summary(&recording, plan, (before.as_ref(), after.as_ref()));
        if let (Some(process), Some(server)) = (self.process, &mut summary.server) {
            server.resident_bytes = Some(process.resident_bytes()).filter(|bytes| *bytes > 0);
        }
        explain(&mut summary, &load, &self.limits);
        Ok(LevelResult { load, round, summary })
    }

    fn read(&self) -> Reading {
        let statistics = match self.workload.protocol.is_openai() {
            true => None,
            false => self.target.statistics(&self.model),
        };
        let cpu = self.process.map(ProcessTree::cpu_time);
        Reading { at: now(), cpu, statistics }
    }
}

fn summary(
    recording: &Recording,
    plan: &Plan,
    (before, after): (Option<&Reading>, Option<&Reading>),
) -> Summary {
    let between = before.zip(after);
    let statistics = between.and_then(|(before, after)| {
        Some(after.statistics.as_ref()?.since(before.statistics.as_ref()?))
    });
    let mut summary = Summary::of(Measurement {
        mode: plan.load.level().mode,
        slices: &recording.slices,
        objective: plan.objective.as_ref(),
        stability: recording.stability.clone(),
        generator: GeneratorReading {
            threads: recording.threads,
            busiest_cpu: recording.busiest_cpu,
        },
        server: None,
        stages: None,
    });
    let cpu_rate = between.and_then(|(before, after)| cpu_rate(before, after));
    summary.server = server(&summary, cpu_rate, statistics.as_ref());
    if summary.stages.is_none() {
        summary.stages = statistics.and_then(|statistics| told(&statistics, summary.latency.mean));
    }
    summary.generator.warnings.extend(recording.stall.clone());
    let examples = recording.failure_examples.iter();
    summary.failure_examples =
        examples.map(|(kind, message)| (kind.name().to_owned(), message.clone())).collect();
    summary
}

/// CPU seconds per second. The readings are not taken at the very ends of the measured time, but a rate
/// is the same a moment earlier or later.
fn cpu_rate(before: &Reading, after: &Reading) -> Option<f64> {
    let spent = after.cpu?.saturating_sub(before.cpu?);
    let passed = (after.at - before.at).as_secs_f64();
    (passed > 0.0 && !spent.is_zero()).then(|| spent.as_secs_f64() / passed)
}

fn server(
    summary: &Summary,
    cpu_rate: Option<f64>,
    statistics: Option<&ModelStatistics>,
) -> Option<ServerSummary> {
    let rate = summary.throughput.value;
    let cpu_us_per_request = cpu_rate.filter(|_| rate > 0.0).map(|cpu_rate| cpu_rate / rate * 1e6);
    let batches = statistics.map(ModelStatistics::batch_counts).unwrap_or_default();
    let is_known = cpu_us_per_request.is_some() || !batches.is_empty();
    is_known.then(|| ServerSummary { cpu_us_per_request, batches, ..ServerSummary::default() })
}

/// What the server's statistics tell of the stages.
fn told(statistics: &ModelStatistics, latency_ms: f64) -> Option<StageSummary> {
    let latency = Duration::try_from_secs_f64(latency_ms / 1e3).ok()?;
    stages::of_sums(&statistics.stages(latency), "statistics")
}
