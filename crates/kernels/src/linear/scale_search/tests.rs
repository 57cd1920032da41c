use super::{int4, int4_by, int8, squared_error};
use crate::{BLOCK, linear::activations::tests::noise};

fn block(seed: u32) -> [f32; BLOCK] {
    noise(BLOCK, seed).try_into().unwrap()
}

#[test]
fn the_search_is_never_worse_than_the_obvious_scale() {
    for seed in 1..200 {
        let values = block(seed);
        let extreme =
            values.iter().fold(0_f32, |far, v| if v.abs() > far.abs() { *v } else { far });
        let obvious = squared_error(&values, &int4_by(&values, extreme / -8.0));
        assert!(squared_error(&values, &int4(&values)) <= obvious, "seed {seed}");
    }
}

#[test]
fn values_on_a_grid_stay_what_they_are() {
    let values: [f32; BLOCK] = std::array::from_fn(|index| (index % 16) as f32 * 0.25 - 2.0);
    let found = int4(&values);
    let back = found.quants.map(|quant| found.scale * (f32::from(quant) - 8.0));
    assert_eq!(back, values);
}

#[test]
fn bytes_come_back_within_half_a_step() {
    for seed in 1..50 {
        let values = block(seed);
        let found = int8(&values);
        for (value, quant) in values.iter().zip(found.quants) {
            let error = (value - found.scale * f32::from(quant)).abs();
            // The greatest may be cut by as much as the scale was rounded.
            assert!(error <= found.scale * 0.57, "{value} by {}", found.scale);
        }
    }
}

#[test]
fn zeros_have_no_scale() {
    assert_eq!(int8(&[0.0; BLOCK]).scale.to_bits(), 0);
    assert_eq!(int4(&[0.0; BLOCK]).scale.abs().to_bits(), 0);
}

#[test]
fn what_is_no_number_shows_in_the_scale() {
    let mut values = block(1);
    values[3] = f32::NAN;
    assert!(!int8(&values).scale.is_finite());
    values[3] = f32::INFINITY;
    assert!(!int8(&values).scale.is_finite());
    assert!(!int4(&values).scale.is_finite());
}
