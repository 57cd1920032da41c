/// Reproducible random numbers: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// An independent sequence: the `index`th of this seed.
    #[must_use]
    pub fn fork(&self, index: u64) -> Self {
        let mut start = Self(self.0 ^ index.wrapping_mul(0xd6e8_feb8_6659_fd93));
        Self(start.bits())
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in `0..limit`; 0 if there is nothing below the limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.bits().carrying_mul(limit, 0).1
    }

    /// Uniform in `[0, 1)`.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `[-1, 1)`, of 24 random bits.
    #[expect(clippy::cast_possible_truncation, reason = "24 bits are exact in an f32")]
    pub fn signed_unit(&mut self) -> f32 {
        (self.unit_of_24_bits() * 2.0 - 1.0) as f32
    }

    #[expect(clippy::cast_precision_loss, reason = "24 bits are exact in an f64")]
    fn unit_of_24_bits(&mut self) -> f64 {
        (self.bits() >> 40) as f64 / f64::from(1 << 24)
    }

    /// Of the exponential distribution with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Of the standard normal distribution (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Of the gamma distribution with this shape and mean 1 (Marsaglia and Tsang 2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            // X(shape + 1) * U^(1 / shape), both scaled to their means.
            let boost = self.unit().max(f64::MIN_POSITIVE).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * (shape + 1.0) / shape * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let normal = self.normal();
            let v = (1.0 + c * normal).powi(3);
            if v > 0.0
                && self.unit().max(f64::MIN_POSITIVE).ln()
                    < 0.5 * normal * normal + d * (1.0 - v + v.ln())
            {
                return d * v / shape;
            }
        }
    }
}

#[cfg(test)]
mod tests;
