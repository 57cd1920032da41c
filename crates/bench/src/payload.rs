//! What is sent: tensors, and the bytes of one request that carries them, built once.

mod wire;

use serde::Serialize;

pub(crate) use wire::{Protocol, Wire};

/// One request to one model.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    /// Model name.
    pub(crate) model: String,
    /// Inputs.
    pub(crate) inputs: Vec<Input>,
    /// The output that is asked for and checked.
    pub(crate) output: String,
    /// What that output has to be.
    pub(crate) expected: Expected,
}

/// One input tensor.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    /// Name.
    pub(crate) name: String,
    /// Dimensions, the batch's too.
    pub(crate) shape: Vec<usize>,
    /// Elements, row-major.
    pub(crate) values: Values,
}

/// Elements of the types that the payloads here need.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Values {
    /// `FP32`.
    Fp32(Vec<f32>),
    /// `INT64`.
    Int64(Vec<i64>),
}

/// An `FP32` output.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// Elements.
    pub(crate) values: Vec<f32>,
    /// Largest difference from them that is allowed, per element.
    pub(crate) tolerance: f32,
}

impl Values {
    /// Name of the type in the protocol.
    pub(crate) fn datatype(&self) -> &'static str {
        match self {
            Self::Fp32(_) => "FP32",
            Self::Int64(_) => "INT64",
        }
    }

    /// As tensors travel: little-endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Fp32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Int64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }
}

impl Payload {
    /// A request to a model whose answer is known within a tolerance.
    pub(crate) fn new(
        model: &str,
        inputs: Vec<Input>,
        output: &str,
        (values, tolerance): (Vec<f32>, f32),
    ) -> Self {
        let expected = Expected { values, tolerance };
        Self { model: model.to_owned(), inputs, output: output.to_owned(), expected }
    }

    /// Uniform random elements in `[-1, 1)` for an identity model `INPUT0 -> OUTPUT0`.
    pub(crate) fn identity(model: &str, shape: &[usize], random: &mut Random) -> Self {
        let elements = shape.iter().product();
        let values: Vec<f32> = (0..elements).map(|_| random.signed_unit()).collect();
        Self {
            model: model.to_owned(),
            inputs: vec![Input {
                name: "INPUT0".to_owned(),
                shape: shape.to_vec(),
                values: Values::Fp32(values.clone()),
            }],
            output: "OUTPUT0".to_owned(),
            expected: Expected { values, tolerance: 0.0 },
        }
    }
}

/// Reproducible random numbers: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        // 53 bits are exact in an f64.
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `[-1, 1)`, of 24 random bits.
    #[expect(clippy::cast_possible_truncation, reason = "24 bits are exact in an f32")]
    pub(crate) fn signed_unit(&mut self) -> f32 {
        let bits = (self.bits() >> 40) as f64;
        (bits / f64::from(1 << 23) - 1.0) as f32
    }

    /// Time between two arrivals of a Poisson process with this many per second.
    pub(crate) fn exponential_seconds(&mut self, per_second: f64) -> f64 {
        -(1.0 - self.unit()).ln() / per_second
    }
}

#[cfg(test)]
mod tests;
