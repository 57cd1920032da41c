//! Products of activations and packed weights, in the shapes of two models.

use anyhow::Result;
use kernels::{Precision, Roofline, Stored, StoredFormat, Weights};

use super::{BYTES_IN_TURN, Bench, Figure};

/// Inputs and outputs.
const SHAPES: [([usize; 2], &str); 8] = [
    ([576, 960], "SmolLM2-135M, query, key, value"),
    ([576, 576], "SmolLM2-135M, attention's output"),
    ([576, 3072], "SmolLM2-135M, gate, up"),
    ([1536, 576], "SmolLM2-135M, down"),
    ([576, 49152], "SmolLM2-135M, head"),
    ([2048, 2048], "Llama 1.1B, attention's output"),
    ([2048, 5632], "Llama 1.1B, gate"),
    ([5632, 2048], "Llama 1.1B, down"),
];
const FORMATS: [StoredFormat; 3] = [StoredFormat::Q4_0, StoredFormat::Q4_1, StoredFormat::Q8_0];

pub(super) fn measure(bench: &Bench<'_>, figures: &mut Vec<Figure>) -> Result<()> {
    for format in FORMATS {
        for (shape, name) in SHAPES {
            let layers = layers(bench, format, shape)?;
            for rows in bench.rows {
                let peak = bench.bounds.int8() * factor(bench.bounds.roofline, format);
                let figure = bench.products(&layers, *rows, peak);
                let (kernel, shape) = (format.to_string(), format!("{name} {shape:?}"));
                bench.push(figures, Figure { kernel, shape, ..figure });
            }
        }
    }
    Ok(())
}

fn layers(
    bench: &Bench<'_>,
    format: StoredFormat,
    [inputs, outputs]: [usize; 2],
) -> Result<Vec<Weights>> {
    let bytes = any_bytes(format, inputs * outputs);
    let part = Stored::new(format, outputs, inputs, &bytes)?;
    let count = (BYTES_IN_TURN / bytes.len()).max(1);
    let pack = |_| Ok(Weights::pack(&[part], Precision::Stored, bench.threads)?);
    (0..count).map(pack).collect()
}

/// What 4-bit weights allow, as a multiple of the measured peak for bytes: without VNNI, a block of
/// 32 columns takes 9 instructions of the multiplying units, for bytes 16.
fn factor(roofline: &Roofline, format: StoredFormat) -> f64 {
    if roofline.int8.isa == "AVX2" && format.is_int4() { 16.0 / 9.0 } else { 1.0 }
}

/// Blocks with a scale of 2^-7 and quants of all kinds.
fn any_bytes(format: StoredFormat, values: usize) -> Vec<u8> {
    let halves = if format == StoredFormat::Q4_1 { 2 } else { 1 };
    let quants = format.block_bytes() - 2 * halves;
    let mut state = 12_345_u32;
    let mut quant = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    let mut bytes = Vec::with_capacity(values / format.block_values() * format.block_bytes());
    for _ in 0..values / format.block_values() {
        bytes.extend([0x00, 0x20].repeat(halves));
        bytes.extend((0..quants).map(|_| quant()));
    }
    bytes
}
