use super::{
    Rotary, RotaryStyle,
    rotate::{Adjacent, Halves},
};
use crate::{
    HeadRows, Threads,
    simd::{Kernel, Simd, tests::everywhere},
};

fn noise(length: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(length as u64 + 1);
    (0..length).map(|_| random.f32() - 0.5).collect()
}

/// The usual frequencies: falling powers of 10,000.
fn frequencies(dimension: usize) -> Vec<f64> {
    (0..dimension / 2).map(|pair| 10_000_f64.powf(-2.0 * pair as f64 / dimension as f64)).collect()
}

/// Turns one head as the paper says.
fn by_definition(head: &[f32], style: RotaryStyle, frequencies: &[f64], position: u32) -> Vec<f64> {
    let mut out: Vec<f64> = head.iter().map(|value| f64::from(*value)).collect();
    for (pair, frequency) in frequencies.iter().enumerate() {
        let (sin, cos) = (f64::from(position) * frequency).sin_cos();
        let (a, b) = match style {
            RotaryStyle::Adjacent => (2 * pair, 2 * pair + 1),
            RotaryStyle::Halves => (pair, pair + frequencies.len()),
        };
        (out[a], out[b]) = (out[a] * cos - out[b] * sin, out[b] * cos + out[a] * sin);
    }
    out
}

#[track_caller]
fn check(style: RotaryStyle, frequencies: &[f64], head_dim: usize, positions: &[u32]) {
    let (row, first, heads) = (2 * head_dim + 3, 1, 2);
    let before = noise(positions.len() * row);
    let mut after = before.clone();
    let mut rotary = Rotary::new(style, frequencies);
    rotary.set_positions(positions.iter().copied());
    let values = HeadRows { values: &mut after, row, first, heads, head_dim };
    rotary.rotate(values, &Threads::single());
    for ((before, after), position) in before.chunks(row).zip(after.chunks(row)).zip(positions) {
        assert_eq!(before[0], after[0]);
        assert_eq!(before[row - 2..], after[row - 2..]);
        for head in [first, first + head_dim] {
            let expected =
                by_definition(&before[head..][..head_dim], style, frequencies, *position);
            for (found, expected) in after[head..].iter().zip(expected) {
                let error = (f64::from(*found) - expected).abs();
                assert!(error < 2e-7, "{found} for {expected} at {position}: {style:?}");
            }
        }
    }
}

#[test]
fn heads_of_every_size_turn() {
    for style in [RotaryStyle::Adjacent, RotaryStyle::Halves] {
        for dimension in (2..=70).step_by(2).chain([128, 256]) {
            check(style, &frequencies(dimension), dimension, &[0, 1, 7, 4095, 131_071]);
        }
    }
}

#[test]
fn the_end_of_a_head_may_stay() {
    for style in [RotaryStyle::Adjacent, RotaryStyle::Halves] {
        for dimension in [2, 16, 20, 32, 62] {
            check(style, &frequencies(dimension), 64, &[3, 1000]);
        }
    }
}

#[test]
fn the_first_position_changes_nothing() {
    let mut values = noise(32);
    let mut rotary = Rotary::new(RotaryStyle::Halves, &frequencies(32));
    rotary.set_positions([0]);
    let heads = HeadRows { values: &mut values, row: 32, first: 0, heads: 1, head_dim: 32 };
    rotary.rotate(heads, &Threads::single());
    assert_eq!(values, noise(32));
}

#[test]
#[should_panic(expected = "a position for each row")]
fn every_row_needs_a_position() {
    let mut rotary = Rotary::new(RotaryStyle::Halves, &frequencies(4));
    rotary.set_positions([0]);
    let heads = HeadRows { values: &mut [0.0; 8], row: 4, first: 0, heads: 1, head_dim: 4 };
    rotary.rotate(heads, &Threads::single());
}

/// Both styles, one after the other.
struct All<'a> {
    heads: &'a [f32],
    head_dim: usize,
    turns: &'a [f32],
}

impl Kernel for All<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Vec<f32> {
        let Self { heads: before, head_dim, turns } = self;
        let (cos, sin) = turns.split_at(turns.len() / 2);
        let mut heads = before.to_vec();
        Adjacent { heads: &mut heads, head_dim, cos, sin }.run(simd);
        let (cos, sin) = (&cos[..head_dim / 2], &sin[..head_dim / 2]);
        Halves { heads: &mut heads, head_dim, cos, sin }.run(simd);
        heads
    }
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    for head_dim in (2..=70).step_by(2) {
        let (heads, turns) = (noise(3 * head_dim), noise(2 * head_dim));
        everywhere(|| All { heads: &heads, head_dim, turns: &turns });
    }
}
