use std::{fmt, time::Duration};

use tensor::Tensor;

use crate::Timestamp;

/// One inference, decoded but not yet checked against a model.
#[derive(Clone, Debug, Default)]
pub struct InferRequest {
    /// The client's name for the request; empty if it gave none.
    pub id: String,
    /// Inputs in the client's order.
    pub inputs: Vec<NamedTensor>,
    /// Outputs wanted; empty means all.
    pub outputs: Vec<String>,
    /// 1 is the highest; 0 means the model's default.
    pub priority: u64,
    /// The client's limit on the time in the queue; `None` leaves it to the model's policy.
    pub timeout: Option<Duration>,
    /// Parameters that the protocol does not know itself; they go to the backend.
    pub parameters: Parameters,
    /// When its first byte was looked at; the start of the request's end-to-end time.
    pub received: Timestamp,
}

/// Parameters in the client's order.
pub type Parameters = Vec<(String, ParameterValue)>;

/// Value of a request's or response's parameter.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is its own name")]
pub enum ParameterValue {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
}

/// A tensor under a model's name for it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Input or output name.
    pub name: String,
    /// The value.
    pub tensor: Tensor,
}

/// What a model answered.
#[derive(Clone, Debug)]
pub struct InferResponse {
    /// In the order asked for, or the model's order.
    pub outputs: Vec<NamedTensor>,
    /// Where the time went.
    pub timing: Timing,
}

/// When one request passed which station. All zero for a model that schedules for itself and does
/// not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// It was decoded, checked and queued.
    pub queued: Timestamp,
    /// An instance took its batch; a batch that failed and is run again starts again.
    pub started: Timestamp,
    /// The batch's inputs were in the engine's buffers.
    pub inputs_ready: Timestamp,
    /// The engine's own work was done.
    pub outputs_start: Timestamp,
    /// The outputs were out of the engine and split.
    pub ended: Timestamp,
    /// Rows that ran together.
    pub batch_rows: usize,
    /// Requests that ran together.
    pub batch_requests: usize,
    /// Why the batch left when it did.
    pub batch_reason: BatchReason,
}

impl Timing {
    /// Whether the model says when what happened.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.ended != Timestamp::default()
    }

    /// Time in the queue.
    #[must_use]
    pub fn queue(&self) -> Duration {
        self.started.since(self.queued)
    }

    /// Gathering the batch's inputs into the engine's buffers.
    #[must_use]
    pub fn compute_input(&self) -> Duration {
        self.inputs_ready.since(self.started)
    }

    /// The engine's own work.
    #[must_use]
    pub fn compute_infer(&self) -> Duration {
        self.outputs_start.since(self.inputs_ready)
    }

    /// Getting outputs out of the engine and splitting them.
    #[must_use]
    pub fn compute_output(&self) -> Duration {
        self.ended.since(self.outputs_start)
    }
}

/// Why a batch left the queue when it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BatchReason {
    /// An instance was free and the model asks for no delay.
    #[default]
    Idle,
    /// Another request would not have fitted.
    Full,
    /// It reached a preferred size.
    Preferred,
    /// Its oldest request had waited as long as the model allows.
    Delay,
    /// A request in it would have run out of time.
    Deadline,
    /// The next requests have another shape.
    ShapeChange,
    /// The next requests have another priority.
    Priority,
    /// More rows would have been no cheaper for this model on this machine.
    NoGain,
    /// A batch failed and its requests were run one by one.
    Retry,
}

impl BatchReason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::Idle,
        Self::Full,
        Self::Preferred,
        Self::Delay,
        Self::Deadline,
        Self::ShapeChange,
        Self::Priority,
        Self::NoGain,
        Self::Retry,
    ];

    /// Lower-case name for statistics, metrics and timing headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Full => "full",
            Self::Preferred => "preferred",
            Self::Delay => "delay",
            Self::Deadline => "deadline",
            Self::ShapeChange => "shape_change",
            Self::Priority => "priority",
            Self::NoGain => "no_gain",
            Self::Retry => "retry",
        }
    }
}

impl fmt::Display for BatchReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
