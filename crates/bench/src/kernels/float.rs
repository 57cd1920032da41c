//! Products of activations and weights that are floats, in the shapes of two models.

use anyhow::Result;
use kernels::{ActivationKind, Activations, Output, Precision, Stored, StoredFormat, Weights};

use super::{Bench, Figure};

/// Inputs and outputs.
const SHAPES: [([usize; 2], &str); 4] = [
    ([576, 3072], "SmolLM2-135M, gate, up"),
    ([1536, 576], "SmolLM2-135M, down"),
    ([2048, 5632], "Llama 1.1B, gate"),
    ([5632, 2048], "Llama 1.1B, down"),
];
const PRECISIONS: [(Precision, &str); 3] =
    [(Precision::F32, "F32"), (Precision::F16, "F16"), (Precision::Bf16, "BF16")];
/// Matrices are taken in turns from so many bytes, more than caches hold: as the layers of a model.
const BYTES_IN_TURN: usize = 128 << 20;

pub(super) fn measure(bench: &Bench<'_>, figures: &mut Vec<Figure>) -> Result<()> {
    for (precision, kernel) in PRECISIONS {
        for (shape, name) in SHAPES {
            let layers = layers(bench, precision, shape)?;
            for rows in bench.rows {
                let figure = one(bench, &layers, *rows);
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
    let bytes: Vec<u8> = values(inputs * outputs).flat_map(f32::to_le_bytes).collect();
    let part = Stored::new(StoredFormat::F32, outputs, inputs, &bytes)?;
    let first = Weights::pack(&[part], precision, bench.threads)?;
    let count = (BYTES_IN_TURN / first.byte_len()).max(1);
    let others = (1..count).map(|_| Ok(Weights::pack(&[part], precision, bench.threads)?));
    std::iter::once(Ok(first)).chain(others).collect()
}

fn one(bench: &Bench<'_>, layers: &[Weights], rows: usize) -> Figure {
    let (inputs, outputs) = (layers[0].columns(), layers[0].rows());
    let values: Vec<f32> = values(rows * inputs).collect();
    let mut activations = Activations::new();
    activations.reset(ActivationKind::Float, rows, inputs);
    activations.quantise(&values, bench.threads);
    let mut out = vec![0.0; rows * outputs];
    let mut turns = layers.iter().cycle();
    let seconds = bench.time(|| {
        if let Some(weights) = turns.next() {
            weights.multiply(&activations, Output::set(&mut out, outputs), bench.threads);
        }
    });
    let operations = 2.0 * (rows * inputs * outputs) as f64;
    let bytes = layers[0].byte_len() as f64;
    let (bound_seconds, bound) = bench.bounds.shortest(bench.bounds.f32(), operations, bytes);
    Figure {
        kernel: String::new(),
        shape: String::new(),
        rows,
        threads: bench.threads.count(),
        seconds,
        operations,
        bytes,
        bound_seconds,
        bound,
    }
}

/// Numbers from -1 to 1, without a pattern that caches or units would notice.
fn values(count: usize) -> impl Iterator<Item = f32> {
    (0..count).map(|index| (index * 7919 % 1000) as f32 / 500.0 - 1.0)
}
