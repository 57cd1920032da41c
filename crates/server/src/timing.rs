//! The answer to "where did my time go": one request's timing in `Server-Timing` syntax.

use std::{fmt::Write as _, time::Duration};

use serving::{Clock, Timestamp, Timing};

/// Request header and metadata key that asks for it, with the value `1`.
pub(crate) const EXPLAIN_HEADER: &str = "hone-explain";

/// Response header and metadata key that carries it.
pub(crate) const TIMING_HEADER: &str = "server-timing";

/// The front end's own looks at the clock during one request. It looks only if somebody wants to
/// know: a request that nobody asks about costs no more than a branch for each station.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stopwatch {
    is_on: bool,
    /// The request's headers were there.
    pub(crate) received: Timestamp,
    /// Its body was read, and decompressed.
    pub(crate) read: Timestamp,
    /// Whoever waited for the model's answer went on.
    pub(crate) resumed: Timestamp,
    /// The answer was written.
    pub(crate) encoded: Timestamp,
}

impl Stopwatch {
    /// Starts at `received`.
    pub(crate) fn new(is_on: bool, received: Timestamp) -> Self {
        Self { is_on, received, ..Self::default() }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    pub(crate) fn note_read(&mut self) {
        note(self.is_on, &mut self.read);
    }

    pub(crate) fn note_resumed(&mut self) {
        note(self.is_on, &mut self.resumed);
    }

    pub(crate) fn note_encoded(&mut self) {
        note(self.is_on, &mut self.encoded);
    }
}

fn note(is_on: bool, station: &mut Timestamp) {
    if is_on {
        *station = Clock::now();
    }
}

/// Writes the stages in the order in which they passed, durations in milliseconds:
/// `receive;dur=0.002, decode;dur=0.012, queue;dur=1.200, batch;desc="rows=8 requests=4 reason=full",
/// ...`. Each begins where the one before it ends, so that they add up to `total`.
pub(crate) fn server_timing(timing: &Timing, front: &Stopwatch) -> String {
    let mut text = String::with_capacity(256);
    stage(&mut text, "receive", front.read.since(front.received));
    if timing.is_known() {
        stage(&mut text, "decode", timing.queued.since(front.read));
        stage(&mut text, "queue", timing.queue());
        let Timing { batch_rows, batch_requests, batch_reason, .. } = timing;
        let _ = write!(
            text,
            r#"batch;desc="rows={batch_rows} requests={batch_requests} reason={batch_reason}", "#
        );
        stage(&mut text, "compute_input", timing.compute_input());
        stage(&mut text, "compute_infer", timing.compute_infer());
        stage(&mut text, "compute_output", timing.compute_output());
        stage(&mut text, "wake", front.resumed.since(timing.ended));
    }
    stage(&mut text, "encode", front.encoded.since(front.resumed));
    stage(&mut text, "total", front.encoded.since(front.received));
    text.truncate(text.len() - ", ".len());
    text
}

fn stage(text: &mut String, name: &str, duration: Duration) {
    let _ = write!(text, "{name};dur={:.3}, ", duration.as_secs_f64() * 1e3);
}

#[cfg(test)]
mod tests;
