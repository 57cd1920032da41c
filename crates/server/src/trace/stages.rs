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
/// The names are those of `Server-Timing`, and `model` for all that happened in a model of which no
/// more is known: the request failed there, or the model schedules for itself.
pub(super) fn stages(record: &Record) -> impl Iterator<Item = Stage> {
    let Record { stopwatch, timing, submitted, outcome, .. } = record;
    let unknown = Timestamp::default();
    let left = if stopwatch.resumed == unknown { outcome.ended } else { stopwatch.resumed };
    let (queued, entered) =
        if timing.is_known() { (timing.queued, unknown) } else { (*submitted, *submitted) };
    let stations = [
        ("receive", stopwatch.received, stopwatch.read),
        ("decode", stopwatch.read, queued),
        ("model", entered, left),
        ("queue", timing.queued, timing.started),
        ("compute_input", timing.started, timing.inputs_ready),
        ("compute_infer", timing.inputs_ready, timing.outputs_start),
        ("compute_output", timing.outputs_start, timing.ended),
        ("wake", timing.ended, stopwatch.resumed),
        ("encode", stopwatch.resumed, stopwatch.encoded),
    ];
    stations
        .into_iter()
        .filter(move |(_, start, end)| *start != unknown && *end >= *start)
        .map(|(name, start, end)| Stage { name, start, end })
}

/// Spans that a request becomes: itself and its stages.
pub(super) fn span_count(record: &Record) -> usize {
    1 + stages(record).count()
}
