//! How compute grows with the size of a batch.

use std::time::Duration;

use serving::{Clock, ExecutorFactory};

use crate::{
    BatchCurve, BatchOutcome, BatchPoint, ProfileError,
    runs::{Runner, median_ms},
    sample::Sample,
};

/// A size is as good as the best one within this factor.
const AS_GOOD: f64 = 0.95;
/// A batch has to be faster per row by this factor to be worth making requests wait for each other.
const GAIN_MIN: f64 = 1.10;
/// Sizes are gone through at least so often.
const ROUNDS_MIN: u32 = 3;
/// Time for the runs of one size in one round.
const REPEATED: Duration = Duration::from_millis(5);

/// Measures runs of 1, 2, 4 and so on to `rows_max` rows, in rounds, so that what disturbs one size
/// disturbs all. Sizes whose runs would not fit the time are left out.
///
/// # Errors
///
/// The model does not run on one row; larger sizes that it refuses are left out.
pub(crate) fn curve(
    factory: &dyn ExecutorFactory,
    sample: &Sample,
    rows_max: usize,
    threads: usize,
    time: Duration,
) -> Result<BatchCurve, ProfileError> {
    let mut runner = Runner::new(factory, 0, sample.tensors())?;
    let start = Clock::now();
    let mut sizes = sizes(&mut runner, sample, rows_max, time)?;
    let mut rounds = 1;
    while rounds < ROUNDS_MIN || Clock::now().since(start) < time {
        for size in &mut sizes {
            runner.give(sample.with_rows(size.rows)?);
            // Short runs are repeated, so that each size gets a similar share of the time.
            size.runs.extend(runner.run_for(REPEATED)?);
        }
        rounds += 1;
    }
    Ok(judge(threads, sizes.into_iter().map(Size::point).collect()))
}

/// Finds the sizes to measure, each run twice: the first time, memory is still made.
fn sizes(
    runner: &mut Runner,
    sample: &Sample,
    rows_max: usize,
    time: Duration,
) -> Result<Vec<Size>, ProfileError> {
    let own = sample.rows();
    let mut sizes = vec![Size { rows: own, runs: vec![runner.run()?] }];
    if !sample.is_batchable() {
        return Ok(sizes);
    }
    let mut spent = sizes[0].runs[0];
    let larger = (0..usize::BITS).map(|power| 1_usize << power);
    for rows in larger.skip_while(|rows| *rows <= own).take_while(|rows| *rows <= rows_max) {
        // Twice as many rows take about twice as long.
        let expected = sizes.last().map_or(Duration::ZERO, |size| size.runs[0]) * 2;
        if (spent + expected) * (ROUNDS_MIN + 1) > time {
            break;
        }
        runner.give(sample.with_rows(rows)?);
        if runner.run().is_err() {
            break;
        }
        let run = runner.run()?;
        spent += run;
        sizes.push(Size { rows, runs: vec![run] });
    }
    Ok(sizes)
}

struct Size {
    rows: usize,
    runs: Vec<Duration>,
}

impl Size {
    fn point(self) -> BatchPoint {
        let run_ms = median_ms(&self.runs);
        let rows = self.rows as f64;
        BatchPoint {
            rows: self.rows,
            runs: self.runs.len(),
            run_ms,
            row_ms: run_ms / rows,
            rows_per_second: rows * 1e3 / run_ms.max(1e-6),
        }
    }
}

/// What the points show.
fn judge(threads: usize, points: Vec<BatchPoint>) -> BatchCurve {
    let best = points.iter().map(|point| point.rows_per_second).fold(0.0, f64::max);
    let as_good = points.iter().find(|point| point.rows_per_second >= best * AS_GOOD);
    let (best_rows, rate) = as_good.map_or((1, 0.0), |point| (point.rows, point.rows_per_second));
    let gain = points.first().map_or(1.0, |first| rate / first.rows_per_second.max(1e-9));
    let outcome = match points.len() {
        0 | 1 => BatchOutcome::Fixed,
        _ if gain >= GAIN_MIN => BatchOutcome::Pays,
        _ => BatchOutcome::NoGain,
    };
    BatchCurve { threads, points, outcome, best_rows, gain }
}

#[cfg(test)]
mod tests;
