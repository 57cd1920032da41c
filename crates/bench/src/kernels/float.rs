//! Products of activations and weights that are floats, in the shapes of two models.

use anyhow::Result;
use kernels::{Precision, Stored, StoredFormat, Weights};

use super::{BYTES_IN_TURN, Bench, Figure, numbers};

/// Inputs and outputs.
const SHAPES: [([usize; 2], &str); 4] = [
    ([576, 3072], "SmolLM2-135M, gate, up"),
    ([1536, 576], "SmolLM2-135M, down"),
    ([2048, 5632], "Llama 1.1B, gate"),
    ([5632, 2048], "Llama 1.1B, down"),
];
const PRECISIONS: [(Precision, &str); 3] =
    [(Precision::F32, "F32"), (Precision::F16, "F16"), (Precision::Bf16, "BF16")];

pub(super) fn measure(bench: &Bench<'_>, figures: &mut Vec<Figure>) -> Result<()> {
    for (precision, kernel) in PRECISIONS {
        for (shape, name) in SHAPES {
            let layers = layers(bench, precision, shape)?;
            for rows in bench.rows {
                let figure = bench.products(&layers, *rows, bench.bounds.f32());
                let (kernel, shape) = (kernel.to_owned(), format!("{name} {shape:?}"));
                bench.push(figures, Figure { kernel, shape, ..figure });
            }
        }
    }
    Ok(())
}

fn layers(
    bench: &Bench<'_>,
    precision: Precision,
    [inputs, outputs]: [usize; 2],
) -> Result<Vec<Weights>> {
    let bytes: Vec<u8> = numbers(inputs * outputs).flat_map(f32::to_le_bytes).collect();
    let part = Stored::new(StoredFormat::F32, outputs, inputs, &bytes)?;
    let first = Weights::pack(&[part], precision, bench.threads)?;
    let count = (BYTES_IN_TURN / first.byte_len()).max(1);
    let others = (1..count).map(|_| Ok(Weights::pack(&[part], precision, bench.threads)?));
    std::iter::once(Ok(first)).chain(others).collect()
}
