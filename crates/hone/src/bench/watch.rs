//! Shows a measurement while it runs.

use std::{
    collections::VecDeque,
    io::{self, IsTerminal, Write as _},
    time::Duration,
};

use loadgen::{
    Colours, Distribution, LiveFigures, LivePhase, LiveView, Observer, Plan, Progress, Slice,
    live_line,
};

use super::interrupt::Interrupt;
use crate::environment;

/// Columns of a terminal; the view is narrower than most.
const WIDTH: usize = 100;

/// Measured time between two drawings, and between two lines where nothing can be drawn.
const REDRAW: Duration = Duration::from_millis(250);
const LINE: Duration = Duration::from_secs(5);

/// What "of late" is.
const RECENT: Duration = Duration::from_secs(1);

/// Rates that are kept for the curve.
const RATES_MAX: usize = 60;

/// Draws progress and listens for the wish to stop.
pub(super) struct Watch<'a> {
    interrupt: &'a Interrupt,
    view: Option<LiveView>,
    is_quiet: bool,
    figures: LiveFigures,
    recent: VecDeque<Slice>,
    drawn_at: Duration,
    /// Levels in all; 0 if that is not known.
    pub(super) levels: usize,
}

impl<'a> Watch<'a> {
    pub(super) fn new(is_quiet: bool, interrupt: &'a Interrupt) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let colours = colours(is_terminal);
        Self {
            interrupt,
            view: (is_terminal && !is_quiet).then(|| LiveView::new(WIDTH, colours)),
            is_quiet,
            figures: LiveFigures::default(),
            recent: VecDeque::new(),
            drawn_at: Duration::ZERO,
            levels: 0,
        }
    }

    /// The next level begins.
    pub(super) fn begin(&mut self, target: &str, plan: &Plan) {
        self.figures = LiveFigures {
            target: target.to_owned(),
            load: plan.load.level(),
            level: self.figures.level + 1,
            levels: self.levels,
            ..LiveFigures::default()
        };
        self.restart();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.interrupt.is_up()
    }

    /// Leaves nothing of the view.
    pub(super) fn clear(&mut self) {
        if let Some(view) = &mut self.view {
            write(&view.clear());
        }
    }

    fn restart(&mut self) {
        self.recent.clear();
        self.drawn_at = Duration::ZERO;
    }

    fn take(&mut self, progress: &Progress<'_>) {
        let phase = if progress.is_measuring { LivePhase::Measuring } else { LivePhase::WarmUp };
        if phase != self.figures.phase {
            self.figures.failures = 0;
            self.restart();
        }
        self.figures.phase = phase;
        self.figures.elapsed = progress.elapsed;
        self.figures.of = Some(progress.of).filter(|of| *of < Duration::from_secs(1 << 30));
        self.figures.failures += progress.slice.failures.values().sum::<u64>();
        self.recent.push_back(progress.slice.clone());
        while self.recent_length() > RECENT && self.recent.len() > 1 {
            self.recent.pop_front();
        }
    }

    fn recent_length(&self) -> Duration {
        self.recent.iter().map(|slice| slice.length).sum()
    }

    /// Brings the figures up to date and shows them.
    fn draw(&mut self, elapsed: Duration) {
        let period = if self.view.is_some() { REDRAW } else { LINE };
        if self.is_quiet || elapsed < self.drawn_at + period {
            return;
        }
        self.drawn_at = elapsed;
        let latency = Distribution::merged(self.recent.iter().map(|slice| &slice.latency));
        let completed: u64 = self.recent.iter().map(|slice| slice.completed).sum();
        self.figures.rate = completed as f64 / self.recent_length().as_secs_f64().max(1e-9);
        self.figures.p50_ms = latency.quantile(0.5) as f64 / 1e6;
        self.figures.p99_ms = latency.quantile(0.99) as f64 / 1e6;
        self.figures.rates.push(self.figures.rate);
        let surplus = self.figures.rates.len().saturating_sub(RATES_MAX);
        self.figures.rates.drain(..surplus);
        match &mut self.view {
            Some(view) => write(&view.redraw(&self.figures)),
            None => write(&format!("{}\n", live_line(&self.figures))),
        }
    }
}

impl Observer for Watch<'_> {
    fn progress(&mut self, progress: &Progress<'_>) -> bool {
        self.take(progress);
        self.draw(progress.elapsed);
        !self.is_stopped()
    }
}

/// Whether a stream is to have colours.
pub(super) fn colours(is_terminal: bool) -> Colours {
    let wanted = is_terminal && !environment::refuses_colours();
    if wanted { Colours::On } else { Colours::Off }
}

fn write(text: &str) {
    // Nobody is left to be told if standard error is closed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
