use super::{gated_gelu, gated_silu};
use crate::{ActivationKind, Activations, Threads};

fn noise(length: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(length as u64 + 1);
    (0..length).map(|_| (random.f32() - 0.5) * 20.0).collect()
}

fn silu(gate: f64) -> f64 {
    gate / (1.0 + (-gate).exp())
}

fn gelu(gate: f64) -> f64 {
    let argument = (2.0 / std::f64::consts::PI).sqrt() * (gate + 0.044_715 * gate.powi(3));
    gate / 2.0 * (1.0 + argument.tanh())
}

type Gated = fn(&[f32], &mut Activations, &Threads);

fn activate(gated: Gated, x: &[f32], kind: ActivationKind, columns: usize) -> Activations {
    let mut out = Activations::new();
    out.reset(kind, x.len() / columns / 2, columns);
    gated(x, &mut out, &Threads::single());
    out
}

#[track_caller]
fn check(gated: Gated, definition: fn(f64) -> f64) {
    for columns in (1..100).chain([576, 1536]) {
        let x = noise(3 * 2 * columns);
        let out = activate(gated, &x, ActivationKind::Float, columns);
        for (row, x) in x.chunks(2 * columns).enumerate() {
            let (gate, up) = x.split_at(columns);
            for ((gate, up), found) in gate.iter().zip(up).zip(out.float_row(row)) {
                let (activated, up) = (definition(f64::from(*gate)), f64::from(*up));
                let error = (f64::from(*found) - activated * up).abs();
                let bound = (1e-6 * activated.abs() + 2e-6) * up.abs();
                assert!(error <= bound, "{found} for {activated} * {up}");
            }
        }
    }
}

#[test]
fn silu_gates_at_every_remainder() {
    check(gated_silu, silu);
}

#[test]
fn gelu_gates_at_every_remainder() {
    check(gated_gelu, gelu);
}

#[test]
fn bytes_are_what_the_floats_would_become() {
    for columns in [32, 256, 1536] {
        let x = noise(4 * columns);
        let floats = activate(gated_silu, &x, ActivationKind::Float, columns);
        let bytes = activate(gated_silu, &x, ActivationKind::Int8, columns);
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
fn what_is_no_number_stays_none_and_alone() {
    let mut x = [1.0; 80];
    x[3] = f32::NAN;
    x[44] = f32::NAN;
    let out = activate(gated_silu, &x, ActivationKind::Float, 40);
    let nan: Vec<usize> = (0..40).filter(|column| out.float_row(0)[*column].is_nan()).collect();
    assert_eq!(nan, [3, 4]);
}

#[test]
#[should_panic(expected = "rows of a gate and as many values")]
fn refuses_another_shape() {
    let mut out = Activations::new();
    out.reset(ActivationKind::Float, 1, 4);
    gated_silu(&[0.0; 4], &mut out, &Threads::single());
}
