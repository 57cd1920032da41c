//! From where the time went to what limits, and what to try next. Says only what the figures show.

mod advice;

use crate::{
    result::{LoadLevel, LoadMode, StageSummary, Summary},
    slice::Stage,
};

/// What is known about the server besides what was measured; what is not known is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerLimits {
    /// Most rows that the model's configuration lets into a batch.
    pub batch_rows_max: Option<u64>,
    /// Cores that the server may use; only of a server whose CPU time was read.
    pub cores: Option<usize>,
    /// The server runs on the machine of the generator.
    pub is_local: bool,
}

/// Fills in what limits ([`StageSummary::bottleneck`]) and the words ([`StageSummary::verdict`]), if
/// `summary` has stages.
pub fn explain(summary: &mut Summary, load: &LoadLevel, limits: &ServerLimits) {
    let circumstances = Circumstances::new(summary, load, limits);
    if let Some(stages) = &mut summary.stages {
        judge(stages, &circumstances);
    }
}

/// What a verdict depends on besides the stages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Circumstances {
    /// Requests in flight at a time, if that is what was held.
    callers: Option<f64>,
    /// Requests per second that were due and that were answered, if the server did not keep up.
    overload: Option<(f64, f64)>,
    batch_rows_mean: Option<f64>,
    batch_rows_max: Option<u64>,
    /// Share of the server's cores that it used, 0 to 1.
    cpu_share: Option<f64>,
    generator_warns: bool,
    is_local: bool,
}

impl Circumstances {
    fn new(summary: &Summary, load: &LoadLevel, limits: &ServerLimits) -> Self {
        let server = summary.server.as_ref();
        let cpu_us = server.and_then(|server| server.cpu_us_per_request);
        #[expect(clippy::cast_precision_loss, reason = "a count of cores")]
        let cores = limits.cores.map(|cores| cores as f64).filter(|cores| *cores > 0.0);
        let cpu_share = |(us, cores): (f64, f64)| us * summary.throughput.value / 1e6 / cores;
        Self {
            callers: (load.mode == LoadMode::Closed).then_some(load.value),
            overload: overload(summary, load),
            batch_rows_mean: server.and_then(|server| server.batch_rows_mean()),
            batch_rows_max: limits.batch_rows_max,
            cpu_share: cpu_us.zip(cores).map(cpu_share),
            generator_warns: !summary.generator.warnings.is_empty(),
            is_local: limits.is_local,
        }
    }
}

/// A server that answers less than this share of what is due does not keep up.
const KEEPS_UP: f64 = 0.95;

#[expect(clippy::cast_precision_loss, reason = "a count of requests")]
fn overload(summary: &Summary, load: &LoadLevel) -> Option<(f64, f64)> {
    let open = matches!(load.mode, LoadMode::Open | LoadMode::Replay | LoadMode::Ramp);
    let due = summary.offered as f64 / summary.seconds;
    let answered = summary.throughput.value;
    (open && answered < due * KEEPS_UP).then_some((due, answered))
}

/// What a request's time can go to, each with advice of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Waiting in the generator.
    Wait,
    /// Bytes into and out of sockets.
    Transfer,
    Network,
    /// JSON, or framing.
    Codec,
    Queue,
    /// Gathering and splitting of batches.
    Copy,
    Compute,
    /// Between the server's threads.
    HandOff,
}

impl Cause {
    const ALL: [Self; 8] = [
        Self::Wait,
        Self::Transfer,
        Self::Network,
        Self::Codec,
        Self::Queue,
        Self::Copy,
        Self::Compute,
        Self::HandOff,
    ];

    const fn of(stage: Stage) -> Self {
        match stage {
            Stage::ClientWait => Self::Wait,
            Stage::ClientSend | Stage::ClientReceive => Self::Transfer,
            Stage::Network => Self::Network,
            Stage::Decode | Stage::Encode => Self::Codec,
            Stage::Queue => Self::Queue,
            Stage::ComputeInput | Stage::ComputeOutput => Self::Copy,
            Stage::ComputeInfer => Self::Compute,
            Stage::ServerOther => Self::HandOff,
        }
    }
}

/// The least share of the time that a cause must have to limit ...
const DOMINANT_SHARE: f64 = 0.4;
/// ... and the least lead over the next one.
const DOMINANT_LEAD: f64 = 1.25;

/// Fills in bottleneck and verdict.
pub(crate) fn judge(stages: &mut StageSummary, circumstances: &Circumstances) {
    stages.bottleneck = None;
    stages.verdict = String::new();
    let shares = Shares::new(stages);
    let from_statistics = stages.source == "statistics";
    if from_statistics && !shares.tell_server() {
        advice::SILENT.clone_into(&mut stages.verdict);
        return;
    }
    let Some(first) = shares.ranked().first().copied() else { return };
    let second = shares.ranked().get(1).map_or(0.0, |(_, share)| *share);
    let dominates = first.1 >= DOMINANT_SHARE && first.1 >= second * DOMINANT_LEAD;
    let words = if dominates {
        stages.bottleneck = shares.largest_stage(first.0).map(|stage| stage.name().to_owned());
        advice::on(first.0, &advice::Facts { shares: &shares, circumstances, from_statistics })
    } else {
        advice::balanced(&shares)
    };
    stages.verdict = advice::introduced(&words, circumstances);
}

/// Shares of the mean latency, 0 to 1.
#[derive(Clone, Debug)]
struct Shares {
    stages: Vec<(Stage, f64)>,
}

impl Shares {
    fn new(summary: &StageSummary) -> Self {
        let named = |name: &str| Stage::ALL.into_iter().find(|stage| stage.name() == name);
        let known = |share: &crate::result::StageShare| Some((named(&share.stage)?, share.share));
        Self { stages: summary.stages.iter().filter_map(known).collect() }
    }

    fn of(&self, cause: Cause) -> f64 {
        let stages = self.stages.iter().filter(|(stage, _)| Cause::of(*stage) == cause);
        stages.map(|(_, share)| share).sum()
    }

    /// Whether the server gave any time at all.
    fn tell_server(&self) -> bool {
        let server = [Cause::Queue, Cause::Copy, Cause::Compute];
        server.iter().any(|cause| self.of(*cause) > 0.0)
    }

    /// Causes that took any time, the largest first.
    fn ranked(&self) -> Vec<(Cause, f64)> {
        let shares = Cause::ALL.map(|cause| (cause, self.of(cause)));
        let mut shares: Vec<_> = shares.into_iter().filter(|(_, share)| *share > 0.0).collect();
        shares.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        shares
    }

    fn largest_stage(&self, cause: Cause) -> Option<Stage> {
        let of_cause = self.stages.iter().filter(|(stage, _)| Cause::of(*stage) == cause);
        of_cause.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(stage, _)| *stage)
    }
}

#[cfg(test)]
mod tests;
