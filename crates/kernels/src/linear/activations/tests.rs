use super::{ActivationKind, Activations, BlockScale, Int8RowMut, TILE, TileBlock, scalar};
use crate::{BLOCK, Threads};

/// Values of many magnitudes, from a generator that anyone can repeat.
pub(crate) fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state as f32 / u32::MAX as f32 - 0.5) * (1.0 + (state % 7) as f32)
    };
    (0..count).map(next).collect()
}

/// The row that `values` become, by the fastest way and by the definition, must be the same.
#[track_caller]
fn check(values: &[f32]) -> (Vec<[i8; BLOCK]>, Vec<BlockScale>) {
    let (found, expected) = (quantised(values, 2), defined(values, 2));
    assert_eq!(found.0, expected.0);
    let bits = |scales: &[BlockScale]| -> Vec<_> {
        scales.iter().map(|s| (s.scale.to_bits(), s.offset.to_bits(), s.sum)).collect()
    };
    assert_eq!(bits(&found.1), bits(&expected.1));
    found
}

fn quantised(values: &[f32], row: usize) -> (Vec<[i8; BLOCK]>, Vec<BlockScale>) {
    let mut tile = vec![TileBlock::default(); values.len() / BLOCK];
    Int8RowMut { tile: &mut tile, row }.quantise(0, values);
    lane(&tile, row)
}

fn defined(values: &[f32], row: usize) -> (Vec<[i8; BLOCK]>, Vec<BlockScale>) {
    let mut tile = vec![TileBlock::default(); values.len() / BLOCK];
    scalar::quantise(values.as_chunks().0, &mut tile, row);
    lane(&tile, row)
}

/// One row of a tile.
fn lane(tile: &[TileBlock], row: usize) -> (Vec<[i8; BLOCK]>, Vec<BlockScale>) {
    tile.iter().map(|block| (block.quants[row], block.scale(row))).unzip()
}

/// A row of activations.
fn row_of(activations: &Activations, row: usize) -> (Vec<[i8; BLOCK]>, Vec<BlockScale>) {
    lane(activations.tiles(row / TILE, 1), row % TILE)
}

#[test]
fn values_come_back_within_half_a_step() {
    for (seed, blocks) in (1..).zip(1..9) {
        let values = noise(blocks * BLOCK, seed);
        let (quants, scales) = check(&values);
        for (index, value) in values.iter().enumerate() {
            let (block, scale) = (index / BLOCK, scales[index / BLOCK].scale);
            let back = f32::from(quants[block][index % BLOCK]) * scale;
            assert!((back - value).abs() <= scale * 0.5001, "{value} became {back}");
        }
    }
}

#[test]
fn the_greatest_magnitude_is_127() {
    let mut values = vec![0.5_f32; BLOCK];
    values[7] = -2.0;
    let (quants, scales) = check(&values);
    assert_eq!((quants[0][7], quants[0][0]), (-127, 32));
    assert_eq!(scales[0].sum, 31 * 32 - 127);
}

#[test]
fn zeros_stay_zeros() {
    let (quants, scales) = check(&[0.0; BLOCK]);
    assert_eq!((quants[0], scales[0]), ([0; BLOCK], BlockScale { offset: -0.0, ..scales[0] }));
    assert_eq!(scales[0].scale.to_bits(), 0);
}

#[test]
fn what_is_no_number_stays_none() {
    for (place, fault) in [(0, f32::NAN), (31, f32::NAN), (13, f32::INFINITY)] {
        let mut values = noise(BLOCK, 5);
        values[place] = fault;
        let (_, scales) = quantised(&values, 0);
        assert!(!scales[0].scale.is_finite(), "{fault} at {place}: {scales:?}");
    }
}

#[test]
fn tiny_values_keep_their_quants_in_range() {
    let (quants, _) = check(&[f32::MIN_POSITIVE / 1e6; BLOCK]);
    assert!(quants[0].iter().all(|quant| *quant >= -127));
}

#[test]
fn rows_are_kept_apart() {
    let threads = Threads::single();
    let (rows, columns) = (7, 64);
    let values = noise(rows * columns, 3);
    let mut all = Activations::new();
    all.reset(ActivationKind::Int8, rows, columns);
    all.quantise(&values, &threads);
    for row in 0..rows {
        let mut one = Activations::new();
        one.reset(ActivationKind::Int8, 1, columns);
        one.quantise(&values[row * columns..][..columns], &threads);
        assert_eq!(row_of(&one, 0), row_of(&all, row));
    }
}

#[test]
fn rows_are_gathered_in_the_order_asked_for() {
    let threads = Threads::single();
    for kind in [ActivationKind::Int8, ActivationKind::Float] {
        let mut all = Activations::new();
        all.reset(kind, 6, 32);
        all.quantise(&noise(6 * 32, 9), &threads);
        let mut some = Activations::new();
        some.gather(&all, &[5, 1]);
        assert_eq!((some.rows(), some.columns(), some.kind()), (2, 32, kind));
        for (to, from) in [5, 1].into_iter().enumerate() {
            match kind {
                ActivationKind::Int8 => assert_eq!(row_of(&some, to), row_of(&all, from)),
                ActivationKind::Float => assert_eq!(some.float_row(to), all.float_row(from)),
            }
        }
    }
}

#[test]
fn many_rows_are_filled_by_several_threads() {
    let three = crate::ThreadsOptions::new(std::num::NonZeroUsize::new(3).unwrap());
    let threads = Threads::new(three).unwrap();
    let values = noise(301 * 64, 9);
    for kind in [ActivationKind::Int8, ActivationKind::Float] {
        let mut all = Activations::new();
        all.reset(kind, 301, 64);
        all.quantise(&values, &threads);
        for (row, values) in values.chunks(64).enumerate() {
            match kind {
                ActivationKind::Int8 => assert_eq!(row_of(&all, row), defined(values, 0)),
                ActivationKind::Float => assert_eq!(all.float_row(row), values),
            }
        }
    }
}

#[test]
#[should_panic(expected = "33 columns in blocks of 32")]
fn bytes_come_in_whole_blocks() {
    Activations::new().reset(ActivationKind::Int8, 1, 33);
}
