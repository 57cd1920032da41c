//! Rotary position embedding (<https://arxiv.org/abs/2104.09864>) and what stretches it.

use std::f64::consts::TAU;

use super::impossible;
use crate::checkpoint::CheckpointError;

/// How queries and keys are turned by their position.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// The base of the frequencies.
    pub theta: f32,
    /// The base in layers with a sliding window, if it is another; these are never scaled.
    pub local_theta: Option<f32>,
    /// Which two values are turned together.
    pub style: RopeStyle,
    /// How many values of a head are turned, from its first; even.
    pub dimensions: usize,
    /// What makes positions denser.
    pub scaling: RopeScaling,
}

/// Which values of a head make a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RopeStyle {
    /// `2i` and `2i + 1`: Llama's weights in GGUF files.
    Interleaved,
    /// `i` and `i + dimensions / 2`: everything else.
    HalfSplit,
}

/// How frequencies are changed for longer contexts.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All are divided by a factor.
    Linear {
        /// The factor.
        factor: f32,
    },
    /// Llama 3.1: low ones are divided, high ones stay, those between change smoothly.
    Llama3 {
        /// What low frequencies are divided by.
        factor: f32,
        /// Waves longer than the original context over this are low.
        low_frequency_factor: f32,
        /// Waves shorter than the original context over this are high.
        high_frequency_factor: f32,
        /// Tokens that the model was trained with first.
        original_context: usize,
    },
    /// Each is divided by its own factor: the tensor `rope_freqs.weight`, `[dimensions / 2]`.
    Factors(Vec<f32>),
}

impl Rope {
    /// Inverse frequencies `[dimensions / 2]` of layers without a sliding window, or of those with
    /// one (`local`): the angle of pair `i` at position `p` is `p * f[i]`.
    #[must_use]
    pub fn frequencies(&self, local: bool) -> Vec<f64> {
        let (theta, scaled) = match self.local_theta {
            Some(theta) if local => (theta, false),
            _ => (self.theta, true),
        };
        (0..self.dimensions / 2)
            .map(|pair| {
                let frequency = base_frequency(theta, pair, self.dimensions);
                let divisor = if scaled { self.divisor(pair, frequency) } else { 1.0 };
                frequency / divisor
            })
            .collect()
    }

    fn divisor(&self, pair: usize, frequency: f64) -> f64 {
        match &self.scaling {
            RopeScaling::None => 1.0,
            RopeScaling::Linear { factor } => f64::from(*factor),
            RopeScaling::Factors(factors) => f64::from(factors[pair]),
            RopeScaling::Llama3 { factor, .. } => {
                let share = self.unscaled_share(frequency);
                1.0 / (share + (1.0 - share) / f64::from(*factor))
            }
        }
    }

    /// How far a frequency of Llama 3.1 stays as it is: 1 for high ones, 0 for low ones.
    fn unscaled_share(&self, frequency: f64) -> f64 {
        let RopeScaling::Llama3 {
            low_frequency_factor,
            high_frequency_factor,
            original_context,
            ..
        } = &self.scaling
        else {
            return 1.0;
        };
        let (low, high) = (f64::from(*low_frequency_factor), f64::from(*high_frequency_factor));
        let waves = *original_context as f64 * frequency / TAU;
        ((waves - low) / (high - low)).clamp(0.0, 1.0)
    }

    pub(super) fn check(&self) -> Result<(), CheckpointError> {
        let bases = [Some(self.theta), self.local_theta].into_iter().flatten();
        for theta in bases {
            if !(theta.is_finite() && theta >= 1.0) {
                return Err(impossible(format!("the base of the rotation is {theta}")));
            }
        }
        let ok = match &self.scaling {
            RopeScaling::None => true,
            RopeScaling::Linear { factor } => positive(*factor),
            RopeScaling::Llama3 {
                factor,
                low_frequency_factor: low,
                high_frequency_factor: high,
                original_context,
            } => positive(*factor) && positive(*low) && low < high && *original_context > 0,
            RopeScaling::Factors(factors) => {
                factors.len() == self.dimensions / 2
                    && factors.iter().all(|factor| positive(*factor))
            }
        };
        let problem = || impossible(format!("the rotation cannot be scaled by {:?}", self.scaling));
        ok.then_some(()).ok_or_else(problem)
    }
}

fn positive(value: f32) -> bool {
    value.is_finite() && value > 0.0
}

fn base_frequency(theta: f32, pair: usize, dimensions: usize) -> f64 {
    let exponent = (2 * pair) as f64 / dimensions as f64;
    f64::from(theta).powf(-exponent)
}
