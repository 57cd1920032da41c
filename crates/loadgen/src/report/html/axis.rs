//! From values to places in a drawing, and where the ticks are.

use crate::report::figure::figure;

/// How values are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    Linear,
    Log,
}

/// One direction of a drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    spread: Spread,
    from: f64,
    to: f64,
    /// Places of both ends.
    ends: (f64, f64),
}

impl Axis {
    /// An axis from 0 to at least the greatest value.
    pub(super) fn from_zero(values: impl Iterator<Item = f64>, ends: (f64, f64)) -> Self {
        let greatest = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let to = if greatest > 0.0 { greatest * 1.06 } else { 1.0 };
        Self { spread: Spread::Linear, from: 0.0, to, ends }
    }

    /// An axis that spans the values given; logarithmic if they differ by more than `ratio`.
    pub(super) fn spanning(
        values: impl Iterator<Item = f64>,
        ratio: f64,
        ends: (f64, f64),
    ) -> Self {
        let usable = values.filter(|value| value.is_finite() && *value > 0.0);
        let (least, greatest) = usable.fold((f64::MAX, 0.0_f64), |(least, greatest), value| {
            (least.min(value), greatest.max(value))
        });
        if greatest == 0.0 {
            return Self { spread: Spread::Linear, from: 0.0, to: 1.0, ends };
        }
        if greatest / least <= ratio {
            return Self { spread: Spread::Linear, from: 0.0, to: greatest * 1.08, ends };
        }
        Self { spread: Spread::Log, from: least / 1.15, to: greatest * 1.2, ends }
    }

    /// An axis whose ends are known.
    pub(super) const fn between(spread: Spread, from: f64, to: f64, ends: (f64, f64)) -> Self {
        Self { spread, from, to, ends }
    }

    /// Where a value is; values beyond an end are at the end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let part = match self.spread {
            Spread::Linear => (value - self.from) / (self.to - self.from),
            Spread::Log => (value.max(self.from) / self.from).ln() / (self.to / self.from).ln(),
        };
        let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 };
        self.ends.0 + part * (self.ends.1 - self.ends.0)
    }

    /// Round values along the axis, about five.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self.spread {
            Spread::Linear => self.linear_ticks(),
            Spread::Log => self.log_ticks(),
        }
    }

    /// Ticks with their names.
    pub(super) fn named_ticks(&self) -> Vec<(f64, String)> {
        self.ticks().into_iter().map(|tick| (tick, tick_name(tick))).collect()
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let rough = (self.to - self.from) / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let first = (self.from / step).ceil();
        let ticks = (0..12).map(|count| (first + f64::from(count)) * step);
        ticks.take_while(|tick| *tick <= self.to * 1.000_001).collect()
    }

    fn log_ticks(&self) -> Vec<f64> {
        let decades = (self.to / self.from).log10();
        let factors: &[f64] = match decades {
            decades if decades <= 1.2 => &[1.0, 2.0, 3.0, 5.0, 7.0],
            decades if decades <= 2.4 => &[1.0, 2.0, 5.0],
            decades if decades <= 3.5 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let power = 10_f64.powf(self.from.log10().floor());
        let all = (0..16).flat_map(|decade| {
            factors.iter().map(move |factor| factor * power * 10_f64.powi(decade))
        });
        all.filter(|tick| (self.from..=self.to).contains(tick)).collect()
    }
}

/// A round number, without digits that say nothing.
fn tick_name(tick: f64) -> String {
    // 0.1 + 0.2 is not quite 0.3.
    let name = figure((tick * 1e9).round() / 1e9);
    if name.contains('.') {
        name.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests;
