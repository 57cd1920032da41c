//! Values that every model takes: token ids that the smallest vocabulary has, masks that hide
//! nothing. How long a dense model takes does not depend on them.

use bytes::Bytes;
use serving::TensorSpec;
use tensor::{DataType, push_string};

use super::elements;
use crate::ProfileError;

/// Fills an input; returns the data and what it is, in words.
pub(super) fn fill(spec: &TensorSpec, dims: &[usize]) -> Result<(Bytes, String), ProfileError> {
    let count = elements(&spec.name, spec.data_type, dims)?;
    let name = spec.name.to_lowercase();
    let has = |part: &str| name.contains(part);
    let kind = if has("mask") {
        Kind::Ones
    } else if has("type") || has("segment") {
        Kind::Zeros
    } else {
        Kind::Random
    };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut data = Vec::with_capacity(count * spec.data_type.size().unwrap_or(5));
    for _ in 0..count {
        push(&mut data, spec.data_type, kind, &mut random);
    }
    Ok((Bytes::from(data), describe(spec.data_type, kind).to_owned()))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ones,
    Zeros,
    Random,
}

fn describe(data_type: DataType, kind: Kind) -> &'static str {
    match (kind, data_type) {
        (_, DataType::Bytes) => "the string 'a'",
        (Kind::Ones, _) => "ones",
        (Kind::Zeros, _) => "zeros",
        (Kind::Random, DataType::Fp16 | DataType::Bf16 | DataType::Fp32 | DataType::Fp64) => {
            "random, from 0 to 1"
        }
        (Kind::Random, _) => "random, 0 or 1",
    }
}

fn push(data: &mut Vec<u8>, data_type: DataType, kind: Kind, random: &mut Random) {
    let bit = match kind {
        Kind::Ones => 1,
        Kind::Zeros => 0,
        Kind::Random => u8::from(random.next() & 1 == 1),
    };
    let quarter = match kind {
        Kind::Ones => 4,
        Kind::Zeros => 0,
        Kind::Random => usize::from(random.next() % 4),
    };
    match data_type {
        DataType::Bool | DataType::Uint8 | DataType::Int8 => data.push(bit),
        DataType::Uint16 | DataType::Int16 => data.extend(u16::from(bit).to_le_bytes()),
        DataType::Uint32 | DataType::Int32 => data.extend(u32::from(bit).to_le_bytes()),
        DataType::Uint64 | DataType::Int64 => data.extend(u64::from(bit).to_le_bytes()),
        // 0, 1/4, 1/2, 3/4 and 1.
        DataType::Fp16 => {
            data.extend([0, 0x3400_u16, 0x3800, 0x3a00, 0x3c00][quarter].to_le_bytes())
        }
        DataType::Bf16 => {
            data.extend([0, 0x3e80_u16, 0x3f00, 0x3f40, 0x3f80][quarter].to_le_bytes())
        }
        DataType::Fp32 => data.extend(real(kind, random).to_le_bytes()),
        DataType::Fp64 => data.extend(f64::from(real(kind, random)).to_le_bytes()),
        DataType::Bytes => push_string(data, b"a"),
    }
}

fn real(kind: Kind, random: &mut Random) -> f32 {
    match kind {
        Kind::Ones => 1.0,
        Kind::Zeros => 0.0,
        Kind::Random => f32::from(random.next()) / 65536.0,
    }
}

/// The same numbers in every profile.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let [_, _, _, _, high, higher, _, _] = self.0.to_le_bytes();
        u16::from_le_bytes([high, higher])
    }
}
