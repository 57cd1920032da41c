use super::{exp2, tanh};
use crate::vectors::{Isa, Vectors, Work, load_at, store_at};

#[derive(Clone, Copy)]
enum Function {
    Exp2,
    Tanh,
}

struct Apply<'a> {
    function: Function,
    values: &'a mut [f32],
}

impl Work for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Vectors>(self, simd: S) {
        for at in (0..self.values.len()).step_by(S::LANES) {
            let x = load_at(simd, self.values, at);
            let y = match self.function {
                Function::Exp2 => exp2(simd, x),
                Function::Tanh => tanh(simd, x),
            };
            store_at(simd, self.values, at, y);
        }
    }
}

/// The function at `arguments`, as many of which as all registers divide, by every instruction set.
fn values(function: Function, arguments: &[f32]) -> Vec<(Isa, Vec<f32>)> {
    let apply = |isa: Isa| {
        let mut values = arguments.to_vec();
        isa.run(Apply { function, values: &mut values });
        (isa, values)
    };
    Isa::all().into_iter().map(apply).collect()
}

#[test]
fn powers_of_two_are_within_two_units_in_the_last_place() {
    let arguments: Vec<f32> = (-12_600_i16..=12_700).map(|x| f32::from(x) / 100.0).collect();
    let arguments = &arguments[..arguments.len() / 16 * 16];
    for (isa, values) in values(Function::Exp2, arguments) {
        for (x, y) in arguments.iter().zip(values) {
            let exact = f64::from(*x).exp2();
            let error = (f64::from(y) - exact).abs() / exact;
            assert!(
                error <= 2.0 * f64::from(f32::EPSILON),
                "{isa:?}: 2^{x} = {y}, off by {error:e}"
            );
        }
    }
}

#[test]
fn powers_of_integers_are_exact_and_what_is_too_small_is_nothing() {
    let mut arguments = [0.0; 16];
    arguments[..6].copy_from_slice(&[0.0, 1.0, -126.0, -1e30, f32::NEG_INFINITY, 127.0]);
    for (isa, values) in values(Function::Exp2, &arguments) {
        let expected = [1.0, 2.0, f32::MIN_POSITIVE, 0.0, 0.0, 2_f32.powi(127)];
        assert_eq!(values[..6], expected, "{isa:?}");
    }
}

#[test]
fn the_tangent_is_within_its_bound() {
    let arguments: Vec<f32> = (-1600_i16..1600).map(|x| f32::from(x) / 100.0).collect();
    for (isa, values) in values(Function::Tanh, &arguments) {
        for (x, y) in arguments.iter().zip(values) {
            let error = (f64::from(y) - f64::from(*x).tanh()).abs();
            assert!(error <= 5e-7, "{isa:?}: tanh {x} = {y}, off by {error:e}");
        }
    }
}
