//! Many observations in little space.

use hdrhistogram::Histogram;

#[cfg(test)]
mod tests;

/// Nanoseconds, ascending, each with how often it was seen: an HDR histogram without its empty
/// buckets, exact to 0.1 %.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    pub(crate) values: Vec<(u64, u64)>,
}

impl Distribution {
    /// All observations of all parts.
    #[must_use]
    pub fn merged<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        Self::sorted(parts.into_iter().flat_map(|part| part.values.iter().copied()).collect())
    }

    /// Adds the observations of another.
    pub fn merge(&mut self, other: &Self) {
        *self = Self::merged([&*self, other]);
    }

    /// Number of observations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.values.iter().map(|(_, count)| count).sum()
    }

    /// Whether nothing was observed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Sum of all observations, in nanoseconds.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.values.iter().map(|(value, count)| *value as f64 * *count as f64).sum()
    }

    /// Mean; 0 of nothing.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self.count() {
            0 => 0.0,
            count => self.sum() / count as f64,
        }
    }

    /// Smallest; 0 of nothing.
    #[must_use]
    pub fn min(&self) -> u64 {
        self.values.first().map_or(0, |(value, _)| *value)
    }

    /// Largest; 0 of nothing.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.values.last().map_or(0, |(value, _)| *value)
    }

    /// The smallest value that at least a share of `q` of the observations does not exceed; 0 of
    /// nothing.
    #[must_use]
    pub fn quantile(&self, q: f64) -> u64 {
        self.at_rank(quantile_rank(q, self.count()))
    }

    /// The `rank`-th smallest observation, counted from 1. The smallest for 0, the largest beyond the
    /// end, 0 of nothing.
    #[must_use]
    pub fn at_rank(&self, rank: u64) -> u64 {
        let mut seen = 0;
        for (value, count) in &self.values {
            seen += count;
            if seen >= rank {
                return *value;
            }
        }
        self.max()
    }

    /// How many observations are at most this.
    #[must_use]
    pub fn count_at_most(&self, limit: u64) -> u64 {
        self.values.iter().take_while(|(value, _)| *value <= limit).map(|(_, count)| count).sum()
    }

    /// The share of the observations that are at most this, 0 to 1; 0 of nothing.
    #[must_use]
    pub fn share_at_most(&self, limit: u64) -> f64 {
        match self.count() {
            0 => 0.0,
            count => self.count_at_most(limit) as f64 / count as f64,
        }
    }

    /// Values with the share of observations that do not exceed them, ascending, the last with 1. At
    /// most `points_max` of them (2 at least), as dense in each decade of the tail as in the middle:
    /// evenly over the logit of the share.
    #[must_use]
    pub fn cdf(&self, points_max: usize) -> Vec<(u64, f64)> {
        let count = self.count() as f64;
        let mut seen = 0;
        let shares = self.values.iter().map(|(value, number)| {
            seen += number;
            (*value, seen as f64 / count)
        });
        let shares: Vec<(u64, f64)> = shares.collect();
        if shares.len() <= points_max { shares } else { thinned(&shares, points_max.max(2)) }
    }

    /// Sorts by value and adds up equal values. The stable sort finds the runs that are sorted already.
    fn sorted(mut values: Vec<(u64, u64)>) -> Self {
        values.sort_by_key(|(value, _)| *value);
        values.retain(|(_, count)| *count > 0);
        values.dedup_by(|(value, count), (kept, sum)| {
            let same = value == kept;
            if same {
                *sum += *count;
            }
            same
        });
        Self { values }
    }
}

/// Keeps the first point of each of `points_max - 2` equal steps of the logit, and both ends.
fn thinned(shares: &[(u64, f64)], points_max: usize) -> Vec<(u64, f64)> {
    let (Some(first), [.., before_last, last]) = (shares.first(), shares) else {
        return shares.to_vec();
    };
    let logit = |share: f64| (share / (1.0 - share)).ln();
    let (low, high) = (logit(first.1), logit(before_last.1));
    let step = (high - low) / points_max.saturating_sub(2).max(1) as f64;
    let mut kept = Vec::with_capacity(points_max);
    let mut next = low;
    for point in &shares[..shares.len() - 1] {
        let here = logit(point.1);
        if here >= next && kept.len() < points_max - 1 {
            kept.push(*point);
            next = here + step;
        }
    }
    kept.push(*last);
    kept
}

/// The rank, from 1, of the observation that is the quantile `q` of `count`.
#[expect(clippy::cast_possible_truncation, reason = "at most the count, which is a u64")]
pub(crate) fn quantile_rank(q: f64, count: u64) -> u64 {
    // The product of, say, 0.99 and 100 may come out a hair above the whole number.
    let rank = (q * count as f64 * (1.0 - 1e-12)).ceil() as u64;
    rank.clamp(1, count.max(1))
}

impl From<&Histogram<u64>> for Distribution {
    fn from(histogram: &Histogram<u64>) -> Self {
        let recorded = histogram.iter_recorded();
        let values =
            recorded.map(|value| (value.value_iterated_to(), value.count_at_value())).collect();
        Self { values }
    }
}

/// Of single observations, in nanoseconds, in any order.
impl FromIterator<u64> for Distribution {
    fn from_iter<I: IntoIterator<Item = u64>>(values: I) -> Self {
        Self::sorted(values.into_iter().map(|value| (value, 1)).collect())
    }
}
