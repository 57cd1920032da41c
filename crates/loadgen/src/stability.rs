//! When a load level has warmed up, and whether it stayed as it was.

use std::time::Duration;

use crate::{Slice, StabilitySummary};

mod drift;
mod window;

use window::Window;

#[cfg(test)]
mod tests;

/// What counts as steady.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StabilityOptions {
    /// Least length of a window of the warm-up.
    pub window: Duration,
    /// Windows that have to agree, at least 2.
    pub windows: usize,
    /// By which share the largest may exceed the smallest, `0.1` for 10 %.
    pub tolerance: f64,
    /// Completed requests that a window holds at least; it grows until it does.
    pub completions_min: u64,
    /// The warm-up ends after this time whether the windows agree or not. 0 for none.
    pub warm_up_max: Duration,
}

impl Default for StabilityOptions {
    fn default() -> Self {
        Self {
            window: Duration::from_millis(500),
            windows: 3,
            tolerance: 0.1,
            completions_min: 20,
            warm_up_max: Duration::from_secs(30),
        }
    }
}

/// Where a warm-up stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// It has to go on.
    Continue,
    /// The windows agree: what comes next can be measured.
    Agreed,
    /// It lasted as long as it may. What comes next is measured and marked as not stable.
    GaveUp,
}

/// Watches the warm-up of a load level, and judges the measurement after it.
///
/// The **warm-up** is cut into windows. It has ended when the last three agree: neither throughputs nor
/// median latencies are further apart than 10 %, or than their noise explains (95 %, Tukey's range of
/// the windows' standard errors), and none rises or falls from window to window by more than half of
/// that. A slow server gets longer windows: each holds 20 completed requests at least.
///
/// The **measurement** after it has drifted if the slices' throughputs or median latencies show a
/// trend (Mann 1945 and Kendall 1975) or a step between the halves (Student's test), at a level of 1 %
/// for both, their variances corrected for correlation between neighbours (as by Yue and Wang 2004)
/// *and* the second half differs from the first by more than 5 %. The first condition alone would call
/// every long and quiet run drifting, for a tenth of a percent; the second alone every short and noisy
/// one.
///
/// The numbers are those of [`StabilityOptions::default`].
#[derive(Clone, Debug)]
pub struct Stability {
    options: StabilityOptions,
    /// The last `options.windows` full ones.
    windows: Vec<Window>,
    open: Window,
    warm_up: Duration,
    completions: u64,
    state: WarmUp,
}

impl Stability {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(options: StabilityOptions) -> Self {
        let state = match options.warm_up_max {
            Duration::ZERO => WarmUp::Agreed,
            _ => WarmUp::Continue,
        };
        Self {
            options: StabilityOptions { windows: options.windows.max(2), ..options },
            windows: Vec::new(),
            open: Window::default(),
            warm_up: Duration::ZERO,
            completions: 0,
            state,
        }
    }

    /// Where the warm-up stands. Without a warm-up it has [`WarmUp::Agreed`] from the start.
    #[must_use]
    pub const fn state(&self) -> WarmUp {
        self.state
    }

    /// The next slice of the warm-up. Slices after its end are not looked at.
    pub fn push(&mut self, slice: &Slice) -> WarmUp {
        if self.state != WarmUp::Continue {
            return self.state;
        }
        self.warm_up += slice.length;
        self.completions += slice.completed;
        self.open.push(slice);
        if self.open.is_full(self.options.window, self.options.completions_min) {
            self.close_window();
        }
        if self.disagreements().is_empty() {
            self.state = WarmUp::Agreed;
        } else if self.warm_up >= self.options.warm_up_max {
            self.state = WarmUp::GaveUp;
        }
        self.state
    }

    /// Judges the slices after the warm-up.
    #[must_use]
    pub fn finish(&self, measured: &[Slice]) -> StabilitySummary {
        let mut reasons = match self.state {
            WarmUp::Agreed => Vec::new(),
            WarmUp::GaveUp => self.disagreements(),
            WarmUp::Continue => {
                vec![format!("the warm-up was cut short after {:.1} s", self.warm_up.as_secs_f64())]
            }
        };
        reasons.extend(drift::reasons(measured, &self.options));
        StabilitySummary {
            stable: reasons.is_empty(),
            test: self.test(),
            warm_up_seconds: self.warm_up.as_secs_f64(),
            reasons,
        }
    }

    fn close_window(&mut self) {
        if self.windows.len() == self.options.windows {
            self.windows.remove(0);
        }
        self.windows.push(std::mem::take(&mut self.open));
    }

    /// Why the warm-up cannot end yet; empty if it can.
    fn disagreements(&self) -> Vec<String> {
        let full = self.windows.len();
        if full < self.options.windows {
            return vec![format!(
                "the warm-up of {:.1} s held {full} of the {} windows that have to agree \
                 ({} requests completed)",
                self.warm_up.as_secs_f64(),
                self.options.windows,
                self.completions
            )];
        }
        window::disagreements(&self.windows, self.options.tolerance)
    }

    fn test(&self) -> String {
        let StabilityOptions { windows, tolerance, completions_min, .. } = self.options;
        let (percent, half) = (tolerance * 100.0, tolerance * 50.0);
        let warm_up = match self.options.warm_up_max {
            Duration::ZERO => "no warm-up".to_owned(),
            _ => format!(
                "warm-up until throughput and median latency of {windows} windows (each of at least \
                 {:.1} s and {completions_min} requests) agree within {percent:.0} % or their noise \
                 and do not keep rising or falling, at most {:.0} s",
                self.options.window.as_secs_f64(),
                self.options.warm_up_max.as_secs_f64()
            ),
        };
        format!(
            "{warm_up}; then no trend or step (Mann-Kendall and t test, 1 %) by which the second \
             half of the measurement differs from the first by more than {half:.0} %"
        )
    }
}

impl StabilitySummary {
    /// Of a load that is not meant to be steady.
    #[must_use]
    pub fn not_tested(why: &str) -> Self {
        Self { stable: true, test: format!("not tested: {why}"), ..Self::default() }
    }
}
