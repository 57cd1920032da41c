//! How much work a node does, from the shapes of what it takes and gives.

use serde::Serialize;

use super::TensorShape;

/// Work of a node per run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// Multiplications and additions; `None` for operators that do not multiply matrices, and for
    /// those that are not known here.
    pub operations: Option<f64>,
    /// Bytes of inputs and outputs, each counted once.
    pub activation_bytes: f64,
    /// Bytes of weights and other constants, each counted once.
    pub weight_bytes: f64,
    /// What is multiplied.
    pub precision: Precision,
}

impl Cost {
    /// Bytes that have to be moved at least.
    #[must_use]
    pub fn bytes(&self) -> f64 {
        self.activation_bytes + self.weight_bytes
    }
}

/// Type of the elements that are multiplied: decides which peak of the machine is the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats, and everything that is computed in them.
    F32,
    /// `bfloat16`.
    Bf16,
    /// Bytes.
    Int8,
}

/// Operators that multiply bytes.
const BYTES: [&str; 11] = [
    "MatMulInteger",
    "MatMulIntegerToFloat",
    "DynamicQuantizeMatMul",
    "QLinearMatMul",
    "QGemm",
    "QAttention",
    "QLinearConv",
    "ConvInteger",
    "DynamicQuantizeLSTM",
    "QLinearConvTranspose",
    "QOrderedMatMul",
];

/// What an operator multiplies.
pub(super) fn precision(operator: &str, inputs: &[TensorShape]) -> Precision {
    if BYTES.contains(&operator) {
        Precision::Int8
    } else if inputs.first().is_some_and(|input| input.element == "bfloat16") {
        Precision::Bf16
    } else {
        Precision::F32
    }
}

/// Multiplications and additions of one call.
pub(super) fn flops(
    operator: &str,
    inputs: &[TensorShape],
    outputs: &[TensorShape],
) -> Option<f64> {
    let output = outputs.first()?;
    match operator {
        "MatMul"
        | "FusedMatMul"
        | "FusedMatMulActivation"
        | "TransposeMatMul"
        | "Gemm"
        | "FusedGemm"
        | "QGemm"
        | "MatMulInteger"
        | "MatMulIntegerToFloat"
        | "DynamicQuantizeMatMul"
        | "QLinearMatMul"
        | "MatMulNBits"
        | "GemmFloat8" => Some(2.0 * elements(output) * depth(inputs.first()?, output)?),
        "Conv" | "FusedConv" | "NhwcFusedConv" | "ConvInteger" => {
            Some(2.0 * elements(output) * per_channel(weights(inputs, 1)?))
        }
        "QLinearConv" => Some(2.0 * elements(output) * per_channel(weights(inputs, 3)?)),
        "ConvTranspose" => Some(2.0 * elements(inputs.first()?) * per_channel(weights(inputs, 1)?)),
        "LSTM" | "GRU" | "RNN" | "DynamicQuantizeLSTM" => recurrence(inputs),
        "Attention" | "QAttention" if inputs.get(1)?.dims.len() == 2 => {
            projected_attention(inputs, output)
        }
        "Attention" | "MultiHeadAttention" => Some(4.0 * elements(output) * keys(inputs.get(1)?)?),
        "GroupQueryAttention" => Some(4.0 * elements(output) * keys(outputs.get(1)?)?),
        _ => None,
    }
}

fn elements(shape: &TensorShape) -> f64 {
    shape.dims.iter().map(|dim| *dim as f64).product()
}

/// Length of the products that are added: the left operand's columns, or its rows if those are not
/// the output's.
fn depth(left: &TensorShape, output: &TensorShape) -> Option<f64> {
    let depth = match left.dims[..] {
        [] => return None,
        [depth] => depth,
        [.., rows, columns] => {
            // A right operand of one dimension takes one from the output.
            let is_matrix = output.dims.len() >= left.dims.len();
            let given = output.dims.len().checked_sub(2).map(|place| output.dims[place]);
            let is_transposed = is_matrix && given == Some(columns) && given != Some(rows);
            if is_transposed { rows } else { columns }
        }
    };
    Some(depth as f64)
}

/// Weights of a convolution, which have at least three dimensions: channels and a window.
fn weights(inputs: &[TensorShape], place: usize) -> Option<&TensorShape> {
    inputs.get(place).filter(|shape| shape.dims.len() >= 3)
}

/// Weights that go into one element of the output (or, transposed, of the input).
fn per_channel(weights: &TensorShape) -> f64 {
    weights.dims.iter().skip(1).map(|dim| *dim as f64).product()
}

/// Every weight is used once per step and row: `[steps, rows, inputs]`.
fn recurrence(inputs: &[TensorShape]) -> Option<f64> {
    let [input, weights, recurrent, ..] = inputs else { return None };
    let [steps, rows, _] = input.dims[..] else { return None };
    if weights.dims.len() != 3 || recurrent.dims.len() != 3 {
        return None;
    }
    Some(2.0 * (steps * rows) as f64 * (elements(weights) + elements(recurrent)))
}

/// Attention that makes queries, keys and values itself, from `[rows, steps, inputs]` and weights
/// `[inputs, all]`.
fn projected_attention(inputs: &[TensorShape], output: &TensorShape) -> Option<f64> {
    let [rows, steps, _] = inputs.first()?.dims[..] else { return None };
    let projections = 2.0 * (rows * steps) as f64 * elements(inputs.get(1)?);
    Some(projections + 4.0 * elements(output) * steps as f64)
}

/// Number of keys in `[rows, keys, width]` or `[rows, heads, keys, width]`.
fn keys(shape: &TensorShape) -> Option<f64> {
    match shape.dims[..] {
        [_, keys, _] | [_, _, keys, _] => Some(keys as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
