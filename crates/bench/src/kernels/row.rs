//! What is done to each row between two products. Its bound is memory: where rows stay in caches,
//! it is exceeded.

use anyhow::Result;
use kernels::{ActivationKind, Activations, HeadRows, Rotary, RotaryStyle};

use super::{Bench, Figure, Work};

/// Hidden values, intermediate values, heads that turn and all values of a joint projection.
const MODELS: [([usize; 4], &str); 2] =
    [([576, 1536, 12, 960], "SmolLM2-135M"), ([2048, 5632, 36, 2560], "Llama 1.1B")];
const HEAD: usize = 64;

pub(super) fn measure(bench: &Bench<'_>, figures: &mut Vec<Figure>) -> Result<()> {
    for (shape, model) in MODELS {
        for rows in bench.rows {
            for figure in [norm(bench, shape, *rows), gate(bench, shape, *rows)] {
                let shape = format!("{model}, {}", figure.shape);
                bench.push(figures, Figure { shape, ..figure });
            }
            let figure = rotate(bench, shape, *rows);
            let shape = format!("{model}, {}", figure.shape);
            bench.push(figures, Figure { shape, ..figure });
        }
    }
    Ok(())
}

fn norm(bench: &Bench<'_>, [hidden, ..]: [usize; 4], rows: usize) -> Figure {
    let (x, weight) = (vec![0.5; rows * hidden], vec![1.0; hidden]);
    let mut out = Activations::new();
    out.reset(ActivationKind::Int8, rows, hidden);
    let seconds = bench.time(|| kernels::rms_norm(&x, &weight, 1e-5, &mut out, bench.threads));
    let bytes = rows * hidden * (size_of::<f32>() + 1);
    figure(bench, "RMSNorm to int8", hidden, rows, (seconds, 4 * rows * hidden, bytes))
}

fn gate(bench: &Bench<'_>, [_, inner, ..]: [usize; 4], rows: usize) -> Figure {
    let x = vec![0.5; rows * 2 * inner];
    let mut out = Activations::new();
    out.reset(ActivationKind::Int8, rows, inner);
    let seconds = bench.time(|| kernels::gated_silu(&x, &mut out, bench.threads));
    let bytes = rows * inner * (2 * size_of::<f32>() + 1);
    // The exponential takes 18 of them.
    figure(bench, "SiLU gate to int8", inner, rows, (seconds, 21 * rows * inner, bytes))
}

fn rotate(bench: &Bench<'_>, [_, _, heads, row]: [usize; 4], rows: usize) -> Figure {
    let frequencies: Vec<f64> =
        (0..HEAD / 2).map(|pair| 1e4_f64.powf(-2.0 * pair as f64 / HEAD as f64)).collect();
    let mut rotary = Rotary::new(RotaryStyle::Halves, &frequencies);
    rotary.set_positions((0..rows).map(|row| u32::try_from(row).unwrap_or(u32::MAX)));
    let mut values = vec![0.5; rows * row];
    let seconds = bench.time(|| {
        let values = &mut values;
        rotary.rotate(HeadRows { values, row, first: 0, heads, head_dim: HEAD }, bench.threads);
    });
    let turned = rows * heads * HEAD;
    let work = (seconds, 3 * turned, 2 * turned * size_of::<f32>());
    figure(bench, "rotary embedding", heads * HEAD, rows, work)
}

/// `work` is the time in seconds, operations and bytes.
fn figure(
    bench: &Bench<'_>,
    kernel: &str,
    columns: usize,
    rows: usize,
    work: (f64, usize, usize),
) -> Figure {
    let work = Work { seconds: work.0, operations: work.1 as f64, bytes: work.2 as f64 };
    let figure = bench.figure(rows, bench.bounds.f32(), &work);
    Figure { kernel: kernel.to_owned(), shape: columns.to_string(), ..figure }
}
