use std::{path::Path, time::Duration};

use serde_json::Value;

use super::{documents, wrong};
use crate::BuildError;

/// Recorded requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// From the first request, ascending.
    pub times: Vec<Duration>,
    /// Tokens of each prompt and answer, if the trace says; in the order of `times`.
    pub lengths: Vec<(Option<u64>, Option<u64>)>,
    /// The documents themselves, which may hold inputs or prompts; in the order of `times`.
    pub documents: Vec<Value>,
}

/// Reads a trace: a document a request, with its time as `timestamp` (milliseconds), `at` (seconds) or,
/// as Triton's trace files have it, `timestamps` (`REQUEST_START` in nanoseconds). Only differences count.
///
/// `speed` 2 replays it in half of the time.
///
/// # Errors
///
/// Says in which line there is no time.
pub fn read_trace(path: &Path, speed: f64) -> Result<Trace, BuildError> {
    let mut requests = Vec::new();
    for (place, document) in documents(path)? {
        if is_without_time(&document) {
            continue;
        }
        let seconds =
            seconds(&document).filter(|seconds| seconds.is_finite()).ok_or_else(|| {
                BuildError(format!(
                    "{place}: no time; expected \"timestamp\" (milliseconds), \"at\" (seconds) or \
                 \"timestamps\" of a trace file"
                ))
            })?;
        requests.push((seconds / speed, document));
    }
    requests.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some(first) = requests.first().map(|(seconds, _)| *seconds) else {
        return Err(wrong(path, &"holds no request"));
    };
    let mut trace = Trace::default();
    for (seconds, document) in requests {
        let after = Duration::try_from_secs_f64(seconds - first);
        trace.times.push(after.map_err(|error| wrong(path, &error))?);
        let length = |key: &str| document[key].as_u64();
        trace.lengths.push((length("input_length"), length("output_length")));
        trace.documents.push(document);
    }
    Ok(trace)
}

/// Triton writes tensors of a request as documents of their own.
fn is_without_time(document: &Value) -> bool {
    document.get("activity").is_some()
}

#[expect(clippy::cast_precision_loss, reason = "differences of traces are far below 2^53 ns")]
fn seconds(document: &Value) -> Option<f64> {
    if let Some(timestamps) = document["timestamps"].as_array() {
        let named = |name: &str| timestamps.iter().find(|stamp| stamp["name"] == name);
        let start = named("REQUEST_START").or_else(|| named("HTTP_RECV_START"))?;
        return start["ns"].as_u64().map(|ns| ns as f64 / 1e9);
    }
    let millis = document["timestamp"].as_f64().map(|millis| millis / 1e3);
    millis.or_else(|| document["at"].as_f64())
}
