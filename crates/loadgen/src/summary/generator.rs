//! Whether the generator was able to do what it was asked for.

use crate::{FailureKind, GeneratorReading, GeneratorSummary, LatencySummary, Slice, Summary};

/// Lateness that matters in no latency that a network is part of.
const LATENESS_MS: f64 = 0.1;
/// Share of a latency that lateness may have: the p99 of one in the p99 of the other.
const LATENESS_SHARE: f64 = 0.05;
/// A thread that is busier than this has no room for bursts.
const CPU_SHARE_MAX: f64 = 0.8;

pub(super) fn summary(
    reading: &GeneratorReading,
    slices: &[Slice],
    lateness: Option<LatencySummary>,
    level: &Summary,
) -> GeneratorSummary {
    let cpu: f64 = slices.iter().map(|slice| slice.generator_cpu.as_secs_f64()).sum();
    let busiest = reading.busiest_cpu.as_secs_f64();
    let not_sent = slices.iter().map(|slice| slice.failed_by(FailureKind::NotSent)).sum();
    let cpu_share = if level.seconds > 0.0 { busiest / level.seconds } else { 0.0 };
    let warnings =
        [lateness.and_then(|lateness| late(&lateness, level)), busy(cpu_share), full(not_sent)];
    GeneratorSummary {
        threads: reading.threads,
        cpu_us_per_request: cpu * 1e6 / level.completed.max(1) as f64,
        cpu_share,
        lateness,
        warnings: warnings.into_iter().flatten().collect(),
    }
}

fn late(lateness: &LatencySummary, level: &Summary) -> Option<String> {
    let late = lateness.p99.value;
    let allowed = f64::max(LATENESS_MS, LATENESS_SHARE * level.latency.p99.value);
    (late > allowed).then(|| {
        format!(
            "the generator was late: one request in a hundred was turned to {late:.3} ms or more \
             after it was due ({allowed:.3} ms are harmless), and latencies hold that time; give it \
             more threads or cores, or a machine of its own"
        )
    })
}

fn busy(share: f64) -> Option<String> {
    (share > CPU_SHARE_MAX).then(|| {
        format!(
            "the generator's CPU was the limit: its busiest thread was busy for {:.0} % of the \
             time; give it more threads or cores, or a machine of its own",
            share * 100.0
        )
    })
}

fn full(not_sent: u64) -> Option<String> {
    (not_sent > 0).then(|| {
        format!(
            "{not_sent} requests were never sent, because the generator already held as many as it \
             may: the rate is beyond what the server answers"
        )
    })
}
