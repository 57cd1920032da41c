use super::{exp, exp2, gelu, silu, tanh};
use crate::simd::{
    Simd,
    tests::{Unary, apply},
};

struct Exp;
struct Exp2;
struct Silu;
struct Gelu;
struct Tanh;

impl Unary for Exp {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
        exp(simd, x)
    }
}

impl Unary for Exp2 {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
        exp2(simd, x)
    }
}

impl Unary for Silu {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
        silu(simd, x)
    }
}

impl Unary for Gelu {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
        gelu(simd, x)
    }
}

impl Unary for Tanh {
    #[inline(always)]
    fn of<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
        tanh(simd, x)
    }
}

/// Floats all over the range, many of them.
fn samples(low: f32, high: f32) -> Vec<f32> {
    const COUNT: u32 = 1 << 18;
    let near_zero = (0..1 << 12).map(|step| f32::from_bits(step << 19));
    (0..=COUNT)
        .map(|step| low + (high - low) * (step as f32 / COUNT as f32))
        .chain(near_zero.clone().filter(|value| *value < high))
        .chain(near_zero.map(|value| -value).filter(|value| *value > low))
        .collect()
}

/// The greatest error of `U`, relative to the result.
fn worst<U: Unary>(inputs: &[f32], exact: impl Fn(f64) -> f64) -> f64 {
    let error = |(found, x): (f32, &f32)| {
        let exact = exact(f64::from(*x));
        (f64::from(found) - exact).abs() / exact
    };
    apply::<U>(inputs).into_iter().zip(inputs).map(error).fold(0.0, f64::max)
}

#[test]
fn powers_are_within_their_bound() {
    let exp = worst::<Exp>(&samples(-87.33, 88.72), f64::exp);
    assert!(exp < 2e-7, "exp is off by {exp:e}");
    let exp2 = worst::<Exp2>(&samples(-126.0, 127.0), f64::exp2);
    assert!(exp2 < 2e-7, "exp2 is off by {exp2:e}");
}

#[test]
fn exp2_of_integers_is_exact_and_what_is_too_small_is_nothing() {
    let found = apply::<Exp2>(&[0.0, 1.0, -126.0, -1e30, f32::NEG_INFINITY, 127.0, -127.0]);
    assert_eq!(found, [1.0, 2.0, f32::MIN_POSITIVE, 0.0, 0.0, 2_f32.powi(127), 0.0]);
}

#[track_caller]
fn check_exp(x: f32, expected: f32) {
    let found = apply::<Exp>(&[x])[0];
    assert!(found == expected || found.is_nan() && expected.is_nan(), "exp({x}) = {found}");
}

#[test]
fn exp_ends_in_zero_and_infinity() {
    check_exp(0.0, 1.0);
    check_exp(-0.0, 1.0);
    check_exp(1e-30, 1.0);
    check_exp(-87.34, 0.0);
    check_exp(-1e30, 0.0);
    check_exp(f32::NEG_INFINITY, 0.0);
    check_exp(f32::MIN, 0.0);
    check_exp(88.72, 3.393_180_6e38);
    check_exp(88.73, f32::INFINITY);
    check_exp(f32::MAX, f32::INFINITY);
    check_exp(f32::INFINITY, f32::INFINITY);
    check_exp(f32::NAN, f32::NAN);
    check_exp(f32::from_bits(0xffff_ffff), f32::NAN);
    check_exp(f32::from_bits(0x7f80_0101), f32::NAN);
}

/// Checks an activation against its definition: the error relative to the result, but for results
/// so small that their gate is rounded to nothing.
#[track_caller]
fn check_activation<U: Unary>(bound: f64, definition: impl Fn(f64) -> f64) {
    let inputs = samples(-100.0, 100.0);
    for (found, x) in apply::<U>(&inputs).into_iter().zip(&inputs) {
        let expected = definition(f64::from(*x));
        let error = (f64::from(found) - expected).abs();
        assert!(error <= bound * expected.abs() + 1e-35, "{found} for {expected} of {x}");
    }
}

#[test]
fn silu_is_what_it_is_defined_to_be() {
    check_activation::<Silu>(3e-7, |x| x / (1.0 + (-x).exp()));
}

#[test]
fn gelu_is_what_it_is_defined_to_be() {
    // Where it is nearly nothing, the rounding of the argument of `exp` shows: 87 times 6e-8.
    check_activation::<Gelu>(2e-5, |x| {
        let argument = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
        x / (1.0 + (-2.0 * argument).exp())
    });
}

#[test]
fn tanh_is_within_its_bound() {
    let inputs = samples(-50.0, 50.0);
    for (found, x) in apply::<Tanh>(&inputs).into_iter().zip(&inputs) {
        let error = (f64::from(found) - f64::from(*x).tanh()).abs();
        assert!(error < 1.2e-7, "tanh({x}) = {found}");
        assert!(found.abs() <= 1.0, "tanh({x}) = {found}");
    }
}

#[test]
fn what_is_no_number_stays_none() {
    let found =
        [apply::<Silu>, apply::<Gelu>, apply::<Tanh>].map(|function| function(&[f32::NAN])[0]);
    assert!(found.into_iter().all(f32::is_nan), "{found:?}");
    assert_eq!(apply::<Silu>(&[f32::INFINITY])[0], f32::INFINITY);
    assert_eq!(apply::<Tanh>(&[f32::NEG_INFINITY])[0], -1.0);
}
