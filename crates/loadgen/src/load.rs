use std::{fmt, str::FromStr, time::Duration};

use crate::{LoadLevel, LoadMode};

/// Callers of a closed loop at most: each holds a connection.
pub const CALLERS_MAX: usize = 16_384;

/// Levels of a sweep at most.
const LEVELS_MAX: usize = 64;

/// How requests are made.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// A number of callers, each sending its next request when it has its answer.
    Closed {
        /// Callers, each with a connection.
        callers: usize,
    },
    /// Requests when they are due, whatever became of those before.
    Open {
        /// Requests per second.
        rate: f64,
        /// How the times between them are distributed.
        arrivals: Arrivals,
    },
    /// A rate that grows evenly over the measured time.
    Ramp {
        /// Requests per second at the start.
        from: f64,
        /// At the end.
        to: f64,
        /// How the times between them are distributed.
        arrivals: Arrivals,
    },
    /// Requests at recorded times.
    Replay {
        /// From the start of the measurement, ascending.
        times: Vec<Duration>,
    },
    /// Users who each make a number of requests one after another, think between them, and are
    /// followed by a new user.
    Sessions {
        /// Users at a time.
        users: usize,
        /// Requests of each.
        turns: usize,
        /// Pause between an answer and the next request.
        think: Duration,
    },
}

/// How the times between requests are distributed; all have the same mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Arrivals {
    /// Equal.
    Constant,
    /// Exponential: many independent users.
    #[default]
    Poisson,
    /// Gamma with this shape, the inverse of the squared coefficient of variation: below 1 the
    /// arrivals come in bursts, at 1 they are Poisson's, above they become regular.
    Gamma(f64),
}

impl Load {
    /// How it is written down in results.
    #[must_use]
    pub fn level(&self) -> LoadLevel {
        let (mode, value, arrivals) = match self {
            Self::Closed { callers } => (LoadMode::Closed, count(*callers), None),
            Self::Open { rate, arrivals } => (LoadMode::Open, *rate, Some(arrivals)),
            Self::Ramp { to, arrivals, .. } => (LoadMode::Ramp, *to, Some(arrivals)),
            Self::Replay { times } => (LoadMode::Replay, mean_rate(times), None),
            Self::Sessions { users, .. } => (LoadMode::Sessions, count(*users), None),
        };
        let arrivals = arrivals.map(ToString::to_string).unwrap_or_default();
        LoadLevel { mode, value, arrivals }
    }

    /// Whether requests are due at times that answers do not move.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Ramp { .. } | Self::Replay { .. })
    }
}

#[expect(clippy::cast_precision_loss, reason = "callers are few")]
fn count(callers: usize) -> f64 {
    callers as f64
}

#[expect(clippy::cast_precision_loss, reason = "a mean rate needs no 52 bits")]
fn mean_rate(times: &[Duration]) -> f64 {
    let length = times.last().copied().unwrap_or_default().as_secs_f64();
    if length > 0.0 { times.len() as f64 / length } else { 0.0 }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Poisson => f.write_str("poisson"),
            Self::Gamma(shape) => write!(f, "gamma({shape})"),
        }
    }
}

impl FromStr for Arrivals {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let gamma = |text: &str| text.strip_prefix("gamma(")?.strip_suffix(')')?.parse().ok();
        match text {
            "constant" => Ok(Self::Constant),
            "poisson" => Ok(Self::Poisson),
            _ => gamma(text)
                .filter(|shape: &f64| *shape >= 0.01 && *shape <= 1000.0)
                .map(Self::Gamma)
                .ok_or_else(|| {
                    format!(
                        "'{text}' is no arrival process; say constant, poisson, or gamma(SHAPE) with a \
                         shape from 0.01 (bursts) to 1000 (regular)"
                    )
                }),
        }
    }
}

/// Numbers of a sweep: `1,8,64`, `1:64:x2` (factor) or `100:500:+100` (step); the end is taken too.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep(pub Vec<f64>);

impl FromStr for Sweep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let values = match text.split(':').collect::<Vec<_>>()[..] {
            [list] => list.split(',').map(positive).collect::<Result<Vec<_>, _>>()?,
            [start, end, step] => range(positive(start)?, positive(end)?, step)?,
            _ => return Err(sweep_error(text)),
        };
        if values.len() > LEVELS_MAX {
            return Err(format!("'{text}' has more than {LEVELS_MAX} levels"));
        }
        Ok(Self(values))
    }
}

fn sweep_error(text: &str) -> String {
    format!("'{text}' is no list of numbers; say 1,8,64 or 1:64:x2 (factor) or 100:500:+100 (step)")
}

fn positive(text: &str) -> Result<f64, String> {
    let value: f64 = text.trim().parse().map_err(|_| sweep_error(text))?;
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err(sweep_error(text)) }
}

fn range(start: f64, end: f64, step: &str) -> Result<Vec<f64>, String> {
    let grows = match (step.strip_prefix('x'), step.strip_prefix('+')) {
        (Some(factor), _) => {
            let factor = positive(factor)?;
            (factor > 1.0).then_some((factor, 0.0))
        }
        (_, Some(step)) => Some((1.0, positive(step)?)),
        _ => None,
    };
    let (factor, step) = grows.ok_or_else(|| sweep_error(step))?;
    if end < start {
        return Err(format!("a sweep from {start} to {end} is empty"));
    }
    let mut values = vec![start];
    let mut value = start * factor + step;
    // One part in a million, so that the end is met in spite of rounding.
    while value <= end * 1.000_001 && values.len() <= LEVELS_MAX {
        values.push(value.min(end));
        value = value * factor + step;
    }
    Ok(values)
}

#[cfg(test)]
mod tests;
