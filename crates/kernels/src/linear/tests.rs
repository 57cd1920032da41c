//! Every kernel against the definition, at every remainder; the definition against floats.

use super::{Kernel, Precision, Weights, activations::tests::noise, pack::tests::file};
use crate::{
    ActivationKind, Activations, Output, Stored, StoredFormat, Threads, ThreadsOptions,
    isa::tests::compared,
};

const FORMATS: [StoredFormat; 3] = [StoredFormat::Q4_0, StoredFormat::Q4_1, StoredFormat::Q8_0];

/// A matrix and what its file says in floats.
struct Case {
    weights: Weights,
    floats: Vec<f32>,
}

fn case(format: StoredFormat, outputs: usize, columns: usize) -> Case {
    let bytes = file(format, outputs, columns, 7);
    let part = Stored::new(format, outputs, columns, &bytes).unwrap();
    let mut floats = vec![0.0; outputs * columns];
    for (row, out) in floats.chunks_mut(columns).enumerate() {
        part.decode_row(row, out);
    }
    let weights = Weights::pack(&[part], Precision::Stored, &Threads::single()).unwrap();
    Case { weights, floats }
}

fn activations(values: &[f32], columns: usize) -> Activations {
    let mut activations = Activations::new();
    activations.reset(ActivationKind::WideInt8, values.len() / columns, columns);
    activations.quantise(values, &Threads::single());
    activations
}

/// The same without bytes in 16 bits, which kernels can do without.
fn narrow_activations(values: &[f32], columns: usize) -> Activations {
    let mut activations = Activations::new();
    activations.reset(ActivationKind::Int8, values.len() / columns, columns);
    activations.quantise(values, &Threads::single());
    activations
}

fn product(weights: &Weights, kernel: Kernel, x: &Activations, threads: &Threads) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.rows() * weights.rows()];
    weights.multiply_by(kernel, x, Output::set(&mut out, weights.rows()), threads);
    out
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Every kernel must give the bits of the definition.
#[track_caller]
fn check(format: StoredFormat, rows: usize, outputs: usize, columns: usize) {
    let (weights, threads) = (case(format, outputs, columns).weights, Threads::single());
    let values = noise(rows * columns, 5);
    let x = activations(&values, columns);
    let expected = product(&weights, Kernel::Scalar, &x, &threads);
    for (kernel, x) in Kernel::all().into_iter().flat_map(|kernel| {
        [(kernel, activations(&values, columns)), (kernel, narrow_activations(&values, columns))]
    }) {
        let found = product(&weights, kernel, &x, &threads);
        assert_eq!(
            bits(&found),
            bits(&expected),
            "{kernel:?}: {format}, {rows} x {outputs} x {columns}, {:?}",
            x.kind()
        );
    }
}

#[test]
fn kernels_agree_at_every_remainder() {
    Kernel::all().iter().for_each(|kernel| compared("linear", &format!("{kernel:?}")));
    for format in FORMATS {
        for rows in 1..=9 {
            (1..=40).for_each(|outputs| check(format, rows, outputs, 64));
        }
        for columns in [32, 96, 576, 1024, 1056, 2080] {
            [1, 4, 8, 13].into_iter().for_each(|rows| check(format, rows, 17, columns));
        }
        check(format, 150, 33, 96);
    }
}

/// The definition against 64-bit floats: each activation is off by half a step of its block at
/// most, the rest is rounding.
#[test]
fn the_definition_is_as_near_as_bytes_allow() {
    let (rows, outputs, columns) = (3, 20, 320);
    for format in FORMATS {
        let Case { weights, floats } = case(format, outputs, columns);
        let values = noise(rows * columns, 11);
        let x = activations(&values, columns);
        let found = product(&weights, Kernel::Scalar, &x, &Threads::single());
        for row in 0..rows {
            for output in 0..outputs {
                let (a, w) = (&values[row * columns..], &floats[output * columns..][..columns]);
                let exact: f64 = a.iter().zip(w).map(|(a, w)| f64::from(*a) * f64::from(*w)).sum();
                let step = |k: usize| {
                    let block = &x.tile_rows(0, rows).tiles[k / 32];
                    f64::from(block.scales[row] * x.row_scale(row))
                };
                let magnitude = |k: usize| f64::from(w[k].abs());
                let half_steps: f64 = (0..columns).map(|k| 0.5 * step(k) * magnitude(k)).sum();
                let bound = half_steps * 1.0001 + 1e-4;
                let error = (f64::from(found[row * outputs + output]) - exact).abs();
                assert!(error <= bound, "{format}: {error} above {bound}");
            }
        }
    }
}

/// All quants at their extremes: no sum of 16 bits may run over.
#[test]
fn extremes_do_not_saturate() {
    let (columns, outputs) = (64, 16);
    for (format, nibbles) in [(StoredFormat::Q4_0, 0xff), (StoredFormat::Q4_0, 0x00)] {
        let mut bytes = file(format, outputs, columns, 1);
        bytes.chunks_mut(18).for_each(|block| block[2..].fill(nibbles));
        check_extremes(format, &bytes, outputs, columns);
    }
    let mut bytes = file(StoredFormat::Q4_1, outputs, columns, 1);
    bytes.chunks_mut(20).for_each(|block| block[4..].fill(0xff));
    check_extremes(StoredFormat::Q4_1, &bytes, outputs, columns);
    for quant in [-128_i8, 127, -127] {
        let mut bytes = file(StoredFormat::Q8_0, outputs, columns, 1);
        bytes.chunks_mut(34).for_each(|block| block[2..].fill(quant.cast_unsigned()));
        check_extremes(StoredFormat::Q8_0, &bytes, outputs, columns);
    }
}

#[track_caller]
fn check_extremes(format: StoredFormat, bytes: &[u8], outputs: usize, columns: usize) {
    let threads = Threads::single();
    let part = Stored::new(format, outputs, columns, bytes).unwrap();
    let weights = Weights::pack(&[part], Precision::Stored, &threads).unwrap();
    for sign in [1.0, -1.0] {
        for rows in [1, 4, 9] {
            let x = activations(&vec![sign; rows * columns], columns);
            let expected = product(&weights, Kernel::Scalar, &x, &threads);
            for kernel in Kernel::all() {
                assert_eq!(product(&weights, kernel, &x, &threads), expected, "{kernel:?}");
            }
        }
    }
}

/// A row's result must be the same bits in any company, on any number of threads.
#[test]
fn a_row_does_not_depend_on_the_others() {
    let (outputs, columns, most) = (100, 1088, 70);
    let three = ThreadsOptions::new(std::num::NonZeroUsize::new(3).unwrap());
    let (one, three) = (Threads::single(), Threads::new(three).unwrap());
    let values = noise(most * columns, 3);
    for format in FORMATS {
        let weights = case(format, outputs, columns).weights;
        for kernel in Kernel::all().into_iter().filter(|kernel| !matches!(kernel, Kernel::Scalar)) {
            let alone: Vec<f32> = values
                .chunks(columns)
                .flat_map(|row| product(&weights, kernel, &activations(row, columns), &one))
                .collect();
            for rows in [2, 3, 4, 5, 7, 8, 9, 12, 63, 64, 65, most] {
                for threads in [&one, &three] {
                    let x = activations(&values[..rows * columns], columns);
                    let found = product(&weights, kernel, &x, threads);
                    assert_eq!(bits(&found), bits(&alone[..rows * outputs]), "{rows} rows");
                }
            }
        }
    }
}

#[test]
fn parts_are_stacked_and_results_can_be_added() {
    let (columns, threads) = (64, Threads::single());
    let sizes = [(StoredFormat::Q4_1, 5), (StoredFormat::Q4_1, 20), (StoredFormat::Q8_0, 3)];
    let files: Vec<Vec<u8>> =
        sizes.iter().map(|(format, rows)| file(*format, *rows, columns, 2)).collect();
    let parts: Vec<Stored<'_>> = sizes
        .iter()
        .zip(&files)
        .map(|((format, rows), bytes)| Stored::new(*format, *rows, columns, bytes).unwrap())
        .collect();
    let all = Weights::pack(&parts, Precision::Stored, &threads).unwrap();
    let x = activations(&noise(2 * columns, 8), columns);
    let stride = all.rows() + 4;
    let mut out = vec![1.0; 2 * stride];
    all.multiply(&x, Output::add(&mut out, stride), &threads);
    let mut first = 0;
    for part in &parts {
        let alone = Weights::pack(&[*part], Precision::Stored, &threads).unwrap();
        let products = product(&alone, Kernel::best(), &x, &threads);
        for (row, products) in products.chunks(part.rows()).enumerate() {
            let found = &out[row * stride + first..][..part.rows()];
            let expected: Vec<f32> = products.iter().map(|product| 1.0 + product).collect();
            assert_eq!(found, expected);
        }
        first += part.rows();
    }
    assert_eq!(out[stride - 4..stride], [1.0; 4], "what is between rows stays");
}

#[test]
fn integers_beside_floats_are_kept_as_floats() {
    let (columns, threads) = (32, Threads::single());
    let (a, b) = (file(StoredFormat::Q8_0, 3, columns, 2), file(StoredFormat::F32, 2, columns, 3));
    let parts = [
        Stored::new(StoredFormat::Q8_0, 3, columns, &a).unwrap(),
        Stored::new(StoredFormat::F32, 2, columns, &b).unwrap(),
    ];
    let weights = Weights::pack(&parts, Precision::Stored, &threads).unwrap();
    assert_eq!(weights.activation_kind(), ActivationKind::Float);
    let values = noise(columns, 4);
    let mut x = Activations::new();
    x.reset(ActivationKind::Float, 1, columns);
    x.quantise(&values, &threads);
    let mut out = [0.0; 5];
    weights.multiply(&x, Output::set(&mut out, 5), &threads);
    let mut row = vec![0.0; columns];
    for (output, found) in out.iter().enumerate() {
        let (part, index) = if output < 3 { (&parts[0], output) } else { (&parts[1], output - 3) };
        part.decode_row(index, &mut row);
        let exact: f32 = row.iter().zip(&values).map(|(w, a)| w * a).sum();
        assert!((found - exact).abs() < 1e-3, "output {output}: {found}, not {exact}");
    }
}

#[test]
fn nothing_times_something_is_nothing() {
    let weights = case(StoredFormat::Q4_0, 16, 32).weights;
    let x = activations(&[], 32);
    weights.multiply(&x, Output::set(&mut [], 16), &Threads::single());
}

#[test]
#[should_panic(expected = "columns of activations and weights")]
fn columns_must_be_equal() {
    let weights = case(StoredFormat::Q4_0, 16, 32).weights;
    let x = activations(&noise(64, 1), 64);
    weights.multiply(&x, Output::set(&mut [0.0; 16], 16), &Threads::single());
}

#[test]
fn a_kernel_is_chosen_only_if_it_gives_the_bits_of_the_definition() {
    compared("best", &format!("{:?}", Kernel::best()));
    assert!(!matches!(Kernel::best(), Kernel::Scalar) || Kernel::all().len() == 1);
}
