//! Triton's trace format: fragments of JSON that together are the elements of one array.

use serde::Serialize;
use serving::Timestamp;

use super::{Epoch, tensors::TracedTensor};
use crate::record::{Protocol, Record};

/// The first fragment of a request. What comes after `request_id` is Hone's own, which Triton's tools
/// pass over.
#[derive(Debug, Serialize)]
struct Head<'a> {
    id: u64,
    model_name: &'a str,
    model_version: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'a str,
    protocol: &'static str,
    status: u16,
    bytes_in: usize,
    bytes_out: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<Batch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct Batch {
    rows: usize,
    requests: usize,
    reason: &'static str,
}

#[derive(Debug, Serialize)]
struct Timestamps {
    id: u64,
    timestamps: Vec<Activity>,
}

#[derive(Debug, Serialize)]
struct Activity {
    name: &'static str,
    ns: u64,
}

#[derive(Debug, Serialize)]
struct TensorFragment<'a> {
    id: u64,
    activity: &'static str,
    tensor: TensorText<'a>,
}

#[derive(Debug, Serialize)]
struct TensorText<'a> {
    name: &'a str,
    data: String,
    shape: String,
    dtype: &'static str,
    /// Hone's own: `data` is only the beginning.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

/// Appends a request's fragments, separated by commas.
pub(super) fn push_trace(out: &mut Vec<u8>, record: &Record, epoch: Epoch) {
    let Some(sample) = &record.sample else { return };
    push(out, &head(record, sample.id));
    if sample.settings.level.timestamps {
        let timestamps = activities(record, epoch);
        out.extend_from_slice(b",\n");
        push(out, &Timestamps { id: sample.id, timestamps });
    }
    for tensor in &record.tensors {
        out.extend_from_slice(b",\n");
        push(out, &fragment(sample.id, tensor));
    }
}

fn push(out: &mut Vec<u8>, fragment: &impl Serialize) {
    serde_json::to_writer(out, fragment).expect("a vector takes it, and all keys are strings");
}

fn head(record: &Record, id: u64) -> Head<'_> {
    let Record { outcome, timing, .. } = record;
    Head {
        id,
        model_name: &record.model,
        model_version: record.version.unwrap_or(0),
        request_id: &record.request_id,
        protocol: record.protocol.name(),
        status: outcome.status,
        bytes_in: outcome.bytes_in,
        bytes_out: outcome.bytes_out,
        batch: timing.is_known().then(|| Batch {
            rows: timing.batch_rows,
            requests: timing.batch_requests,
            reason: timing.batch_reason.name(),
        }),
        trace_id: record.trace_id.map(|id| id.to_string()),
    }
}

/// The stations that the request passed, under Triton's names. A request that failed has the first
/// and the last.
fn activities(record: &Record, epoch: Epoch) -> Vec<Activity> {
    let Record { stopwatch, timing, outcome, .. } = record;
    let [receive_start, receive_end, send_start, send_end] = match record.protocol {
        Protocol::Http => ["HTTP_RECV_START", "HTTP_RECV_END", "HTTP_SEND_START", "HTTP_SEND_END"],
        Protocol::Grpc => {
            ["GRPC_WAITREAD_START", "GRPC_WAITREAD_END", "GRPC_SEND_START", "GRPC_SEND_END"]
        }
    };
    let unknown = Timestamp::default();
    let start = if stopwatch.read == unknown { stopwatch.received } else { stopwatch.read };
    let end = if stopwatch.resumed == unknown { outcome.ended } else { stopwatch.resumed };
    // Triton's tools take it that what has an end has a start.
    let sent = if stopwatch.encoded == unknown { unknown } else { outcome.ended };
    let stations = [
        (receive_start, stopwatch.received),
        (receive_end, stopwatch.read),
        ("REQUEST_START", start),
        ("QUEUE_START", timing.queued),
        ("COMPUTE_START", timing.started),
        ("COMPUTE_INPUT_END", timing.inputs_ready),
        ("COMPUTE_OUTPUT_START", timing.outputs_start),
        ("COMPUTE_END", timing.ended),
        ("REQUEST_END", end),
        (send_start, stopwatch.encoded),
        (send_end, sent),
    ];
    stations
        .into_iter()
        .filter(|(_, at)| *at != unknown)
        .map(|(name, at)| Activity { name, ns: epoch.unix_nanos(at) })
        .collect()
}

fn fragment(id: u64, tensor: &TracedTensor) -> TensorFragment<'_> {
    let dims: Vec<_> = tensor.dims.iter().map(i64::to_string).collect();
    TensorFragment {
        id,
        activity: tensor.activity,
        tensor: TensorText {
            name: &tensor.name,
            data: tensor.text(),
            shape: dims.join(","),
            dtype: tensor.data_type.name(),
            truncated: tensor.is_cut,
        },
    }
}

#[cfg(test)]
mod tests;
