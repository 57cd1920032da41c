use std::time::Duration;

#[cfg(test)]
mod tests;

/// What a step of so many rows takes on this machine, measured.
#[derive(Clone, Debug)]
pub struct StepCost {
    /// Seconds by rows, from 1 on; `None` where no step was seen.
    seconds: Vec<Option<f64>>,
}

/// More rows than this fill the machine: drafts would only delay others.
const ROWS_MAX: usize = 64;

/// How far a new time moves the known one: down readily, up slowly, since a time may be too long
/// for many reasons, but too short for none.
const SHORTER: f64 = 0.3;
const LONGER: f64 = 0.05;

/// What each row beyond those that were seen is thought to cost, as a part of the whole step: so
/// little that it is tried, and then known.
const UNSEEN_ROW: f64 = 0.05;

impl Default for StepCost {
    fn default() -> Self {
        Self { seconds: vec![None; ROWS_MAX] }
    }
}

impl StepCost {
    /// Notes what a step took. Steps that compute prompts do not belong here, and those of more
    /// than 64 rows are not kept.
    pub fn observe(&mut self, rows: usize, time: Duration) {
        let slot = rows.checked_sub(1).and_then(|index| self.seconds.get_mut(index));
        let Some(slot) = slot.filter(|_| !time.is_zero()) else { return };
        let time = time.as_secs_f64();
        *slot = Some(slot.map_or(time, |known| {
            known + (time - known) * if time < known { SHORTER } else { LONGER }
        }));
    }

    /// Seconds that a step of so many rows takes: between sizes that were seen a straight line.
    /// `None` if nothing was seen or the rows fill the machine.
    #[must_use]
    pub fn seconds(&self, rows: usize) -> Option<f64> {
        if rows == 0 || rows > self.seconds.len() {
            return None;
        }
        let below = self.seen().take_while(|(seen, _)| *seen <= rows).last();
        let above = self.seen().find(|(seen, _)| *seen >= rows);
        match (below, above) {
            (Some((low, at_low)), Some((high, at_high))) => {
                let part = (rows - low) as f64 / (high - low).max(1) as f64;
                Some(at_low + (at_high - at_low) * part)
            }
            (Some((low, at_low)), None) => Some(at_low * (1.0 + UNSEEN_ROW * (rows - low) as f64)),
            (None, above) => above.map(|(_, at_high)| at_high),
        }
    }

    /// Rows and seconds, ascending in rows.
    fn seen(&self) -> impl Iterator<Item = (usize, f64)> {
        let by_rows = (1..).zip(&self.seconds);
        by_rows.filter_map(|(rows, seconds)| seconds.map(|seconds| (rows, seconds)))
    }
}

/// What a step that is being put together will compute and give.
#[derive(Clone, Copy, Debug)]
pub struct StepForecast<'a> {
    cost: &'a StepCost,
    rows: usize,
    /// Tokens that it adds to sequences, as expected.
    tokens: f64,
}

impl<'a> StepForecast<'a> {
    /// A step that computes one row for each of `decoding` sequences.
    #[must_use]
    pub fn new(cost: &'a StepCost, decoding: usize) -> Self {
        Self { cost, rows: decoding, tokens: decoding as f64 }
    }

    /// What the step gives with so many drafts more, of which `gain` are expected to come true.
    pub(super) fn tokens_per_second(&self, drafts: usize, gain: f64) -> Option<f64> {
        Some((self.tokens + gain) / self.cost.seconds(self.rows + drafts)?)
    }

    pub(super) fn add(&mut self, drafts: usize, gain: f64) {
        self.rows += drafts;
        self.tokens += gain;
    }
}
