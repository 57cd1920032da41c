use std::time::Duration;

use crate::{Arrivals, Load, Random};

/// The times at which requests are due, from the start of the load, ascending and without end but for
/// replays. Pure: the same seed gives the same times.
#[derive(Clone, Debug)]
pub struct DueTimes {
    process: Process,
    random: Random,
    /// Seconds; of the last request.
    last: f64,
}

#[derive(Clone, Debug)]
enum Process {
    Steady {
        rate: f64,
        arrivals: Arrivals,
    },
    /// The rate stays at `from` for `before`, then grows to `to` within `length`.
    Ramp {
        from: f64,
        to: f64,
        arrivals: Arrivals,
        before: f64,
        length: f64,
    },
    Recorded {
        times: Vec<Duration>,
        next: usize,
    },
}

impl DueTimes {
    /// Of an open load, with a warm-up and a measured time for ramps; `None` for loads whose requests
    /// follow upon answers.
    #[must_use]
    pub fn of(load: &Load, (warm_up, measured): (Duration, Duration), seed: u64) -> Option<Self> {
        let process = match load {
            Load::Open { rate, arrivals } => Process::Steady { rate: *rate, arrivals: *arrivals },
            Load::Ramp { from, to, arrivals } => Process::Ramp {
                from: *from,
                to: *to,
                arrivals: *arrivals,
                before: warm_up.as_secs_f64(),
                length: measured.as_secs_f64().max(f64::MIN_POSITIVE),
            },
            Load::Replay { times } => Process::Recorded { times: times.clone(), next: 0 },
            Load::Closed { .. } | Load::Sessions { .. } => return None,
        };
        Some(Self { process, random: Random::new(seed), last: 0.0 })
    }
}

impl Iterator for DueTimes {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let (rate, arrivals) = match &mut self.process {
            Process::Recorded { times, next } => {
                *next += 1;
                return times.get(*next - 1).copied();
            }
            Process::Steady { rate, arrivals } => (*rate, *arrivals),
            Process::Ramp { from, to, arrivals, before, length } => {
                let progress = ((self.last - *before) / *length).clamp(0.0, 1.0);
                (*from + (*to - *from) * progress, *arrivals)
            }
        };
        let gap = match arrivals {
            Arrivals::Constant => 1.0,
            Arrivals::Poisson => self.random.exponential(),
            Arrivals::Gamma(shape) => self.random.gamma(shape),
        };
        self.last += gap / rate;
        Some(Duration::from_secs_f64(self.last))
    }
}

#[cfg(test)]
mod tests;
