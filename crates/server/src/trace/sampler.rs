use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};

use super::settings::Settings;

/// Chooses the requests that are traced, under settings that do not change.
#[derive(Debug)]
pub(super) struct Sampler {
    pub(super) settings: Settings,
    /// Requests that it was asked about.
    seen: AtomicU64,
    /// Traces that may still be made; -1 is without end.
    left: AtomicI32,
}

impl Sampler {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, seen: AtomicU64::new(0), left: AtomicI32::new(settings.count) }
    }

    /// Whether it will choose anything at all.
    pub(super) fn is_on(&self) -> bool {
        !self.settings.level.is_off() && self.settings.rate > 0 && self.left() != 0
    }

    /// Traces that may still be made; -1 is without end.
    pub(super) fn left(&self) -> i32 {
        self.left.load(Relaxed)
    }

    /// Whether one more request is traced: the last of every `rate`, and those that have to be.
    pub(super) fn takes(&self, has_to: bool) -> bool {
        if self.settings.level.is_off() || self.settings.rate == 0 {
            return false;
        }
        let rate = u64::from(self.settings.rate);
        let is_due = has_to || (self.seen.fetch_add(1, Relaxed) + 1).is_multiple_of(rate);
        is_due && self.take_one()
    }

    fn take_one(&self) -> bool {
        let take = |left: i32| match left {
            0 => None,
            1.. => Some(left - 1),
            _ => Some(left),
        };
        self.left.fetch_update(Relaxed, Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests;
