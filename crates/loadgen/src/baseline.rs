//! This run against a stored one: whether something became worse by more than it may.
//!
//! The two were measured at different times, so nothing pairs them: each figure's error is that of its
//! rounds (three or more of both: Welch 1947) or, without rounds, that of its own confidence interval.
//! Neither knows what changed around the server in between, which is what the tolerance is for.

use crate::{
    ComparedMetric, Comparison, Estimate, LevelResult, LoadLevel, ResultDocument, TargetResult,
    compare::{Difference, ROUNDS_MIN, holm, verdict},
    metric::{Figure, METRICS, Metric},
};

mod failures;
mod warnings;
mod words;

#[cfg(test)]
mod tests;

/// Probability of any false regression, over all figures and loads.
const FAMILY_LEVEL: f64 = 0.02;

/// What counts as a regression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BaselineOptions {
    /// By which share a figure may become worse, `0.05` for 5 %.
    pub tolerance: f64,
    /// Whether the figure itself counts. Otherwise its confidence interval must lie beyond the
    /// tolerance as a whole, and figures without one (mean latency and CPU time, unless there are three
    /// rounds of both) are only shown.
    pub strict: bool,
}

/// What this run shows against a stored one.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// Over all loads that are in both; A is this run. Ratios are this / stored.
    pub comparison: Comparison,
    /// What became worse, load by load.
    pub regressions: Vec<Regression>,
    /// What makes the comparison doubtful.
    pub warnings: Vec<String>,
}

/// A figure that became worse by more than the tolerance.
#[derive(Clone, Debug, PartialEq)]
pub struct Regression {
    /// Model.
    pub model: String,
    /// Where it was measured.
    pub load: LoadLevel,
    /// As in [`ComparedMetric::metric`], or `answered_share`: the share of requests answered rightly.
    pub metric: String,
    /// This / stored.
    pub ratio: Estimate,
}

/// Why two runs cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{stored} has no load in common with this run; measure the same model by the same protocol \
     ({models}) at the same loads ({loads})"
)]
pub struct BaselineError {
    stored: String,
    models: String,
    loads: String,
}

impl Baseline {
    /// `this` against `stored`, which messages call by its `name`, such as the file's.
    ///
    /// # Errors
    ///
    /// They have no load of a model in common.
    pub fn of(
        this: &ResultDocument,
        stored: &ResultDocument,
        name: &str,
        options: BaselineOptions,
    ) -> Result<Self, BaselineError> {
        let pairs = pairs(this, stored);
        if pairs.is_empty() {
            return Err(words::nothing_in_common(stored, name));
        }
        let measured: Vec<Measured<'_>> = pairs.iter().flat_map(Measured::all_of).collect();
        let level = FAMILY_LEVEL / measured.len().max(1) as f64;
        let mut regressions: Vec<Regression> = measured
            .iter()
            .filter(|measured| measured.is_worse(options, level))
            .map(Measured::regression)
            .collect();
        regressions.extend(pairs.iter().filter_map(failures::regression));
        let warnings = warnings::of(this, stored, pairs.len());
        let comparison = Comparison {
            a: "this run".to_owned(),
            b: name.to_owned(),
            rounds: 0,
            metrics: metrics(&measured),
            verdict: words::verdict(&regressions, &warnings, name, options),
        };
        Ok(Self { comparison, regressions, warnings })
    }
}

/// One load of one model in both runs.
#[derive(Debug)]
struct Pair<'a> {
    model: &'a str,
    load: &'a LoadLevel,
    /// Rounds.
    this: Vec<&'a LevelResult>,
    stored: Vec<&'a LevelResult>,
}

/// Targets are the same if their model and protocol are; the first of several.
fn pairs<'a>(this: &'a ResultDocument, stored: &'a ResultDocument) -> Vec<Pair<'a>> {
    let mut pairs: Vec<Pair<'a>> = Vec::new();
    for target in &this.targets {
        let is_same = |other: &&TargetResult| {
            other.model == target.model && other.protocol == target.protocol
        };
        let Some(other) = stored.targets.iter().find(is_same) else { continue };
        for level in &target.levels {
            let load = &level.load;
            if pairs.iter().any(|pair| pair.model == target.model && pair.load == load) {
                continue;
            }
            let (this, stored) = (rounds(target, load), rounds(other, load));
            if !stored.is_empty() {
                pairs.push(Pair { model: &target.model, load, this, stored });
            }
        }
    }
    pairs
}

fn rounds<'a>(target: &'a TargetResult, load: &LoadLevel) -> Vec<&'a LevelResult> {
    target.levels.iter().filter(|level| level.load == *load).collect()
}

/// One figure at one load in both runs.
#[derive(Clone, Copy, Debug)]
struct Measured<'a> {
    model: &'a str,
    load: &'a LoadLevel,
    metric: &'static Metric,
    this: Mean,
    stored: Mean,
    difference: Difference,
}

impl<'a> Measured<'a> {
    fn all_of(pair: &Pair<'a>) -> Vec<Self> {
        METRICS.iter().filter_map(|metric| Self::of(pair, metric)).collect()
    }

    fn of(pair: &Pair<'a>, metric: &'static Metric) -> Option<Self> {
        let (this, stored) = (Mean::of(&pair.this, metric)?, Mean::of(&pair.stored, metric)?);
        let difference = this.minus(&stored);
        Some(Self { model: pair.model, load: pair.load, metric, this, stored, difference })
    }

    fn is_worse(&self, options: BaselineOptions, level: f64) -> bool {
        let (worse, limit) = if self.metric.higher_is_better {
            (-self.difference.mean, -(-options.tolerance).ln_1p())
        } else {
            (self.difference.mean, options.tolerance.ln_1p())
        };
        if options.strict {
            return worse > limit;
        }
        self.difference.freedom >= 1.0 && worse - self.difference.half(level) > limit
    }

    fn regression(&self) -> Regression {
        Regression {
            model: self.model.to_owned(),
            load: self.load.clone(),
            metric: self.metric.name.to_owned(),
            ratio: self.difference.ratio(),
        }
    }
}

/// The mean logarithm of a figure over rounds.
#[derive(Clone, Copy, Debug)]
struct Mean {
    log: f64,
    rounds: usize,
    /// Variance of the mean by the scatter of the rounds.
    scatter: f64,
    /// The same by the rounds' own intervals, if they have any.
    own: Option<f64>,
}

impl Mean {
    fn of(rounds: &[&LevelResult], metric: &Metric) -> Option<Self> {
        let figures: Option<Vec<Figure>> =
            rounds.iter().map(|level| metric.of(&level.summary)).collect();
        let figures = figures.filter(|figures| !figures.is_empty())?;
        let number = figures.len() as f64;
        let logs = || figures.iter().map(|figure| figure.value.ln());
        let log = logs().sum::<f64>() / number;
        let squares: f64 = logs().map(|value| (value - log).powi(2)).sum();
        let own: Option<f64> = figures.iter().map(|figure| Some(figure.log_error()?.powi(2))).sum();
        Some(Self {
            log,
            rounds: figures.len(),
            scatter: squares / (number - 1.0).max(1.0) / number,
            own: own.map(|sum| sum / number / number),
        })
    }

    fn minus(&self, other: &Self) -> Difference {
        let mean = self.log - other.log;
        if self.rounds.min(other.rounds) >= ROUNDS_MIN {
            return Difference { mean, ..self.welch(other) };
        }
        match (self.own, other.own) {
            (Some(a), Some(b)) => Difference { mean, error: (a + b).sqrt(), freedom: 1e6 },
            _ => Difference { mean, error: 0.0, freedom: 0.0 },
        }
    }

    /// Error and degrees of freedom by the scatter of both (Welch 1947).
    fn welch(&self, other: &Self) -> Difference {
        let variance = self.scatter + other.scatter;
        let part = |mean: &Self| mean.scatter.powi(2) / (mean.rounds as f64 - 1.0);
        let parts = part(self) + part(other);
        let freedom = if parts > 0.0 { variance.powi(2) / parts } else { 1.0 };
        Difference { mean: 0.0, error: variance.sqrt(), freedom }
    }
}

/// Every figure over all loads.
fn metrics(measured: &[Measured<'_>]) -> Vec<ComparedMetric> {
    let over_loads = |metric: &'static Metric| {
        let loads: Vec<&Measured<'_>> =
            measured.iter().filter(|measured| measured.metric.name == metric.name).collect();
        (!loads.is_empty()).then_some((metric, loads))
    };
    let figures: Vec<(&Metric, Vec<&Measured<'_>>)> =
        METRICS.iter().filter_map(over_loads).collect();
    let differences: Vec<Difference> = figures.iter().map(|(_, loads)| mean_of(loads)).collect();
    let shown = holm(&differences, FAMILY_LEVEL);
    let compared = |(index, (metric, loads)): (usize, &(&Metric, Vec<&Measured<'_>>))| {
        let number = loads.len() as f64;
        let ratio = differences[index].ratio();
        ComparedMetric {
            metric: metric.name.to_owned(),
            a: (loads.iter().map(|load| load.this.log).sum::<f64>() / number).exp(),
            b: (loads.iter().map(|load| load.stored.log).sum::<f64>() / number).exp(),
            ratio,
            higher_is_better: metric.higher_is_better,
            visible: None,
            verdict: verdict(metric, ratio.value, shown[index]),
        }
    };
    figures.iter().enumerate().map(compared).collect()
}

/// The mean over loads.
fn mean_of(loads: &[&Measured<'_>]) -> Difference {
    let number = loads.len() as f64;
    let differences = || loads.iter().map(|load| load.difference);
    let squares: f64 = differences().map(|difference| difference.error.powi(2)).sum();
    Difference {
        mean: differences().map(|difference| difference.mean).sum::<f64>() / number,
        error: squares.sqrt() / number,
        freedom: differences().map(|difference| difference.freedom).fold(f64::MAX, f64::min),
    }
}
