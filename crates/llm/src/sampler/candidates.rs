use kernels::PEAK_BLOCK;

use super::exponential::exp_nonpositive;

/// A few tokens of a row, as keys whose order is that of their likelihood: highest logit first, then lowest id.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    keys: Vec<u64>,
    /// Where the peaks are put in order.
    order: Vec<f32>,
}

/// Up to here sorting is cheaper than looking for the place first.
const SORTED_MAX: usize = 128;

impl Candidates {
    /// All tokens with at least this logit; forbidden ones never.
    pub(super) fn gather(&mut self, logits: &[f32], peaks: &[f32], logit_min: f32) {
        let logit_min = logit_min.max(f32::MIN);
        self.keys.clear();
        for (block, (values, peak)) in logits.chunks(PEAK_BLOCK).zip(peaks).enumerate() {
            if *peak < logit_min {
                continue;
            }
            let first = block * PEAK_BLOCK;
            let found = values.iter().enumerate().filter(|(_, logit)| **logit >= logit_min);
            self.keys.extend(found.map(|(within, logit)| key(*logit, first + within)));
        }
    }

    /// All places with a value from `low` to below `high`.
    pub(super) fn gather_between(&mut self, values: &[f32], low: f32, high: f32) {
        self.keys.clear();
        let found = values.iter().enumerate().filter(|(_, value)| (low..high).contains(*value));
        self.keys.extend(found.map(|(place, value)| key(*value, place)));
    }

    /// At least the `count` likeliest tokens that have `logit_min`, if there are so many, and not many more.
    ///
    /// In each of the `count` blocks with the highest peaks is one token that is as high as the lowest of these
    /// peaks: no token below it is among the `count` likeliest.
    pub(super) fn gather_some(
        &mut self,
        logits: &[f32],
        peaks: &[f32],
        count: usize,
        logit_min: f32,
    ) {
        let mut threshold = f32::MIN;
        if (1..=peaks.len()).contains(&count) {
            self.order.clear();
            self.order.extend_from_slice(peaks);
            let (_, lowest, _) =
                self.order.select_nth_unstable_by(count - 1, |left, right| right.total_cmp(left));
            threshold = *lowest;
        }
        self.gather(logits, peaks, threshold.max(logit_min));
    }

    /// Exactly the `count` likeliest tokens that have `logit_min`, in no order; fewer if there are fewer.
    pub(super) fn gather_top(
        &mut self,
        logits: &[f32],
        peaks: &[f32],
        count: usize,
        logit_min: f32,
    ) {
        self.gather_some(logits, peaks, count, logit_min);
        if (1..self.keys.len()).contains(&count) {
            self.keys.select_nth_unstable(count - 1);
        }
        self.keys.truncate(count);
    }

    pub(super) fn sort(&mut self) {
        self.keys.sort_unstable();
    }

    /// Ids and logits.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        self.keys.iter().map(|key| (id(*key), logit(*key)))
    }

    pub(super) fn mass(&self, weight: &Weight) -> f64 {
        self.keys.iter().map(|key| weight.of(*key)).sum()
    }

    /// Keeps the fewest likeliest tokens whose mass is at least `target`, and returns theirs; nothing if all have less.
    pub(super) fn keep_mass(&mut self, target: f64, weight: &Weight) -> Option<f64> {
        if self.mass(weight) < target {
            return None;
        }
        let (mut first, mut end, mut before) = (0, self.keys.len(), 0.0);
        // Halving finds the place in linear time; what is left is put in order.
        while end - first > SORTED_MAX {
            let half = (end - first) / 2;
            self.keys[first..end].select_nth_unstable(half);
            let upper: f64 = self.keys[first..first + half].iter().map(|key| weight.of(*key)).sum();
            if before + upper >= target {
                end = first + half;
            } else {
                first += half;
                before += upper;
            }
        }
        self.keys[first..end].sort_unstable();
        for index in first..end {
            before += weight.of(self.keys[index]);
            if before >= target {
                self.keys.truncate(index + 1);
                return Some(before);
            }
        }
        None
    }

    /// The token at which the mass of the tokens up to it exceeds `target`.
    pub(super) fn at_mass(&self, target: f64, weight: &Weight) -> Option<u32> {
        let mut before = 0.0;
        let reached = self.keys.iter().find(|key| {
            before += weight.of(**key);
            before > target
        });
        // Rounding may leave the last one out of reach.
        reached.or(self.keys.iter().rfind(|key| weight.of(**key) > 0.0)).map(|key| id(*key))
    }
}

/// How likely a token is, relative to the likeliest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight {
    pub(super) highest: f32,
    /// One over the temperature.
    pub(super) scale: f32,
}

impl Weight {
    fn of(&self, key: u64) -> f64 {
        f64::from(exp_nonpositive((logit(key) - self.highest) * self.scale))
    }
}

/// Puts the logit's bits in an order of integers, highest first, above the id.
fn key(logit: f32, id: usize) -> u64 {
    let bits = logit.to_bits();
    let ascending = if bits >> 31 == 0 { bits | 0x8000_0000 } else { !bits };
    (u64::from(!ascending) << 32) | (id as u64 & 0xffff_ffff)
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half")]
fn id(key: u64) -> u32 {
    key as u32
}

fn logit(key: u64) -> f32 {
    let ascending = !id(key >> 32);
    let bits = if ascending >> 31 == 1 { ascending & 0x7fff_ffff } else { !ascending };
    f32::from_bits(bits)
}
