//! The answer to "where did my time go": one request's timing in `Server-Timing` syntax.

use std::{fmt::Write as _, time::Duration};

use serving::Timing;

/// Request header and metadata key that asks for it, with the value `1`.
pub(crate) const EXPLAIN_HEADER: &str = "hone-explain";

/// Response header and metadata key that carries it.
pub(crate) const TIMING_HEADER: &str = "server-timing";

/// Writes the stages in the order in which they passed, durations in milliseconds:
/// `decode;dur=0.012, queue;dur=1.200, batch;desc="rows=8 requests=4 reason=full", ...`.
pub(crate) fn server_timing(timing: &Timing, encode: Duration) -> String {
    let mut text = String::with_capacity(224);
    stage(&mut text, "decode", timing.decode);
    stage(&mut text, "queue", timing.queue);
    let Timing { batch_rows, batch_requests, batch_reason, .. } = timing;
    let _ = write!(
        text,
        r#"batch;desc="rows={batch_rows} requests={batch_requests} reason={batch_reason}", "#
    );
    stage(&mut text, "compute_input", timing.compute_input);
    stage(&mut text, "compute_infer", timing.compute_infer);
    stage(&mut text, "compute_output", timing.compute_output);
    stage(&mut text, "encode", encode);
    text.truncate(text.len() - ", ".len());
    text
}

fn stage(text: &mut String, name: &str, duration: Duration) {
    let _ = write!(text, "{name};dur={:.3}, ", duration.as_secs_f64() * 1e3);
}

#[cfg(test)]
mod tests;
