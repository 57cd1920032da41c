//! The beginning of a tensor, as it is written into a trace.

use std::fmt::{Display, Write as _};

use half::{bf16, f16};
use serving::NamedTensor;
use tensor::{DataType, StringElements};

/// Bytes of each tensor that are written; a trace is for looking at, not for moving data.
const BYTES_MAX: usize = 16 << 10;

/// An input or output of a traced request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TracedTensor {
    /// What happened to it, in Triton's words.
    pub(crate) activity: &'static str,
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) dims: Vec<i64>,
    /// Its beginning, a copy: the tensor's own memory is not kept for this.
    data: Vec<u8>,
    /// Whether there is more of it.
    pub(crate) is_cut: bool,
}

impl TracedTensor {
    pub(crate) fn of(activity: &'static str, named: &NamedTensor) -> Self {
        let NamedTensor { name, tensor } = named;
        let data = tensor.data();
        let kept = data.len().min(BYTES_MAX);
        Self {
            activity,
            name: name.clone(),
            data_type: tensor.data_type(),
            dims: tensor.shape().wire_dims().collect(),
            data: data[..kept].to_vec(),
            is_cut: kept < data.len(),
        }
    }

    /// Memory that it holds, in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        self.data.len() + self.name.len() + self.dims.len() * size_of::<i64>()
    }

    /// The elements, separated by commas.
    pub(crate) fn text(&self) -> String {
        let data = &self.data;
        match self.data_type {
            DataType::Bool => numbers(data, |[byte]| byte),
            DataType::Int8 => numbers(data, i8::from_le_bytes),
            DataType::Int16 => numbers(data, i16::from_le_bytes),
            DataType::Int32 => numbers(data, i32::from_le_bytes),
            DataType::Int64 => numbers(data, i64::from_le_bytes),
            DataType::Uint8 => numbers(data, u8::from_le_bytes),
            DataType::Uint16 => numbers(data, u16::from_le_bytes),
            DataType::Uint32 => numbers(data, u32::from_le_bytes),
            DataType::Uint64 => numbers(data, u64::from_le_bytes),
            DataType::Fp16 => numbers(data, f16::from_le_bytes),
            DataType::Bf16 => numbers(data, bf16::from_le_bytes),
            DataType::Fp32 => numbers(data, f32::from_le_bytes),
            DataType::Fp64 => numbers(data, f64::from_le_bytes),
            DataType::Bytes => strings(data),
        }
    }
}

fn numbers<T: Display, const N: usize>(data: &[u8], read: fn([u8; N]) -> T) -> String {
    let mut text = String::with_capacity(data.len() * 3);
    for bytes in data.as_chunks().0 {
        // Writing to a string does not fail.
        let _ = write!(text, "{},", read(*bytes));
    }
    text.pop();
    text
}

/// Those elements that are there in full.
fn strings(data: &[u8]) -> String {
    let texts: Vec<_> = StringElements::new(data).map(String::from_utf8_lossy).collect();
    texts.join(",")
}

#[cfg(test)]
mod tests;
