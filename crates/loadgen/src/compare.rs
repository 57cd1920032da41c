//! A against B in interleaved rounds: what differs, and what could have been seen.
//!
//! A machine's speed wanders: with its temperature, its neighbours, its caches. Two measurements one
//! after the other differ by that alone, and no interval of either one knows. So A and B are measured
//! in turns (A B, B A, A B, ...), and a round's ratio is free of what both of it saw. The rounds'
//! logarithms of ratios are then a sample of independent differences: their mean has Student's
//! interval.
//!
//! A dozen figures are looked at, and one of them would "differ" by chance in every other comparison
//! of a server with itself. A difference is therefore claimed only if it is significant over all
//! figures together (Holm 1979, familywise level 2 %) and at least 1 %.

use crate::{
    ComparedMetric, Comparison, Estimate, LevelResult, MetricVerdict, TargetResult,
    critical::{student_cdf, student_quantile},
    metric::{METRICS, Metric},
};

pub(crate) mod words;

#[cfg(test)]
mod tests;

/// Probability of claiming any difference between equals.
const FAMILY_LEVEL: f64 = 0.02;
/// A smaller difference is of no use to anybody, however sure.
const EFFECT_MIN: f64 = 0.01;
/// With fewer rounds nothing is claimed.
pub(crate) const ROUNDS_MIN: usize = 3;

impl Comparison {
    /// A against B. Measurements of the same load in the same round are a pair; the ratios of a
    /// round's loads are averaged (geometrically) before rounds are compared.
    ///
    /// [`ComparedMetric::a`] and `b` are geometric means, so that `ratio.value` is their ratio. The
    /// interval of a single round is that of both measurements, which do not know what differed between
    /// them but A and B; so nothing is claimed of fewer than three rounds.
    #[must_use]
    pub fn of_rounds(a: &TargetResult, b: &TargetResult) -> Self {
        let rounds = rounds(a, b);
        let samples = METRICS.iter().filter_map(|metric| Sample::of(metric, &rounds)).collect();
        let findings = judged(samples);
        let verdict = words::of_rounds(a, b, &findings, rounds.len());
        Self {
            a: a.label.clone(),
            b: b.label.clone(),
            rounds: rounds.len(),
            metrics: findings.into_iter().map(|finding| finding.compared).collect(),
            verdict,
        }
    }
}

/// The pairs of each round.
type Rounds<'a> = Vec<Vec<(&'a LevelResult, &'a LevelResult)>>;

/// Rounds without a pair are left out. Of equal loads in a round, the first of A meets the first of B.
fn rounds<'a>(a: &'a TargetResult, b: &'a TargetResult) -> Rounds<'a> {
    let mut rounds: std::collections::BTreeMap<usize, Vec<_>> = std::collections::BTreeMap::new();
    let mut left: Vec<&LevelResult> = b.levels.iter().collect();
    for level in &a.levels {
        let is_other =
            |other: &&LevelResult| other.round == level.round && other.load == level.load;
        if let Some(at) = left.iter().position(is_other) {
            rounds.entry(level.round).or_default().push((level, left.remove(at)));
        }
    }
    rounds.into_values().collect()
}

/// One figure over all rounds.
#[derive(Clone, Debug)]
struct Sample {
    metric: &'static Metric,
    /// Means over the loads of a round, logarithms.
    a: Vec<f64>,
    b: Vec<f64>,
    /// Standard error of the first round's difference by the figures' own intervals, if they have any.
    own: Option<f64>,
}

impl Sample {
    /// `None` unless every pair has the figure.
    fn of(metric: &'static Metric, rounds: &Rounds<'_>) -> Option<Self> {
        let mean = |levels: Vec<&LevelResult>| -> Option<f64> {
            let number = levels.len() as f64;
            let logs = levels.iter().map(|level| Some(metric.of(&level.summary)?.value.ln()));
            Some(logs.sum::<Option<f64>>()? / number)
        };
        let a = rounds.iter().map(|pairs| mean(pairs.iter().map(|pair| pair.0).collect()));
        let b = rounds.iter().map(|pairs| mean(pairs.iter().map(|pair| pair.1).collect()));
        let (a, b): (Option<Vec<f64>>, Option<Vec<f64>>) = (a.collect(), b.collect());
        let own = rounds.first().and_then(|pairs| own_error(metric, pairs));
        let sample = Self { metric, a: a?, b: b?, own };
        (!sample.a.is_empty()).then_some(sample)
    }

    fn difference(&self) -> Difference {
        let differences: Vec<f64> = self.a.iter().zip(&self.b).map(|(a, b)| a - b).collect();
        match (&differences[..], self.own) {
            ([mean], Some(error)) => Difference { mean: *mean, error, freedom: 1e6 },
            _ => Difference::of(&differences),
        }
    }
}

/// Of the mean over the pairs of a round.
fn own_error(metric: &Metric, pairs: &[(&LevelResult, &LevelResult)]) -> Option<f64> {
    let error = |level: &LevelResult| metric.of(&level.summary).as_ref()?.log_error();
    let square =
        |pair: &(&LevelResult, &LevelResult)| Some(error(pair.0)?.powi(2) + error(pair.1)?.powi(2));
    let squares: Option<f64> = pairs.iter().map(square).sum();
    Some(squares?.sqrt() / pairs.len() as f64)
}

/// A mean of logarithms of ratios, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) mean: f64,
    /// Standard error of the mean.
    pub(crate) error: f64,
    pub(crate) freedom: f64,
}

impl Difference {
    /// Of independent differences. A single one has no error that could be known.
    fn of(differences: &[f64]) -> Self {
        let number = differences.len() as f64;
        let mean = differences.iter().sum::<f64>() / number;
        let squares: f64 = differences.iter().map(|value| (value - mean).powi(2)).sum();
        let error = (squares / (number - 1.0).max(1.0) / number).sqrt();
        Self { mean, error, freedom: number - 1.0 }
    }

    /// Half the width of an interval with this probability beyond either end.
    pub(crate) fn half(&self, tail: f64) -> f64 {
        if self.freedom < 1.0 {
            0.0
        } else {
            student_quantile(1.0 - tail, self.freedom) * self.error
        }
    }

    /// Of a difference as large as this between equals.
    pub(crate) fn probability(&self) -> f64 {
        if self.freedom < 1.0 || self.mean == 0.0 {
            return 1.0;
        }
        if self.error <= 0.0 {
            return 0.0;
        }
        2.0 * student_cdf(-(self.mean / self.error).abs(), self.freedom)
    }

    /// As a ratio, with its 95 % interval.
    pub(crate) fn ratio(&self) -> Estimate {
        let half = self.half(0.025);
        Estimate {
            value: self.mean.exp(),
            low: (self.mean - half).exp(),
            high: (self.mean + half).exp(),
        }
    }
}

/// A figure that was judged.
#[derive(Clone, Debug)]
struct Finding {
    metric: &'static Metric,
    compared: ComparedMetric,
    /// Smallest share of difference that would have been claimed, were it not for the other figures.
    visible: f64,
}

/// Judges all figures together.
fn judged(samples: Vec<Sample>) -> Vec<Finding> {
    let differences: Vec<Difference> = samples.iter().map(Sample::difference).collect();
    let shown = holm(&differences, FAMILY_LEVEL);
    let number = samples.len() as f64;
    let finding = |(index, sample): (usize, Sample)| {
        let difference = differences[index];
        let is_enough = sample.a.len() >= ROUNDS_MIN;
        let visible = difference.half(FAMILY_LEVEL / 2.0 / number).exp_m1().max(EFFECT_MIN);
        let mut compared = compared(&sample, &difference, is_enough && shown[index]);
        compared.visible = Some(visible).filter(|share| is_enough && share.is_finite());
        Finding { metric: sample.metric, compared, visible }
    };
    samples.into_iter().enumerate().map(finding).collect()
}

fn compared(sample: &Sample, difference: &Difference, is_significant: bool) -> ComparedMetric {
    let geometric = |logs: &[f64]| (logs.iter().sum::<f64>() / logs.len() as f64).exp();
    let ratio = difference.ratio();
    ComparedMetric {
        metric: sample.metric.name.to_owned(),
        a: geometric(&sample.a),
        b: geometric(&sample.b),
        ratio,
        higher_is_better: sample.metric.higher_is_better,
        visible: None,
        verdict: verdict(sample.metric, ratio.value, is_significant),
    }
}

/// What a ratio A / B shows.
pub(crate) fn verdict(metric: &Metric, ratio: f64, is_significant: bool) -> MetricVerdict {
    if !is_significant || ratio.ln().abs() < EFFECT_MIN.ln_1p() {
        MetricVerdict::NoDifferenceShown
    } else if metric.is_better(ratio) {
        MetricVerdict::ABetter
    } else {
        MetricVerdict::BBetter
    }
}

/// Which differences are significant, with this probability of any false one (Holm 1979): from the
/// least probable on, until one is not at the level divided by the number of those left.
pub(crate) fn holm(differences: &[Difference], level: f64) -> Vec<bool> {
    let mut order: Vec<(usize, f64)> =
        differences.iter().map(Difference::probability).enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let number = order.len();
    let passes = |(rank, (_, probability)): &(usize, (usize, f64))| {
        *probability <= level / (number - rank) as f64
    };
    let mut shown = vec![false; number];
    for (_, (index, _)) in order.into_iter().enumerate().take_while(passes) {
        shown[index] = true;
    }
    shown
}
