//! What is written down of one inference: for a line of the access log, for a trace, or for both.

use std::{fmt, net::SocketAddr, sync::Arc};

use http::HeaderMap;
use serving::{Clock, InferResponse, Model, NamedTensor, Timestamp, Timing};

use crate::{
    access::{self, Access},
    state::State,
    status::cancelled,
    timing::Stopwatch,
    trace::{Parent, Sample, TraceId, TracedTensor},
};

/// One inference.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) protocol: Protocol,
    /// Method and path, or the RPC's path.
    pub(crate) call: String,
    /// Model asked for.
    pub(crate) model: String,
    /// Version that was found.
    pub(crate) version: Option<u64>,
    /// The client's name for the request; empty if it gave none.
    pub(crate) request_id: String,
    pub(crate) peer: SocketAddr,
    pub(crate) stopwatch: Stopwatch,
    /// It was handed to its model; only if it is traced.
    pub(crate) submitted: Timestamp,
    /// Unknown if the request failed.
    pub(crate) timing: Timing,
    pub(crate) outcome: Outcome,
    /// The trace that the caller or this server made it a part of.
    pub(crate) trace_id: Option<TraceId>,
    /// What is to be traced, if it is.
    pub(crate) sample: Option<Sample>,
    /// What goes in and comes out, if that is to be traced.
    pub(crate) tensors: Vec<TracedTensor>,
}

/// How an inference came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

/// How it went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    /// HTTP status, or gRPC code.
    pub(crate) status: u16,
    /// Size of the request's body, as it came over the wire.
    pub(crate) bytes_in: usize,
    /// Size of the answer's body, as it goes over the wire.
    pub(crate) bytes_out: usize,
    /// The answer was ready to be sent.
    pub(crate) ended: Timestamp,
}

/// What is known of an inference when it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) protocol: Protocol,
    /// `POST ` of HTTP, which the access log shows before the path.
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) model: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) peer: SocketAddr,
    pub(crate) received: Timestamp,
}

/// An inference that somebody wants to know about. If it is dropped before it is finished, its
/// caller has gone, and its trace says so.
pub(crate) struct Observed {
    /// There until it is finished.
    record: Option<Box<Record>>,
    state: Arc<State>,
}

impl Protocol {
    /// Name in logs and traces.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }
}

impl Observed {
    /// Starts a record if there is anybody to read it. If there is not, that costs a look at one
    /// flag and no more.
    pub(crate) fn begin(state: &Arc<State>, beginning: Beginning<'_>) -> Option<Self> {
        if !state.access_log && !state.tracer.is_on() {
            return None;
        }
        Self::begin_record(state, beginning)
    }

    #[inline(never)]
    fn begin_record(state: &Arc<State>, beginning: Beginning<'_>) -> Option<Self> {
        let Beginning { protocol, method, path, model, headers, peer, received } = beginning;
        let parent = Parent::of(headers);
        let parent_trace = parent.as_ref().map(|parent| parent.trace_id);
        let sample = state.tracer.sample(model, parent);
        if sample.is_none() && !state.access_log {
            return None;
        }
        let record = Record {
            protocol,
            call: [method, path].concat(),
            model: model.to_owned(),
            version: None,
            request_id: String::new(),
            peer,
            stopwatch: Stopwatch::new(false, received),
            submitted: Timestamp::default(),
            timing: Timing::default(),
            outcome: Outcome::default(),
            trace_id: sample.as_ref().and_then(Sample::trace_id).or(parent_trace),
            sample,
            tensors: Vec::new(),
        };
        Some(Self { record: Some(Box::new(record)), state: Arc::clone(state) })
    }

    /// Whether it is traced, not only logged.
    pub(crate) fn is_traced(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.sample.is_some())
    }

    /// The request has been decoded and its model found, which gets it next.
    pub(crate) fn note_request(
        &mut self,
        stopwatch: Stopwatch,
        model: &Model,
        id: &str,
        inputs: &[NamedTensor],
    ) {
        let Some(record) = &mut self.record else { return };
        record.stopwatch = stopwatch;
        if record.sample.is_some() {
            record.submitted = Clock::now();
        }
        record.version = Some(model.version());
        id.clone_into(&mut record.request_id);
        record.note_tensors("TENSOR_QUEUE_INPUT", inputs);
    }

    /// The model has answered.
    pub(crate) fn note_response(&mut self, response: &InferResponse) {
        let Some(record) = &mut self.record else { return };
        record.timing = response.timing;
        record.note_tensors("TENSOR_BACKEND_OUTPUT", &response.outputs);
    }

    /// The request is over: writes its line into the access log and hands its trace on.
    pub(crate) fn finish(mut self, stopwatch: Stopwatch, outcome: Outcome) {
        let Some(record) = self.record.take() else { return };
        let record = Box::new(Record { stopwatch, outcome, ..*record });
        if self.state.access_log {
            access::log(&Access::of(&record));
        }
        if record.sample.is_some() {
            self.state.tracer.submit(record);
        }
    }
}

impl Record {
    fn note_tensors(&mut self, activity: &'static str, tensors: &[NamedTensor]) {
        if self.sample.as_ref().is_some_and(Sample::wants_tensors) {
            let tensors = tensors.iter().map(|tensor| TracedTensor::of(activity, tensor));
            self.tensors.extend(tensors);
        }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        let Some(mut record) = self.record.take() else { return };
        if record.sample.is_some() {
            record.outcome.status = cancelled(record.protocol);
            record.outcome.ended = Clock::now();
            self.state.tracer.submit(record);
        }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").field("record", &self.record).finish_non_exhaustive()
    }
}
