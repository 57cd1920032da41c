use serving::Timestamp;

use crate::record::Record;

/// A part of a request's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

/// The parts of a request's time that are known, in order; one begins where the one before it ends.
/// The names are those of `Server-Timing`.
pub(super) fn stages(record: &Record) -> impl Iterator<Item = Stage> {
    let Record { stopwatch, timing, .. } = record;
    let stations = [
        ("receive", stopwatch.received, stopwatch.read),
        ("decode", stopwatch.read, timing.queued),
        ("queue", timing.queued, timing.started),
        ("compute_input", timing.started, timing.inputs_ready),
        ("compute_infer", timing.inputs_ready, timing.outputs_start),
        ("compute_output", timing.outputs_start, timing.ended),
        ("wake", timing.ended, stopwatch.resumed),
        ("encode", stopwatch.resumed, stopwatch.encoded),
    ];
    let unknown = Timestamp::default();
    stations
        .into_iter()
        .filter(move |(_, start, end)| *start != unknown && *end >= *start)
        .map(|(name, start, end)| Stage { name, start, end })
}

/// Spans that a request becomes: itself and its stages.
pub(super) fn span_count(record: &Record) -> usize {
    1 + stages(record).count()
}
