use super::{BYTES, FLOATS, HALVES, Multiplier, all_f32, all_int8, bf16};
use crate::isa::tests::compared;

/// A loop must be its number of steps times the dot product, which is `dot`.
#[track_caller]
fn check<A, B, const N: usize>(kernel: &Multiplier<A, B, N>, a: &[A; N], b: &[B; N], dot: f64) {
    compared("roofline", kernel.isa);
    for steps in [0, 1, 2, 7, 100] {
        let expected = dot * (steps * kernel.dots_per_step) as f64;
        assert_eq!((kernel.run)(steps, a, b).to_bits(), expected.to_bits(), "{kernel:?}, {steps}");
    }
}

/// Every lane has a value of its own, so that none can be left out or taken twice.
fn floats() -> ([f32; FLOATS], [f32; FLOATS], f64) {
    let a = std::array::from_fn(|lane| lane as f32 + 1.0);
    let b = std::array::from_fn(|lane| (lane % 5) as f32 * 0.5 - 0.5);
    let dot = (0..FLOATS).map(|lane| f64::from(a[lane]) * f64::from(b[lane])).sum();
    (a, b, dot)
}

#[test]
fn loops_over_floats_agree_with_the_definition() {
    let (a, b, dot) = floats();
    for kernel in all_f32() {
        check(&kernel, &a, &b, dot);
    }
}

#[test]
fn loops_over_bytes_agree_with_the_definition() {
    let a: [u8; BYTES] = std::array::from_fn(|lane| u8::try_from(lane).unwrap() + 1);
    let b: [i8; BYTES] = std::array::from_fn(|lane| i8::try_from(lane % 7).unwrap() - 3);
    let dot = (0..BYTES).map(|lane| f64::from(a[lane]) * f64::from(b[lane])).sum();
    for kernel in all_int8() {
        check(&kernel, &a, &b, dot);
    }
}

/// On a CPU without the instruction there is nothing to hold against the definition.
#[test]
fn the_loop_over_halves_agrees_with_the_definition() {
    let Some(kernel) = bf16() else { return };
    let half = |value: f32| u16::try_from(value.to_bits() >> 16).unwrap();
    let a: [f32; HALVES] = std::array::from_fn(|lane| lane as f32 + 1.0);
    let b: [f32; HALVES] = std::array::from_fn(|lane| (lane % 5) as f32 * 0.5 - 0.5);
    let dot = (0..HALVES).map(|lane| f64::from(a[lane]) * f64::from(b[lane])).sum();
    check(&kernel, &a.map(half), &b.map(half), dot);
}

#[test]
fn operations_are_two_per_product() {
    let kernel = super::scalar::f32();
    assert_eq!(kernel.operations_per_step().to_bits(), 32_f64.to_bits());
    for kernel in all_int8() {
        assert_eq!(kernel.operations_per_step() % 128.0, 0.0, "{kernel:?}");
    }
}
