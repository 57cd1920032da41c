use std::num::NonZeroUsize;

use super::{Heads, Scale, Scaled, rms_norm, rms_norm_heads};
use crate::{
    ActivationKind, Activations, HeadRows, Threads, ThreadsOptions,
    row_values::RowValues,
    simd::{Kernel, Simd, tests::everywhere},
};

const EPSILON: f32 = 1e-5;

fn noise(length: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(length as u64 + 1);
    (0..length).map(|_| (random.f32() - 0.5) * 8.0).collect()
}

fn by_definition(x: &[f32], weight: &[f32]) -> Vec<f64> {
    let mean = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / x.len() as f64;
    let scale = 1.0 / (mean + f64::from(EPSILON)).sqrt();
    x.iter().zip(weight).map(|(x, weight)| f64::from(*x) * scale * f64::from(*weight)).collect()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64]) {
    let greatest = expected.iter().fold(0.0, |greatest: f64, value| greatest.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= 1e-6 * greatest, "{found} for {expected}");
    }
}

fn normalise(x: &[f32], weight: &[f32], kind: ActivationKind, threads: &Threads) -> Activations {
    let mut out = Activations::new();
    out.reset(kind, x.len() / weight.len(), weight.len());
    rms_norm(x, weight, EPSILON, &mut out, threads);
    out
}

#[test]
fn rows_are_normalised_at_every_remainder() {
    for columns in (1..100).chain([576, 2048, 4096]) {
        let (x, weight) = (noise(3 * columns), noise(columns));
        let out = normalise(&x, &weight, ActivationKind::Float, &Threads::single());
        for (row, x) in x.chunks(columns).enumerate() {
            assert_close(out.float_row(row), &by_definition(x, &weight));
        }
    }
}

#[test]
fn bytes_are_what_the_floats_would_become() {
    for columns in [32, 64, 224, 256, 288, 576] {
        let (x, weight) = (noise(2 * columns), noise(columns));
        let floats = normalise(&x, &weight, ActivationKind::Float, &Threads::single());
        let bytes = normalise(&x, &weight, ActivationKind::Int8, &Threads::single());
        let mut expected = Activations::new();
        expected.reset(ActivationKind::Int8, 2, columns);
        let all: Vec<f32> = (0..2).flat_map(|row| floats.float_row(row).to_vec()).collect();
        expected.quantise(&all, &Threads::single());
        assert_eq!(bytes.row_scale(0), expected.row_scale(0));
        let (found, expected) = (bytes.tile_rows(0, 2), expected.tile_rows(0, 2));
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }
}

#[test]
fn a_row_does_not_depend_on_the_others_nor_on_threads() {
    let threads = Threads::new(ThreadsOptions::new(NonZeroUsize::new(3).unwrap())).unwrap();
    let (x, weight) = (noise(100 * 160), noise(160));
    let all = normalise(&x, &weight, ActivationKind::Float, &threads);
    for (row, x) in x.chunks(160).enumerate() {
        let alone = normalise(x, &weight, ActivationKind::Float, &Threads::single());
        assert_eq!(alone.float_row(0), all.float_row(row));
    }
}

#[test]
fn zeros_stay_zeros_and_no_number_stays_none() {
    let weight = [1.0; 32];
    let mut x = [0.0; 64];
    x[40] = f32::NAN;
    let out = normalise(&x, &weight, ActivationKind::Float, &Threads::single());
    assert_eq!(out.float_row(0), [0.0; 32]);
    assert!(out.float_row(1).iter().all(|value| value.is_nan()));
    x[40] = f32::INFINITY;
    let out = normalise(&x, &weight, ActivationKind::Float, &Threads::single());
    assert!(out.float_row(1)[8].is_nan());
    assert_eq!(out.float_row(1)[..8], [0.0; 8]);
}

#[test]
fn heads_are_normalised_where_they_lie() {
    for head_dim in [1, 15, 16, 40, 64, 128] {
        let (row, first, heads) = (3 + 3 * head_dim + 2, 3, 3);
        let before = noise(5 * row);
        let (mut after, weight) = (before.clone(), noise(head_dim));
        let values = HeadRows { values: &mut after, row, first, heads, head_dim };
        rms_norm_heads(values, &weight, EPSILON, &Threads::single());
        for (before, after) in before.chunks(row).zip(after.chunks(row)) {
            assert_eq!(before[..first], after[..first]);
            assert_eq!(before[row - 2..], after[row - 2..]);
            for head in (first..row - 2).step_by(head_dim) {
                let expected = by_definition(&before[head..][..head_dim], &weight);
                assert_close(&after[head..][..head_dim], &expected);
            }
        }
    }
}

#[test]
#[should_panic(expected = "3 heads of 4 from 1 in a row of 12")]
fn heads_must_be_within_rows() {
    let values = HeadRows { values: &mut [0.0; 24], row: 12, first: 1, heads: 3, head_dim: 4 };
    rms_norm_heads(values, &[1.0; 4], EPSILON, &Threads::single());
}

#[test]
#[should_panic(expected = "rows x columns values")]
fn the_output_must_have_the_shape_of_the_input() {
    let mut out = Activations::new();
    out.reset(ActivationKind::Float, 2, 4);
    rms_norm(&[0.0; 4], &[1.0; 4], EPSILON, &mut out, &Threads::single());
}

/// All kernels of this file.
struct All<'a>(&'a [f32], &'a [f32]);

impl Kernel for All<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f32> {
        let Self(x, weight) = self;
        let scale = Scale { x, epsilon: EPSILON }.run(simd);
        let mut out = vec![0.0; x.len()];
        Scaled { x, weight, scale }.fill(simd, 0, &mut out);
        let mut heads = x.repeat(2);
        Heads { heads: &mut heads, weight, epsilon: EPSILON }.run(simd);
        out.extend(heads);
        out
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    for columns in 1..100 {
        let (x, weight) = (noise(columns), noise(columns));
        let found = everywhere(|| All(&x, &weight));
        assert_close(&found[..columns], &by_definition(&x, &weight));
    }
}
