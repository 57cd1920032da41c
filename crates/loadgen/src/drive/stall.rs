use std::time::Duration;

use crate::{Distribution, Slice, clock::nanos};

/// A silence has to be so many times the p99 to be a stall.
const SILENCE_FACTOR: u64 = 5;

/// By which factor an even arrival must raise the p99 for a closed loop's to be called hidden.
const HIDDEN_FACTOR: f64 = 1.5;

/// Shortest silence that is spoken of.
const SILENCE_MIN: Duration = Duration::from_millis(20);

/// What a closed loop's percentiles hide: while the server stalls, no caller sends, so only one request
/// of each caller is seen to wait. `None` if there is nothing of the kind.
///
/// The p99 that an even arrival of requests would have seen is estimated as Tene's HdrHistogram does: a
/// request that took n times the median stands for n - 1 that were not sent, each shorter by a median.
pub(super) fn hidden(slices: &[Slice]) -> Option<String> {
    let latency = Distribution::merged(slices.iter().map(|slice| &slice.latency));
    let silence = longest_silence(slices);
    let p99 = latency.quantile(0.99);
    if silence < SILENCE_MIN || nanos(silence) < p99.saturating_mul(SILENCE_FACTOR) {
        return None;
    }
    let corrected = corrected(&latency).quantile(0.99);
    if ms(corrected) < ms(p99) * HIDDEN_FACTOR {
        return None;
    }
    let waited = latency.count() - latency.count_at_most(nanos(silence) / 2);
    Some(format!(
        "nothing was answered for {:.0} ms, but a closed loop sends nothing meanwhile: only {waited} of {} \
         requests show it. Requests that arrive evenly would have had a p99 of about {:.3} ms, not {:.3} \
         ms; measure with --rate",
        silence.as_secs_f64() * 1e3,
        latency.count(),
        ms(corrected),
        ms(p99),
    ))
}

#[expect(clippy::cast_precision_loss, reason = "a time in milliseconds needs no 52 bits")]
fn ms(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// Longest time in which no request ended: within one slice, or over slices in which none did.
fn longest_silence(slices: &[Slice]) -> Duration {
    let mut longest = Duration::ZERO;
    let mut run = Duration::ZERO;
    for slice in slices {
        let is_silent = slice.completed == 0 && slice.failures.is_empty();
        run = if is_silent { run + slice.length } else { Duration::ZERO };
        longest = longest.max(run).max(slice.longest_silence);
    }
    longest
}

fn corrected(latency: &Distribution) -> Distribution {
    let interval = latency.quantile(0.5).max(1);
    let mut values: Vec<(u64, u64)> = latency.values.clone();
    for (value, count) in &latency.values {
        let unsent = value.saturating_sub(*value % interval) / interval;
        values.extend((1..unsent).map(|missed| (value - missed * interval, *count)));
        // A stall of an hour at a microsecond each is more than anybody needs.
        if values.len() > 1 << 20 {
            break;
        }
    }
    values.sort_unstable();
    Distribution { values }
}

#[cfg(test)]
mod tests;
