use std::num::NonZeroUsize;

use super::{Greatest, SoftCap, SumOfExponentials, argmax, log_sum_exp, softcap};
use crate::{
    Threads, ThreadsOptions,
    simd::{Kernel, Simd, tests::everywhere},
};

const NAN: f32 = f32::NAN;
const INFINITY: f32 = f32::INFINITY;

/// Scores as a model gives them, without a pattern.
fn scores(length: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(length as u64);
    (0..length).map(|_| (random.f32() - 0.5) * 40.0).collect()
}

#[track_caller]
fn check_argmax(values: &[f32], expected: usize) {
    assert_eq!(argmax(values), expected, "{values:?}");
}

#[test]
fn the_first_of_the_greatest_is_found() {
    check_argmax(&[], 0);
    check_argmax(&[1.0, 3.0, 2.0, 3.0], 1);
    check_argmax(&[-INFINITY, -1e38], 1);
    check_argmax(&[-INFINITY; 20], 0);
    check_argmax(&[1.0, INFINITY, INFINITY], 1);
    check_argmax(&[0.0, -0.0], 0);
}

#[test]
fn what_is_no_number_is_never_the_greatest() {
    check_argmax(&[NAN, 1.0, NAN, 2.0], 3);
    check_argmax(&[NAN; 17], 0);
    let mut values = [0.5; 40];
    values[..39].fill(NAN);
    check_argmax(&values, 39);
}

#[test]
fn the_greatest_is_found_at_every_remainder() {
    for length in 1..100 {
        for place in 0..length {
            let mut values = scores(length);
            values[place] = 100.0;
            check_argmax(&values, place);
        }
    }
}

#[test]
fn log_sum_exp_is_what_it_is_defined_to_be() {
    for length in (1..70).chain([4095, 4097, 49_152, 200_000]) {
        let values = scores(length);
        let expected = values.iter().map(|value| f64::from(*value).exp()).sum::<f64>().ln();
        let error = (f64::from(log_sum_exp(&values)) - expected).abs();
        assert!(error < 1e-6 + 1e-7 * expected.abs(), "{length}: {error}");
    }
}

#[track_caller]
fn check_log_sum_exp(values: &[f32], expected: f32) {
    let found = log_sum_exp(values);
    assert!(found == expected || found.is_nan() && expected.is_nan(), "{found} for {values:?}");
}

#[test]
fn log_sum_exp_knows_infinities() {
    check_log_sum_exp(&[], -INFINITY);
    check_log_sum_exp(&[-INFINITY; 33], -INFINITY);
    check_log_sum_exp(&[-INFINITY, 5.0], 5.0);
    check_log_sum_exp(&[1.0, INFINITY], INFINITY);
    check_log_sum_exp(&[1.0, NAN], NAN);
    check_log_sum_exp(&[INFINITY, NAN], NAN);
    check_log_sum_exp(&[-INFINITY, NAN], NAN);
    check_log_sum_exp(&[-3e38, -3e38], -3e38);
    check_log_sum_exp(&[3e38, -3e38], 3e38);
}

#[test]
fn scores_are_capped() {
    let threads = Threads::new(ThreadsOptions::new(NonZeroUsize::new(2).unwrap())).unwrap();
    for length in (0..40).chain([20_000]) {
        let values = scores(length);
        let mut found = values.clone();
        softcap(&mut found, 30.0, &threads);
        for (found, value) in found.iter().zip(values) {
            let expected = 30.0 * (f64::from(value) / 30.0).tanh();
            assert!((f64::from(*found) - expected).abs() < 30.0 * 3e-7, "{found} for {expected}");
        }
    }
}

/// All kernels of this file.
struct All<'a>(&'a [f32]);

impl Kernel for All<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f32> {
        let mut out = self.0.to_vec();
        SoftCap { values: &mut out, cap: 7.0 }.run(simd);
        let greatest = Greatest(self.0).run(simd);
        out.extend([greatest, SumOfExponentials { values: self.0, greatest }.run(simd)]);
        out
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    for length in 0..100 {
        let values = scores(length);
        everywhere(|| All(&values));
    }
}
