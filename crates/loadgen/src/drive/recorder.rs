use std::time::{Duration, Instant};

use crate::{
    FailureKind, Sampling, Stage, StageSample,
    answer::ServerTiming,
    client::{CallError, Called, Generation, Stamps},
    clock::{nanos, now, thread_cpu_time},
    drive::Plan,
};

/// Requests that were asked for their timing without an answer to that, after which none is asked.
const UNEXPLAINED_MAX: u32 = 20;

/// Failures whose words a batch keeps.
const EXAMPLES_MAX: usize = 8;

/// Nanoseconds from the load's start. One request that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// When its answer was whole, or it failed.
    pub(super) end: u64,
    /// When it was due (open loop) or sent.
    pub(super) due: u64,
    /// From being sent to its end.
    pub(super) service: u64,
    /// By which the generator was late; open loop only.
    pub(super) lateness: Option<u64>,
    /// How it failed, if it did.
    pub(super) failure: Option<FailureKind>,
    /// It met the objective's limits.
    pub(super) is_good: bool,
}

/// Times and tokens of a generation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GenerationSample {
    /// As [`Sample::end`].
    pub(super) end: u64,
    /// As [`Sample::due`].
    pub(super) due: u64,
    pub(super) first_token: Duration,
    pub(super) per_token: Option<Duration>,
    pub(super) between: Vec<Duration>,
    pub(super) prompt_tokens: u64,
    pub(super) output_tokens: u64,
}

/// What a thread has recorded since it last handed over.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) samples: Vec<Sample>,
    /// When requests were due or sent, ended or not.
    pub(super) offered: Vec<u64>,
    pub(super) generations: Vec<GenerationSample>,
    /// With the time of the request's end.
    pub(super) stages: Vec<(u64, u64, StageSample)>,
    pub(super) examples: Vec<(FailureKind, String)>,
    /// CPU time of the thread since its start.
    pub(super) cpu: Duration,
}

/// When a request is to be sent, and who turned to it when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub(super) at: Instant,
    /// Set if it then waited for a free connection.
    pub(super) noticed: Option<Instant>,
}

/// Records what one thread sends.
#[derive(Debug)]
pub(super) struct Recorder {
    start: Instant,
    records: Records,
    explain: Sampler,
    verify: Sampler,
    unexplained: u32,
}

#[derive(Debug)]
struct Sampler {
    sampling: Sampling,
    next: Instant,
}

impl Sampler {
    fn takes(&mut self, at: Instant) -> bool {
        match self.sampling {
            Sampling::Never => false,
            Sampling::Always => true,
            Sampling::Every(period) => {
                let takes = at >= self.next;
                if takes {
                    self.next = at + period;
                }
                takes
            }
        }
    }
}

impl Recorder {
    pub(super) fn new(plan: &Plan, start: Instant) -> Self {
        let sampler = |sampling| Sampler { sampling, next: start };
        Self {
            start,
            records: Records::default(),
            explain: sampler(plan.explain),
            verify: sampler(plan.verify),
            unexplained: 0,
        }
    }

    /// Whether the next request is asked where its time went.
    pub(super) fn explains(&mut self, at: Instant) -> bool {
        self.unexplained < UNEXPLAINED_MAX && self.explain.takes(at)
    }

    /// Whether the answer that came now is compared with what is expected.
    pub(super) fn verifies(&mut self, at: Instant) -> bool {
        self.verify.takes(at)
    }

    /// A request is due or sent.
    pub(super) fn offer(&mut self, at: Instant) {
        let at = self.nanos(at);
        self.records.offered.push(at);
    }

    /// A request was answered rightly.
    pub(super) fn answered(
        &mut self,
        due: Option<Due>,
        called: &Called,
        end: Instant,
        plan: &Plan,
    ) {
        let from = due.map_or(called.stamps.sent, |due| due.at);
        let generation =
            called.generation.as_ref().filter(|generation| !generation.pieces.is_empty());
        let generation = generation.map(|generation| self.generation(generation, from, end));
        let is_good = plan.objective.as_ref().is_none_or(|objective| {
            let first = generation.as_ref().map(|generation| generation.first_token);
            let per = generation.as_ref().and_then(|generation| generation.per_token);
            objective.is_met_by(end.saturating_duration_since(from), first, per)
        });
        self.records.generations.extend(generation);
        let sent = called.stamps.sent;
        self.push(due, sent, end, (None, is_good));
    }

    /// A request failed.
    pub(super) fn failed(
        &mut self,
        due: Option<Due>,
        sent: Instant,
        end: Instant,
        error: CallError,
    ) {
        self.push(due, sent, end, (Some(error.kind), false));
        let examples = &mut self.records.examples;
        if examples.len() < EXAMPLES_MAX && examples.iter().all(|(kind, _)| *kind != error.kind) {
            examples.push((error.kind, error.message));
        }
    }

    /// Notes the stages of a request that was asked for them.
    pub(super) fn explained(&mut self, due: Option<Due>, called: &Called, end: Instant) {
        let Some(timing) = &called.timing else {
            self.unexplained += 1;
            return;
        };
        self.unexplained = 0;
        let from = due.map_or(called.stamps.sent, |due| due.at);
        let sample = stages(from, &called.stamps, end, timing);
        let (from, end) = (self.nanos(from), self.nanos(end));
        self.records.stages.push((from, end, sample));
    }

    /// Hands over what was recorded.
    pub(super) fn take(&mut self) -> Records {
        let samples = Vec::with_capacity(self.records.samples.len());
        let fresh = Records { samples, ..Records::default() };
        let records = std::mem::replace(&mut self.records, fresh);
        Records { cpu: thread_cpu_time(), ..records }
    }

    fn nanos(&self, at: Instant) -> u64 {
        nanos(at.saturating_duration_since(self.start))
    }

    fn push(
        &mut self,
        due: Option<Due>,
        sent: Instant,
        end: Instant,
        (failure, is_good): (Option<FailureKind>, bool),
    ) {
        let lateness = due.map(|due| {
            let turned_to = due.noticed.unwrap_or(sent);
            nanos(turned_to.saturating_duration_since(due.at))
        });
        let sample = Sample {
            end: self.nanos(end),
            due: self.nanos(due.map_or(sent, |due| due.at)),
            service: nanos(end.saturating_duration_since(sent)),
            lateness,
            failure,
            is_good,
        };
        self.records.samples.push(sample);
    }

    fn generation(&self, generation: &Generation, from: Instant, end: Instant) -> GenerationSample {
        let pieces = &generation.pieces;
        let (first, last) = (pieces[0], pieces[pieces.len() - 1]);
        let output_tokens = generation.output_tokens.unwrap_or(pieces.len() as u64);
        let after_first = u32::try_from(output_tokens.saturating_sub(1)).unwrap_or(u32::MAX);
        GenerationSample {
            end: self.nanos(end),
            due: self.nanos(from),
            first_token: first.saturating_duration_since(from),
            per_token: (after_first > 0).then(|| (last - first) / after_first),
            between: pieces.windows(2).map(|pair| pair[1] - pair[0]).collect(),
            prompt_tokens: generation.prompt_tokens.unwrap_or_default(),
            output_tokens,
        }
    }
}

/// Lays the client's stamps and the server's over each other. The stages sum to the latency; where the
/// clocks overlap (a server may start before the client has finished writing) the client's part is cut.
fn stages(from: Instant, stamps: &Stamps, end: Instant, timing: &ServerTiming) -> StageSample {
    let mut sample = StageSample { batch_rows: timing.batch_rows, ..StageSample::default() };
    let mut add = |stage: Stage, duration: Duration| {
        sample.stages[stage as usize] += duration;
    };
    add(Stage::ClientWait, stamps.sent.saturating_duration_since(from));
    let until_answer = stamps.first_byte - stamps.sent;
    // A server whose own total is longer than the client's waiting stamped before its answer was sent.
    let outside = until_answer.saturating_sub(timing.total);
    let sending = outside.min(stamps.written - stamps.sent);
    add(Stage::ClientSend, sending);
    add(Stage::Network, outside - sending);
    let mut inside = until_answer - outside;
    for (stage, duration) in timing.stages().chain([(Stage::ServerOther, timing.other())]) {
        let duration = duration.min(inside);
        inside -= duration;
        add(stage, duration);
    }
    add(Stage::ClientReceive, end.saturating_duration_since(stamps.first_byte));
    sample
}

/// For tests and for waiting.
pub(super) fn since(start: Instant) -> Duration {
    now().saturating_duration_since(start)
}

#[cfg(test)]
mod tests;
