use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use hdrhistogram::Histogram;

use super::{
    recorder::{GenerationSample, Records, Sample},
    sender::Batch,
};
use crate::{
    Distribution, FailureKind, GenerationSlice, MeasureError, Slice, StageSample, clock::nanos,
};

/// Longest time that a histogram tells apart.
const NANOS_MAX: u64 = 3_600_000_000_000;

/// Sorts what the threads recorded into slices of time.
pub(super) struct Assembly {
    slice: Duration,
    /// Index of the next slice to be given out.
    next: u64,
    threads: Vec<Thread>,
    /// What was recorded and not given out, by slice; the first is `next`.
    open: VecDeque<Open>,
    histogram: Histogram<u64>,
    measured: Option<Measured>,
    /// Requests due or sent, and answered rightly, since the load began.
    pub(super) offered: u64,
    pub(super) completed: u64,
    pub(super) failure_examples: Vec<(FailureKind, String)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Thread {
    /// Everything before this has come.
    until: Duration,
    cpu: Duration,
    /// CPU time when the measured time began.
    cpu_before: Option<Duration>,
    cpu_after: Duration,
}

/// The measured time. Of an open load what was due in it counts, whenever it ended; of a closed one what
/// ended in it.
#[derive(Clone, Copy, Debug)]
struct Measured {
    from: u64,
    to: u64,
    is_open: bool,
    offered: u64,
    ended: u64,
}

#[derive(Debug, Default)]
struct Open {
    offered: u64,
    /// Answered rightly, whenever it was due; known when the slice is whole.
    answered: u64,
    samples: Vec<Sample>,
    generations: Vec<GenerationSample>,
    stages: Vec<StageSample>,
    cpu: Duration,
}

impl Assembly {
    pub(super) fn new(threads: usize, slice: Duration) -> Self {
        Self {
            slice,
            next: 0,
            threads: vec![Thread::default(); threads],
            open: VecDeque::new(),
            histogram: Histogram::new_with_bounds(1, NANOS_MAX, 3)
                .expect("three digits of an hour fit a histogram"),
            measured: None,
            offered: 0,
            completed: 0,
            failure_examples: Vec::new(),
        }
    }

    /// Start of the next slice.
    pub(super) fn next_start(&self) -> Duration {
        Duration::from_nanos(nanos_of(self.slice) * self.next)
    }

    /// The first start of a slice that is not before `time`.
    pub(super) fn boundary_after(&self, time: Duration) -> Duration {
        let slice = nanos_of(self.slice);
        Duration::from_nanos(nanos_of(time).div_ceil(slice).max(self.next) * slice)
    }

    /// From now on only what belongs to the measured time is given out.
    pub(super) fn measure(&mut self, from: Duration, to: Duration, is_open: bool) {
        let (from, to) = (nanos_of(from), nanos_of(to));
        self.measured = Some(Measured { from, to, is_open, offered: 0, ended: 0 });
        for thread in &mut self.threads {
            thread.cpu_before = Some(thread.cpu);
        }
    }

    /// Ends the measured time with what was given out; returns its end.
    pub(super) fn cut(&mut self) -> Duration {
        let end = self.next_start();
        if let Some(measured) = &mut self.measured {
            measured.to = nanos_of(end);
        }
        end
    }

    /// Requests that were due in the measured time of an open load, were given out, and have not ended.
    pub(super) fn unanswered(&self) -> u64 {
        self.measured.map_or(0, |measured| measured.offered.saturating_sub(measured.ended))
    }

    /// CPU time of the busiest thread in the measured time.
    pub(super) fn busiest_cpu(&self) -> Duration {
        let spent = |thread: &Thread| {
            thread.cpu_after.saturating_sub(thread.cpu_before.unwrap_or_default())
        };
        self.threads.iter().map(spent).max().unwrap_or_default()
    }

    /// Every thread has ended.
    pub(super) fn end(&mut self) {
        self.threads.iter_mut().for_each(|thread| thread.until = Duration::MAX);
    }

    /// Takes what a thread handed over.
    pub(super) fn take(&mut self, batch: Batch) -> Result<(), MeasureError> {
        let Batch { thread, until, records, error } = batch;
        if let Some(error) = error {
            return Err(error);
        }
        let Records { samples, offered, generations, stages, examples, cpu } = records;
        for at in offered {
            self.offered += 1;
            self.slice_of(at).offered += 1;
        }
        for sample in samples {
            self.completed += u64::from(sample.failure.is_none());
            self.slice_of(sample.end).samples.push(sample);
        }
        for generation in generations {
            self.slice_of(generation.end).generations.push(generation);
        }
        for (_, end, sample) in stages {
            self.slice_of(end).stages.push(sample);
        }
        for (kind, message) in examples {
            if self.failure_examples.iter().all(|(known, _)| *known != kind) {
                self.failure_examples.push((kind, message));
            }
        }
        let spent = cpu.saturating_sub(self.threads[thread].cpu);
        self.add_cpu(until, spent);
        let known = &mut self.threads[thread];
        (known.until, known.cpu) = (until, cpu);
        Ok(())
    }

    /// CPU time is handed over right behind a slice's end: it belongs to that slice.
    fn add_cpu(&mut self, until: Duration, spent: Duration) {
        let inside = nanos_of(until).saturating_sub(nanos_of(self.slice) / 2);
        if until < Duration::MAX {
            self.slice_of(inside).cpu += spent;
        }
    }

    /// The slice of a time; the next one for what comes too late.
    fn slice_of(&mut self, at: u64) -> &mut Open {
        let index = (at / nanos_of(self.slice)).saturating_sub(self.next);
        let index = usize::try_from(index).expect("a measurement has fewer slices");
        if self.open.len() <= index {
            self.open.resize_with(index + 1, Open::default);
        }
        &mut self.open[index]
    }

    /// The next slice, if every thread has handed over what belongs to it.
    pub(super) fn next_whole(&mut self) -> Option<Slice> {
        let start = self.next_start();
        let until = self.threads.iter().map(|thread| thread.until).min().unwrap_or_default();
        if until < start + self.slice || (until == Duration::MAX && self.open.is_empty()) {
            return None;
        }
        let mut open = self.open.pop_front().unwrap_or_default();
        let answered = open.samples.iter().filter(|sample| sample.failure.is_none()).count();
        open.answered = answered as u64;
        self.next += 1;
        let (from, to) = (nanos_of(start), nanos_of(start + self.slice));
        if self.measured.is_some_and(|measured| from >= measured.from && to <= measured.to) {
            self.threads.iter_mut().for_each(|thread| thread.cpu_after = thread.cpu);
        }
        let open = self.only_measured(open, from);
        Some(self.summarise(&open, start))
    }

    /// Leaves out what does not belong to the measured time of an open load, and counts what does.
    fn only_measured(&mut self, mut open: Open, start: u64) -> Open {
        let Some(measured) = self.measured.as_mut().filter(|measured| measured.is_open) else {
            return open;
        };
        let counts = |due: u64| due >= measured.from && due < measured.to;
        open.samples.retain(|sample| counts(sample.due));
        open.generations.retain(|sample| counts(sample.due));
        if !counts(start) {
            open.offered = 0;
        }
        measured.offered += open.offered;
        measured.ended += open.samples.len() as u64;
        open
    }

    fn summarise(&mut self, open: &Open, start: Duration) -> Slice {
        let mut failures = BTreeMap::new();
        for kind in open.samples.iter().filter_map(|sample| sample.failure) {
            *failures.entry(kind).or_default() += 1;
        }
        let good: Vec<&Sample> =
            open.samples.iter().filter(|sample| sample.failure.is_none()).collect();
        let mut slice = Slice {
            start,
            length: self.slice,
            offered: open.offered,
            completed: good.len() as u64,
            answered: open.answered,
            good: good.iter().filter(|sample| sample.is_good).count() as u64,
            failures,
            latency: self.distribution(good.iter().map(|sample| sample.end - sample.due)),
            service: self.distribution(good.iter().map(|sample| sample.service)),
            lateness: self.distribution(open.samples.iter().filter_map(|sample| sample.lateness)),
            longest_silence: longest_silence(&open.samples, start, self.slice),
            generator_cpu: open.cpu,
            ..Slice::default()
        };
        open.stages.iter().for_each(|sample| slice.stages.add(sample));
        if !open.generations.is_empty() {
            slice.generation = Some(self.generation(&open.generations));
        }
        slice
    }

    fn generation(&mut self, generations: &[GenerationSample]) -> GenerationSlice {
        let sum = |count: fn(&GenerationSample) -> u64| generations.iter().map(count).sum();
        let first = generations.iter().map(|sample| nanos(sample.first_token));
        let per = generations.iter().filter_map(|sample| sample.per_token.map(nanos));
        let between =
            generations.iter().flat_map(|sample| sample.between.iter().copied().map(nanos));
        GenerationSlice {
            time_to_first_token: self.distribution(first),
            time_per_output_token: self.distribution(per),
            inter_token_latency: self.distribution(between),
            prompt_tokens: sum(|sample| sample.prompt_tokens),
            output_tokens: sum(|sample| sample.output_tokens),
        }
    }

    fn distribution(&mut self, values: impl Iterator<Item = u64>) -> Distribution {
        self.histogram.reset();
        values.for_each(|value| self.histogram.saturating_record(value.max(1)));
        Distribution::from(&self.histogram)
    }
}

fn nanos_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Longest time in a slice in which no request ended; the slice's ends count as if one had.
fn longest_silence(samples: &[Sample], start: Duration, length: Duration) -> Duration {
    let (start, end) = (nanos_of(start), nanos_of(start + length));
    let mut ends: Vec<u64> =
        samples.iter().map(|sample| sample.end.clamp(start, end)).chain([start, end]).collect();
    ends.sort_unstable();
    let longest = ends.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    Duration::from_nanos(longest)
}
