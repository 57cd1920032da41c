//! Whether larger batches pay for a model on this machine, learnt from its runs.
//!
//! A dense model on a CPU gains nothing from them: it is compute-bound at one row, and more rows only
//! fall out of the caches. A small one, or any on a GPU, gains much. So rows are gathered only up to
//! the size at which they are cheapest.

use std::time::Duration;

/// Sizes are told apart by powers of two, up to this one.
const SIZES: usize = 12;

/// Runs of a size before its cost counts.
const RUNS_MIN: u32 = 4;

/// A larger size must be cheaper by this factor: it makes requests wait for each other.
const GAIN_MIN: f64 = 1.03;

/// How often another size than the best is tried, once both ends are known.
const EXPLORE_EVERY: u64 = 64;

/// The cost of a row by the size of its batch.
#[derive(Debug, Default)]
pub(super) struct Economy {
    sizes: [Size; SIZES],
    runs: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    runs: u32,
    /// Decaying mean of nanoseconds per byte of input, which rows of any shape have in common.
    cost: f64,
}

impl Economy {
    /// A batch of `rows` rows with `bytes` of input took so long.
    pub(super) fn note(&mut self, rows: usize, bytes: usize, took: Duration) {
        #[expect(clippy::cast_precision_loss, reason = "inputs have far fewer than 2^52 bytes")]
        let cost = took.as_secs_f64() * 1e9 / bytes.max(1) as f64;
        self.runs += 1;
        self.sizes[size_of(rows)].note(cost);
    }

    /// Rows that the next batch should gather at most, of the `limit` that it may.
    pub(super) fn rows_max(&self, limit: usize) -> usize {
        let (single, largest) = (&self.sizes[0], &self.sizes[size_of(limit)]);
        let known = single.is_known() && largest.is_known();
        match self.runs % if known { EXPLORE_EVERY } else { 2 } {
            0 => 1,
            1 => limit,
            _ => self.best(limit),
        }
    }

    /// The smallest size that is about as cheap as any.
    fn best(&self, limit: usize) -> usize {
        let known = || self.sizes.iter().enumerate().filter(|(_, size)| size.is_known());
        let cheapest = known().map(|(_, size)| size.cost).fold(f64::INFINITY, f64::min);
        let best = known().find(|(_, size)| size.cost <= cheapest * GAIN_MIN);
        best.map_or(limit, |(index, _)| limit.min((2 << index) - 1))
    }
}

impl Size {
    fn note(&mut self, cost: f64) {
        self.runs = self.runs.saturating_add(1);
        if self.runs == 1 {
            self.cost = cost;
        } else {
            // A run that the system interrupted counts for little.
            let weight = 1.0 / f64::from(self.runs.min(16));
            self.cost += (cost.min(2.0 * self.cost) - self.cost) * weight;
        }
    }

    fn is_known(&self) -> bool {
        self.runs >= RUNS_MIN
    }
}

fn size_of(rows: usize) -> usize {
    let index = usize::try_from(rows.max(1).ilog2()).unwrap_or(SIZES);
    index.min(SIZES - 1)
}

#[cfg(test)]
mod tests;
