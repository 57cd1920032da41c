use std::{collections::VecDeque, time::Duration};

use serving::{DurationStat, GenerationStatistics, Histogram, Statistics, Timestamp};

/// How far back percentiles and mixes look.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// The shortest time over which rates are taken.
const RATE_TIME_MIN: Duration = Duration::from_millis(900);

/// Most looks that are kept, however often somebody makes one.
const LOOKS_MAX: usize = 64;

/// What a model's counters said at the looks of the last seconds.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<(Timestamp, Statistics)>);

/// What was counted in a stretch of time.
#[derive(Debug)]
pub(super) struct Stretch {
    /// Seconds; 0 if there has been one look only.
    pub(super) seconds: f64,
    /// Counters gained in it, and the state at its end.
    pub(super) gained: Statistics,
}

impl History {
    /// Adds a look. Counters that have gone back belong to another model of the same name.
    pub(super) fn push(&mut self, now: Timestamp, mut statistics: Statistics) {
        statistics.batches.clear();
        if self.0.back().is_some_and(|(_, last)| last.success.count > statistics.success.count) {
            self.0.clear();
        }
        self.0.push_back((now, statistics));
        while self.0.len() > LOOKS_MAX || self.0.get(1).is_some_and(|next| is_old(now, next.0)) {
            self.0.pop_front();
        }
    }

    /// The last second or so.
    pub(super) fn recent(&self) -> Stretch {
        let now = self.0.back().map_or(Timestamp::default(), |(time, _)| *time);
        let base = self.0.iter().rev().find(|(time, _)| now.since(*time) >= RATE_TIME_MIN);
        self.since(base.or(self.0.front()))
    }

    /// As far back as the window goes.
    pub(super) fn window(&self) -> Stretch {
        self.since(self.0.front())
    }

    fn since(&self, base: Option<&(Timestamp, Statistics)>) -> Stretch {
        let Some(((from, before), (to, now))) = base.zip(self.0.back()) else {
            return Stretch { seconds: 0.0, gained: Statistics::default() };
        };
        Stretch { seconds: to.since(*from).as_secs_f64(), gained: difference(now, before) }
    }
}

impl Stretch {
    /// How many a second; 0 before there were two looks.
    pub(super) fn rate(&self, count: u64) -> f64 {
        if self.seconds > 0.0 { count as f64 / self.seconds } else { 0.0 }
    }
}

fn is_old(now: Timestamp, look: Timestamp) -> bool {
    now.since(look) >= WINDOW
}

/// Counters of `now` less those of `before`; states are those of `now`.
fn difference(now: &Statistics, before: &Statistics) -> Statistics {
    let mut gained = now.clone();
    gained.inference_count = now.inference_count.saturating_sub(before.inference_count);
    gained.execution_count = now.execution_count.saturating_sub(before.execution_count);
    subtract(&mut gained.success, before.success);
    subtract(&mut gained.fail, before.fail);
    subtract(&mut gained.queue, before.queue);
    subtract(&mut gained.compute_input, before.compute_input);
    subtract(&mut gained.compute_infer, before.compute_infer);
    subtract(&mut gained.compute_output, before.compute_output);
    subtract_all(&mut gained.batch_reasons, &before.batch_reasons);
    subtract_all(&mut gained.failures, &before.failures);
    subtract_all(&mut gained.rejections, &before.rejections);
    subtract_histogram(&mut gained.request_seconds, &before.request_seconds);
    subtract_histogram(&mut gained.queue_seconds, &before.queue_seconds);
    subtract_histogram(&mut gained.compute_seconds, &before.compute_seconds);
    subtract_histogram(&mut gained.batch_rows, &before.batch_rows);
    gained.generation = now
        .generation
        .map(|now| before.generation.map_or(now, |before| generation_difference(&now, &before)));
    gained
}

fn generation_difference(
    now: &GenerationStatistics,
    before: &GenerationStatistics,
) -> GenerationStatistics {
    let gained = |count: fn(&GenerationStatistics) -> u64| count(now).saturating_sub(count(before));
    GenerationStatistics {
        prompt_tokens: gained(|s| s.prompt_tokens),
        generated_tokens: gained(|s| s.generated_tokens),
        prefix_cache_queries: gained(|s| s.prefix_cache_queries),
        prefix_cache_hits: gained(|s| s.prefix_cache_hits),
        ..*now
    }
}

fn subtract(stat: &mut DurationStat, before: DurationStat) {
    stat.count = stat.count.saturating_sub(before.count);
    stat.ns = stat.ns.saturating_sub(before.ns);
}

fn subtract_all<const N: usize>(counts: &mut [u64; N], before: &[u64; N]) {
    for (count, before) in counts.iter_mut().zip(before) {
        *count = count.saturating_sub(*before);
    }
}

fn subtract_histogram<const N: usize>(histogram: &mut Histogram<N>, before: &Histogram<N>) {
    subtract_all(&mut histogram.buckets, &before.buckets);
    histogram.count = histogram.count.saturating_sub(before.count);
    histogram.sum = (histogram.sum - before.sum).max(0.0);
}

#[cfg(test)]
mod tests;
