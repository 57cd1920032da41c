use std::{collections::BTreeMap, time::Duration};

use crate::Distribution;

/// What was recorded in one slice of time. Slices of a measurement are equally long, except the last.
///
/// A request belongs to the slice in which it ended, whatever became of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slice {
    /// From the start of the measurement.
    pub start: Duration,
    /// Length.
    pub length: Duration,
    /// Requests that were due (open loop) or sent (closed loop) in this slice.
    pub offered: u64,
    /// Requests that were answered rightly. In a measured open loop only those that were due in the
    /// measured time, and the last slice has those among them that ended later: each request that was
    /// due counts, however late.
    pub completed: u64,
    /// Requests that were answered rightly in this very slice, whenever they were due: what throughput
    /// is made of.
    pub answered: u64,
    /// Those among them that met the per-request limits of the objective; `completed` if there is none.
    pub good: u64,
    /// Requests that failed, by how.
    pub failures: BTreeMap<FailureKind, u64>,
    /// Nanoseconds from when a request was due (open loop) or sent (closed loop) to the end of its
    /// answer. Only of requests answered rightly.
    pub latency: Distribution,
    /// Nanoseconds from when a request was really sent. Differs from `latency` in an open loop only:
    /// what a generator with coordinated omission would report.
    pub service: Distribution,
    /// Nanoseconds by which the generator itself was late: from when a request was due to when the
    /// generator turned to it. Waiting for a free connection is not in it. Open loop only.
    pub lateness: Distribution,
    /// Of generations.
    pub generation: Option<GenerationSlice>,
    /// Where sampled requests spent their time.
    pub stages: StageSums,
    /// Longest time within the slice in which no request ended.
    pub longest_silence: Duration,
    /// CPU time of the generator's threads in this slice.
    pub generator_cpu: Duration,
}

impl Slice {
    /// Adds the slice that follows.
    pub(crate) fn merge(&mut self, next: &Self) {
        self.length += next.length;
        self.offered += next.offered;
        self.completed += next.completed;
        self.answered += next.answered;
        self.good += next.good;
        for (kind, count) in &next.failures {
            *self.failures.entry(*kind).or_default() += count;
        }
        self.latency.merge(&next.latency);
        self.service.merge(&next.service);
        self.lateness.merge(&next.lateness);
        if let Some(generation) = &next.generation {
            self.generation.get_or_insert_default().merge(generation);
        }
        self.stages.merge(&next.stages);
        self.longest_silence = self.longest_silence.max(next.longest_silence);
        self.generator_cpu += next.generator_cpu;
    }
}

impl GenerationSlice {
    fn merge(&mut self, next: &Self) {
        self.time_to_first_token.merge(&next.time_to_first_token);
        self.time_per_output_token.merge(&next.time_per_output_token);
        self.inter_token_latency.merge(&next.inter_token_latency);
        self.prompt_tokens += next.prompt_tokens;
        self.output_tokens += next.output_tokens;
    }
}

/// Token times and counts of the generations that ended in a slice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerationSlice {
    /// Nanoseconds to the first token, from when the request was due or sent.
    pub time_to_first_token: Distribution,
    /// Per request: nanoseconds per output token after the first, averaged over the request.
    pub time_per_output_token: Distribution,
    /// Nanoseconds between successive tokens (chunks) of all requests.
    pub inter_token_latency: Distribution,
    /// Tokens of the prompts.
    pub prompt_tokens: u64,
    /// Tokens generated.
    pub output_tokens: u64,
}

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureKind {
    /// No connection could be made.
    Connect,
    /// The connection broke, or what came over it was no answer.
    Transport,
    /// No answer in time.
    Timeout,
    /// HTTP 429 or 503, gRPC `RESOURCE_EXHAUSTED` or `UNAVAILABLE`: the server refused for load.
    Overloaded,
    /// The server said that the request is at fault.
    Refused,
    /// The server said that it failed.
    Server,
    /// The answer is not what was expected.
    WrongAnswer,
    /// It was due, but never got a connection: more were due than the server answers.
    NotSent,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Connect,
        Self::Transport,
        Self::Timeout,
        Self::Overloaded,
        Self::Refused,
        Self::Server,
        Self::WrongAnswer,
        Self::NotSent,
    ];

    /// Lower-case name for results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Transport => "transport",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::Refused => "refused",
            Self::Server => "server",
            Self::WrongAnswer => "wrong_answer",
            Self::NotSent => "not_sent",
        }
    }
}

/// Where a request's time can go, in the order in which it passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Waiting in the generator: lateness and waiting for a free connection. Open loop only.
    ClientWait,
    /// Writing the request to the socket.
    ClientSend,
    /// Between client and server, both ways, and the system in between: what is left of the client's
    /// waiting time when the server's own total is taken from it.
    Network,
    /// The server reads and decodes the request.
    Decode,
    /// In the queue, and while the batch is formed.
    Queue,
    /// Gathering the batch's inputs.
    ComputeInput,
    /// The engine.
    ComputeInfer,
    /// Splitting the outputs.
    ComputeOutput,
    /// Writing the answer.
    Encode,
    /// What the server's total has beyond its stages: hand-offs between threads.
    ServerOther,
    /// From the answer's first byte to its last.
    ClientReceive,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 11] = [
        Self::ClientWait,
        Self::ClientSend,
        Self::Network,
        Self::Decode,
        Self::Queue,
        Self::ComputeInput,
        Self::ComputeInfer,
        Self::ComputeOutput,
        Self::Encode,
        Self::ServerOther,
        Self::ClientReceive,
    ];

    /// Lower-case name for results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientWait => "client_wait",
            Self::ClientSend => "client_send",
            Self::Network => "network",
            Self::Decode => "decode",
            Self::Queue => "queue",
            Self::ComputeInput => "compute_input",
            Self::ComputeInfer => "compute_infer",
            Self::ComputeOutput => "compute_output",
            Self::Encode => "encode",
            Self::ServerOther => "server_other",
            Self::ClientReceive => "client_receive",
        }
    }
}

/// The stages of one request; those that nobody told are zero. They sum to its latency.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageSample {
    /// Indexed like [`Stage::ALL`].
    pub stages: [Duration; Stage::ALL.len()],
    /// Rows of the batch that it ran in, if the server told.
    pub batch_rows: Option<u64>,
}

/// Sums over sampled requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageSums {
    /// Requests sampled.
    pub samples: u64,
    /// Indexed like [`Stage::ALL`].
    pub stages: [Duration; Stage::ALL.len()],
    /// Sampled requests by the rows of their batch.
    pub batch_rows: BTreeMap<u64, u64>,
}

impl StageSums {
    /// Adds one request.
    pub fn add(&mut self, sample: &StageSample) {
        self.samples += 1;
        for (sum, stage) in self.stages.iter_mut().zip(sample.stages) {
            *sum += stage;
        }
        if let Some(rows) = sample.batch_rows {
            *self.batch_rows.entry(rows).or_default() += 1;
        }
    }

    /// Adds the requests of another.
    pub fn merge(&mut self, other: &Self) {
        self.samples += other.samples;
        for (sum, stage) in self.stages.iter_mut().zip(other.stages) {
            *sum += stage;
        }
        for (rows, count) in &other.batch_rows {
            *self.batch_rows.entry(*rows).or_default() += count;
        }
    }
}
