//! What a load level has to hold: `p99=50ms`, `ttft=200ms,tpot=30ms`, `errors=0.1%`.

use std::{fmt, str::FromStr, time::Duration};

use crate::{Distribution, Estimate, Goodput, ObjectiveTerm, Slice, interval::Intervals};

mod parse;

#[cfg(test)]
mod tests;

/// A service level objective.
///
/// Terms are separated by commas; all have to hold:
///
/// - `p99=50ms`, `p99.9=1s`: that share of the requests takes at most so long, from when it was due or
///   sent to the end of its answer. `latency.p99=50ms` is the same.
/// - `ttft.p90=200ms`, `tpot.p99=30ms`, `itl.p99=40ms`: the same for the time to the first token, the
///   time per output token after the first (averaged over each request) and the time between
///   successive tokens.
/// - `latency=50ms`, `ttft=200ms`, `tpot=30ms`, `itl=40ms`: short for `.p99`.
/// - `avg=20ms`, `ttft.avg=150ms`: the mean is at most this.
/// - `errors=0.1%`: at most that share of the requests fails.
///
/// Two things are drawn from it. **Goodput** counts requests one by one: those answered rightly within
/// the limits of `latency`, `ttft` and `tpot` ([`Objective::is_met_by`]). The share of a term plays no
/// part; of several limits for one time, that of the highest percentile is taken. `itl`, `avg` and
/// `errors` say nothing about a single request. The **level** holds the objective if every term holds:
/// for a percentile the share of requests within the limit, failed ones counted as beyond it, must
/// reach the percentile.
///
/// The level's verdict has a confidence of 95 %: it holds (or breaks) if the whole confidence interval
/// is on one side, and cannot be told otherwise. So 300 requests can never show a p99, as none of
/// them might have been the one in a hundred.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    text: String,
    terms: Vec<Term>,
}

/// Why a text is no objective.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{problem} in the objective `{given}`; give terms such as `p99=50ms`, `ttft=200ms`, \
     `itl.p99=40ms`, `ttft.p90=1s`, `avg=20ms`, `errors=0.1%`, separated by commas"
)]
pub struct ObjectiveError {
    given: String,
    problem: String,
}

#[derive(Clone, Debug, PartialEq)]
struct Term {
    text: String,
    requirement: Requirement,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Requirement {
    Quantile { time: Time, q: f64, limit: Duration },
    Mean { time: Time, limit: Duration },
    Errors { share_max: f64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    Latency,
    FirstToken,
    OutputToken,
    InterToken,
}

impl Objective {
    /// Whether a request that was answered rightly counts as good. `first_token` and `per_token` are
    /// `None` for what is no generation; a generation of one token has no `per_token`, and no limit for
    /// it either.
    #[must_use]
    pub fn is_met_by(
        &self,
        latency: Duration,
        first_token: Option<Duration>,
        per_token: Option<Duration>,
    ) -> bool {
        let within = |time, value: Duration| self.limit(time).is_none_or(|limit| value <= limit);
        within(Time::Latency, latency)
            && within(Time::FirstToken, first_token.unwrap_or(Duration::MAX))
            && within(Time::OutputToken, per_token.unwrap_or(Duration::ZERO))
    }

    /// Whether only generations can be measured against it.
    #[must_use]
    pub fn needs_generations(&self) -> bool {
        let times = self.terms.iter().filter_map(|term| term.requirement.time());
        times.into_iter().any(|time| time != Time::Latency)
    }

    /// A measurement against it.
    pub(crate) fn goodput(&self, measured: &[Slice], intervals: &Intervals<'_>) -> Goodput {
        let sum = |of: fn(&Slice) -> u64| measured.iter().map(of).sum::<u64>();
        let (good, offered) = (sum(|slice| slice.good), sum(|slice| slice.offered));
        let terms: Vec<ObjectiveTerm> =
            self.terms.iter().map(|term| term.judge(intervals)).collect();
        Goodput {
            objective: self.text.clone(),
            rate: intervals.rate(|slice| slice.good),
            share: if offered == 0 { 0.0 } else { (good as f64 / offered as f64).min(1.0) },
            holds: all_hold(&terms),
            terms,
        }
    }

    /// The limit for a single request.
    fn limit(&self, of: Time) -> Option<Duration> {
        let quantiles = self.terms.iter().filter_map(|term| match term.requirement {
            Requirement::Quantile { time, q, limit } if time == of => Some((q, limit)),
            Requirement::Quantile { .. }
            | Requirement::Mean { .. }
            | Requirement::Errors { .. } => None,
        });
        quantiles.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, limit)| limit)
    }
}

/// Broken if one is; held if all are.
fn all_hold(terms: &[ObjectiveTerm]) -> Option<bool> {
    if terms.iter().any(|term| term.holds == Some(false)) {
        return Some(false);
    }
    terms.iter().all(|term| term.holds == Some(true)).then_some(true)
}

impl Term {
    fn judge(&self, intervals: &Intervals<'_>) -> ObjectiveTerm {
        let (limit, observed, holds) = match self.requirement {
            Requirement::Quantile { time, q, limit } => {
                let observed = intervals.quantiles(|slice| time.of(slice)).estimate(q);
                let share = intervals.share(|slice| time.within(slice, limit));
                (limit.as_secs_f64() * 1e3, observed.milliseconds(), at_least(share, q))
            }
            Requirement::Mean { time, limit } => {
                let observed = intervals.mean(|slice| time.of(slice)).milliseconds();
                let limit = limit.as_secs_f64() * 1e3;
                let is_known =
                    intervals.any(|slice| time.of(slice).is_some_and(|of| !of.is_empty()));
                (limit, observed, if is_known { at_most(observed, limit) } else { None })
            }
            Requirement::Errors { share_max } => {
                let failed = intervals.share(|slice| (slice.failed(), slice.ended()));
                (share_max, failed, at_most(failed, share_max))
            }
        };
        ObjectiveTerm { term: self.text.clone(), limit, observed, holds }
    }
}

impl Requirement {
    const fn time(&self) -> Option<Time> {
        match self {
            Self::Quantile { time, .. } | Self::Mean { time, .. } => Some(*time),
            Self::Errors { .. } => None,
        }
    }
}

impl Time {
    const fn of(self, slice: &Slice) -> Option<&Distribution> {
        match (self, &slice.generation) {
            (Self::Latency, _) => Some(&slice.latency),
            (Self::FirstToken, Some(generation)) => Some(&generation.time_to_first_token),
            (Self::OutputToken, Some(generation)) => Some(&generation.time_per_output_token),
            (Self::InterToken, Some(generation)) => Some(&generation.inter_token_latency),
            (_, None) => None,
        }
    }

    /// How many observations are within a limit, and of how many. Failures are observations beyond it.
    fn within(self, slice: &Slice, limit: Duration) -> (u64, u64) {
        let Some(observed) = self.of(slice) else {
            return (0, slice.ended());
        };
        let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        (observed.count_at_most(limit), observed.count() + slice.failed())
    }
}

fn at_least(estimate: Estimate, limit: f64) -> Option<bool> {
    match estimate {
        Estimate { low, .. } if low >= limit => Some(true),
        Estimate { high, .. } if high < limit => Some(false),
        Estimate { .. } => None,
    }
}

fn at_most(estimate: Estimate, limit: f64) -> Option<bool> {
    match estimate {
        Estimate { high, .. } if high <= limit => Some(true),
        Estimate { low, .. } if low > limit => Some(false),
        Estimate { .. } => None,
    }
}

impl FromStr for Objective {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, ObjectiveError> {
        let fail = |problem| ObjectiveError { given: text.to_owned(), problem };
        let terms: Result<Vec<Term>, String> = text.split(',').map(parse::term).collect();
        Ok(Self { text: text.to_owned(), terms: terms.map_err(fail)? })
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
