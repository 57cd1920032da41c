use std::num::NonZeroUsize;

use crate::{
    ActivationKind, Activations, Output, PackError, Precision, Stored, StoredFormat, Threads,
    ThreadsOptions, Weights, linear::activations::tests::noise,
};

/// Precisions of floats, and what the greatest error of a weight is, relative to it.
const PRECISIONS: [(Precision, f64); 3] =
    [(Precision::F32, 0.0), (Precision::F16, 1.0 / 2048.0), (Precision::Bf16, 1.0 / 256.0)];

/// Where an instruction wants `bfloat16` on both sides, activations are off by up to 1/256, too.
fn activation_error(precision: Precision) -> f64 {
    #[cfg(target_arch = "x86_64")]
    if precision == Precision::Bf16 && crate::isa::Avx512Bf16::detect().is_some() {
        return 1.0 / 256.0 + 1.0 / 65536.0;
    }
    let _ = precision;
    0.0
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn pack(values: &[f32], columns: usize, precision: Precision) -> Weights {
    let bytes = bytes(values);
    let rows = values.len() / columns;
    let stored = Stored::new(StoredFormat::F32, rows, columns, &bytes).unwrap();
    Weights::pack(&[stored], precision, &Threads::single()).unwrap()
}

fn multiply(weights: &Weights, x: &[f32], threads: &Threads) -> Vec<f32> {
    let rows = x.len() / weights.columns();
    let mut activations = Activations::new();
    activations.reset(ActivationKind::Float, rows, weights.columns());
    activations.quantise(x, threads);
    let mut out = vec![f32::NAN; rows * weights.rows()];
    weights.multiply(&activations, Output::set(&mut out, weights.rows()), threads);
    out
}

/// Small whole numbers, which every precision holds, as it does their products and sums.
#[test]
fn whole_numbers_are_multiplied_exactly() {
    #[cfg(target_arch = "x86_64")]
    if let Some(isa) = crate::isa::Avx512Bf16::detect() {
        crate::isa::tests::compared("bfloat16", &format!("{isa:?}"));
    }
    let whole = |seed| move |index: usize| ((index * seed) % 31) as f32 - 15.0;
    for (rows, outputs, columns) in [(1, 40, 34), (4, 17, 64), (13, 33, 130), (25, 16, 2)] {
        let w: Vec<f32> = (0..outputs * columns).map(whole(17)).collect();
        let x: Vec<f32> = (0..rows * columns).map(whole(11)).collect();
        let dot = |row: usize, output: usize| -> f32 {
            (0..columns).map(|k| x[row * columns + k] * w[output * columns + k]).sum()
        };
        let expected: Vec<f32> =
            (0..rows * outputs).map(|index| dot(index / outputs, index % outputs)).collect();
        for (precision, _) in PRECISIONS {
            let found = multiply(&pack(&w, columns, precision), &x, &Threads::single());
            assert_eq!(found, expected, "{precision:?}: {rows} x {outputs} x {columns}");
        }
    }
}

/// Each result against 64-bit sums: the rounding of the weight, and of as many sums as columns.
#[track_caller]
fn check(rows: usize, outputs: usize, columns: usize) {
    let (w, x) = (noise(outputs * columns, 1), noise(rows * columns, 2));
    for (precision, weight_error) in PRECISIONS {
        let found = multiply(&pack(&w, columns, precision), &x, &Threads::single());
        for (index, found) in found.iter().enumerate() {
            let (row, output) = (index / outputs, index % outputs);
            let products = x[row * columns..]
                .iter()
                .zip(&w[output * columns..][..columns])
                .map(|(x, w)| f64::from(*x) * f64::from(*w));
            let (sum, magnitude) =
                products.fold((0.0, 0.0), |(sum, magnitude), p| (sum + p, magnitude + p.abs()));
            let rounding = columns as f64 * f64::from(f32::EPSILON) / 2.0;
            let bound = magnitude * (weight_error + activation_error(precision) + rounding);
            let error = (f64::from(*found) - sum).abs();
            assert!(error <= bound, "{precision:?}: {found} for {sum}, row {row}, {output}");
        }
    }
}

#[test]
fn every_remainder_of_rows_is_multiplied() {
    for rows in (0..=14).chain([47, 48, 49, 53, 97, 100]) {
        check(rows, 17, 33);
    }
}

#[test]
fn every_remainder_of_outputs_is_multiplied() {
    for outputs in (1..=36).chain([64, 65, 80, 100, 300]) {
        check(1, outputs, 20);
        check(2, outputs, 20);
        check(7, outputs, 20);
    }
}

#[test]
fn every_remainder_of_columns_is_multiplied() {
    for columns in (1..=20).chain([255, 256, 257, 511, 512, 514, 1536]) {
        check(1, 70, columns);
        check(9, 20, columns);
    }
}

#[test]
fn a_row_has_the_same_bits_among_others_and_with_threads() {
    let (outputs, columns, rows) = (200, 600, 101);
    let threads = Threads::new(ThreadsOptions::new(NonZeroUsize::new(3).unwrap())).unwrap();
    let (w, x) = (noise(outputs * columns, 3), noise(rows * columns, 4));
    for (precision, _) in PRECISIONS {
        let weights = pack(&w, columns, precision);
        let all = multiply(&weights, &x, &threads);
        for count in [1, 2, 3, 5, 50] {
            for first in (0..rows - count).step_by(17) {
                let some = &x[first * columns..][..count * columns];
                let found = multiply(&weights, some, &Threads::single());
                assert_eq!(found, all[first * outputs..][..count * outputs], "{precision:?}");
            }
        }
    }
}

#[test]
fn halves_keep_what_files_have() {
    let (outputs, columns) = (18, 34);
    let bits: Vec<u16> =
        noise(outputs * columns, 5).into_iter().map(|v| half::f16::from_f32(v).to_bits()).collect();
    for (format, precision) in
        [(StoredFormat::F16, Precision::F16), (StoredFormat::Bf16, Precision::Bf16)]
    {
        let bytes: Vec<u8> = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let stored = Stored::new(format, outputs, columns, &bytes).unwrap();
        let kept = Weights::pack(&[stored], Precision::Stored, &Threads::single()).unwrap();
        let wide = Weights::pack(&[stored], Precision::F32, &Threads::single()).unwrap();
        let asked = Weights::pack(&[stored], precision, &Threads::single()).unwrap();
        assert_eq!(kept.byte_len() * 2, wide.byte_len());
        let x = noise(3 * columns, 6);
        let expected = multiply(&wide, &x, &Threads::single());
        let found = multiply(&kept, &x, &Threads::single());
        assert_eq!(multiply(&asked, &x, &Threads::single()), found);
        if activation_error(precision) == 0.0 {
            assert_eq!(found, expected);
        }
    }
}

#[track_caller]
fn check_refusal(value: f32, precision: Precision) {
    let mut values = noise(40 * 8, 7);
    values[33 * 8 + 2] = value;
    let bytes = bytes(&values);
    let stored = Stored::new(StoredFormat::F32, 40, 8, &bytes).unwrap();
    let error = Weights::pack(&[stored], precision, &Threads::single()).unwrap_err();
    assert_eq!(error, PackError::NotFinite { row: 33 }, "{value} as {precision:?}");
}

#[test]
fn what_is_not_finite_is_refused() {
    check_refusal(f32::NAN, Precision::F32);
    check_refusal(f32::INFINITY, Precision::Bf16);
    check_refusal(1e5, Precision::F16);
    check_refusal(f32::MAX, Precision::Bf16);
}

#[test]
fn what_is_no_number_stays_in_its_row() {
    let (w, mut x) = (noise(20 * 16, 8), noise(3 * 16, 9));
    x[16 + 5] = f32::NAN;
    let found = multiply(&pack(&w, 16, Precision::F32), &x, &Threads::single());
    let nan: Vec<bool> = found.chunks(20).map(|row| row.iter().all(|v| v.is_nan())).collect();
    assert_eq!(nan, [false, true, false]);
    assert!(found[..20].iter().chain(&found[40..]).all(|value| value.is_finite()));
}

#[test]
fn a_residual_is_added_to() {
    let (w, x) = (noise(20 * 16, 10), noise(16, 11));
    let weights = pack(&w, 16, Precision::F32);
    let product = multiply(&weights, &x, &Threads::single());
    let mut activations = Activations::new();
    activations.reset(ActivationKind::Float, 1, 16);
    activations.quantise(&x, &Threads::single());
    let mut out = vec![1.0; 20];
    weights.multiply(&activations, Output::add(&mut out, 20), &Threads::single());
    let expected: Vec<f32> = product.iter().map(|product| 1.0 + product).collect();
    assert_eq!(out, expected);
}
