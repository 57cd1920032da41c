//! How often threads can do something per second.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::clock::now;

/// Long enough that starting the threads together does not matter, short enough that some
/// repetition goes undisturbed on a machine with other work.
const REPETITION: Duration = Duration::from_millis(1);
const REPETITIONS_MIN: usize = 3;
const REPETITIONS_MAX: usize = 100_000;

/// Threads and time for one figure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slice {
    pub(super) threads: usize,
    pub(super) budget: Duration,
}

impl Slice {
    /// Rounds per second by one thread and by all.
    pub(super) fn rates(self, work: impl Fn(usize, usize) + Sync) -> (f64, f64) {
        let one = Self { threads: 1, ..self }.rate(&work);
        let all = if self.threads == 1 { one } else { self.rate(&work) };
        (one, all)
    }

    /// Rounds per second by all threads together in the best repetition; `work` is told the number
    /// of its thread and how many rounds to do.
    pub(super) fn rate(self, work: impl Fn(usize, usize) + Sync) -> f64 {
        let rounds = rounds_of_a_repetition(|rounds| work(0, rounds));
        let times = self.repeat(|thread| work(thread, rounds));
        let shortest = times.into_iter().min().unwrap_or(REPETITION).max(Duration::from_nanos(1));
        (self.threads * rounds) as f64 / shortest.as_secs_f64()
    }

    /// Repeats until the time is over, but three times at least. For each repetition, the time from
    /// the first thread's start to the last one's end.
    fn repeat(self, work: impl Fn(usize) + Sync) -> Vec<Duration> {
        let barrier = Barrier::new(self.threads);
        let (begin, end) = (now(), AtomicUsize::new(REPETITIONS_MAX));
        let run = |thread: usize| -> Vec<(Instant, Instant)> {
            let mut spans = Vec::new();
            loop {
                let is_over = now().saturating_duration_since(begin) >= self.budget;
                if thread == 0 && is_over && spans.len() >= REPETITIONS_MIN {
                    // Whoever is still at the last repetition does not stop before it.
                    end.store(spans.len(), Ordering::Release);
                }
                barrier.wait();
                if spans.len() >= end.load(Ordering::Acquire) {
                    return spans;
                }
                let start = now();
                work(thread);
                spans.push((start, now()));
            }
        };
        let run = &run;
        let spans: Vec<Vec<(Instant, Instant)>> = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.threads).map(|thread| scope.spawn(move || run(thread))).collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined.map(|spans| spans.expect("the loops do not panic")).collect()
        });
        let repetitions = spans.iter().map(Vec::len).min().unwrap_or(0);
        (0..repetitions).map(|index| covered(&spans, index)).collect()
    }
}

/// Where threads wait for each other without going to sleep: waking up takes long beside what is
/// measured.
#[derive(Debug)]
struct Barrier {
    threads: usize,
    arrivals: AtomicUsize,
}

impl Barrier {
    /// Looks at the others between two looks of the scheduler at this thread.
    const SPINS: usize = 10_000;

    fn new(threads: usize) -> Self {
        Self { threads, arrivals: AtomicUsize::new(0) }
    }

    /// Returns when every thread has called it as often as this one.
    fn wait(&self) {
        let arrival = self.arrivals.fetch_add(1, Ordering::AcqRel);
        let complete = (arrival / self.threads + 1) * self.threads;
        let mut spins = 0;
        while self.arrivals.load(Ordering::Acquire) < complete {
            spins += 1;
            if spins % Self::SPINS == 0 {
                // Perhaps there are more threads than cores.
                thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }
}

/// From the earliest start to the latest end of one repetition.
fn covered(spans: &[Vec<(Instant, Instant)>], repetition: usize) -> Duration {
    let start = spans.iter().map(|spans| spans[repetition].0).min();
    let end = spans.iter().map(|spans| spans[repetition].1).max();
    end.zip(start).map_or(Duration::ZERO, |(end, start)| end.saturating_duration_since(start))
}

/// Doubles the number of rounds until they take a quarter of a repetition. Warms up on the way.
fn rounds_of_a_repetition(work: impl Fn(usize)) -> usize {
    let mut rounds = 1;
    loop {
        let start = now();
        work(rounds);
        let elapsed = now().saturating_duration_since(start);
        if elapsed >= REPETITION / 4 || rounds >= usize::MAX / 8 {
            let more = REPETITION.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
            #[expect(clippy::cast_possible_truncation, reason = "4 at most")]
            #[expect(clippy::cast_sign_loss, reason = "a quotient of times")]
            return rounds * (more as usize).max(1);
        }
        rounds *= 2;
    }
}

#[cfg(test)]
mod tests;
