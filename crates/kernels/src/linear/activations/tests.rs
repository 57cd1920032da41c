use super::{ActivationKind, Activations, BlockScale, TILE, TileBlock, row, scalar};
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

/// A row of bytes and what they stand for.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    quants: Vec<[i8; BLOCK]>,
    scales: Vec<BlockScale>,
    scale: f32,
}

/// The row that `values` become, by the fastest way and by the definition, must be the same.
#[track_caller]
fn check(values: &[f32]) -> Row {
    let (found, expected) = (quantised(values, 2), defined(values, 2));
    assert_eq!(found.quants, expected.quants);
    let bits = |row: &Row| -> Vec<_> {
        row.scales.iter().map(|s| (s.scale.to_bits(), s.offset.to_bits(), s.sum)).collect()
    };
    assert_eq!(bits(&found), bits(&expected));
    assert_eq!(found.scale.to_bits(), expected.scale.to_bits());
    found
}

fn quantised(values: &[f32], row: usize) -> Row {
    let mut tile = vec![TileBlock::default(); values.len() / BLOCK];
    let scale = row::quantise(values.as_chunks().0, &mut tile, row);
    lane(&tile, row, scale)
}

fn defined(values: &[f32], row: usize) -> Row {
    let mut tile = vec![TileBlock::default(); values.len() / BLOCK];
    let scale = scalar::quantise(values.as_chunks().0, &mut tile, row);
    lane(&tile, row, scale)
}

/// One row of a tile.
fn lane(tile: &[TileBlock], row: usize, scale: f32) -> Row {
    let (quants, scales) = tile.iter().map(|block| (block.quants[row], block.scale(row))).unzip();
    Row { quants, scales, scale }
}

/// A row of activations.
fn row_of(activations: &Activations, row: usize) -> Row {
    let tile = activations.tile_rows(row / TILE * TILE, 1).tiles;
    lane(tile, row % TILE, activations.row_scale(row))
}

#[test]
fn values_come_back_within_half_a_step() {
    for (seed, blocks) in (1..).zip(1..9) {
        let values = noise(blocks * BLOCK, seed);
        let row = check(&values);
        for (index, value) in values.iter().enumerate() {
            let (block, scale) = (index / BLOCK, row.scales[index / BLOCK].scale * row.scale);
            let back = f32::from(row.quants[block][index % BLOCK]) * scale;
            assert!((back - value).abs() <= scale * 0.5001, "{value} became {back}");
        }
    }
}

/// A block's bytes use all of their range, however small its values are beside others'.
#[test]
fn small_blocks_are_as_fine_as_great_ones() {
    for magnitude in [1e-3_f32, 1.0, 1e3] {
        let mut values = noise(2 * BLOCK, 3);
        values[..BLOCK].iter_mut().for_each(|value| *value *= magnitude);
        let row = check(&values);
        for quants in &row.quants {
            let greatest = quants.iter().map(|quant| quant.unsigned_abs()).max();
            assert!((120..=127).contains(&greatest.unwrap()), "{magnitude}: {greatest:?}");
        }
    }
}

#[test]
fn scales_are_integers_of_15_bits() {
    let row = check(&noise(8 * BLOCK, 4));
    let scales = || row.scales.iter().map(|block| block.scale);
    assert!(scales().all(|scale| scale.fract() == 0.0 && (1.0..=32767.0).contains(&scale)));
    assert_eq!(scales().fold(0.0, f32::max), 32767.0);
}

#[test]
fn the_greatest_magnitude_is_127() {
    let mut values = vec![0.5_f32; BLOCK];
    values[7] = -2.0;
    let row = check(&values);
    assert_eq!((row.quants[0][7], row.quants[0][0]), (-127, 32));
    assert_eq!(row.scales[0].sum, 31 * 32 - 127);
}

#[test]
fn zeros_stay_zeros() {
    let row = check(&[0.0; BLOCK]);
    assert_eq!((row.quants[0], row.scales[0].sum), ([0; BLOCK], 0));
    assert_eq!((row.scales[0].scale, row.scale), (0.0, 0.0));
}

#[test]
fn what_is_no_number_stays_none() {
    for (place, fault) in [(0, f32::NAN), (31, f32::NAN), (13, f32::INFINITY)] {
        let mut values = noise(2 * BLOCK, 5);
        values[place] = fault;
        let row = quantised(&values, 0);
        assert!(!row.scale.is_finite(), "{fault} at {place}: {row:?}");
    }
}

#[test]
fn tiny_values_keep_their_quants_in_range() {
    let row = check(&[f32::MIN_POSITIVE / 1e6; BLOCK]);
    assert!(row.quants[0].iter().all(|quant| *quant >= -127));
}

/// The bytes in 16 bits, if there are any, are the bytes.
#[track_caller]
fn assert_wide(all: &Activations) {
    let wanted = all.kind() == ActivationKind::WideInt8;
    assert_eq!(!all.wide.is_empty(), wanted, "{:?}", all.kind());
    for row in 0..if wanted { all.rows() } else { 0 } {
        let rows = all.tile_rows(row / TILE * TILE, 1);
        for (tile, wide) in rows.tiles.iter().zip(rows.wide) {
            for (column, quant) in tile.quants[row % TILE].iter().enumerate() {
                let place = column % 2 * (BLOCK / 2) + column / 2;
                assert_eq!(wide.0[row % TILE][place], i16::from(*quant), "row {row}, {column}");
            }
        }
    }
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
    for kind in [ActivationKind::Int8, ActivationKind::WideInt8, ActivationKind::Float] {
        let mut all = Activations::new();
        all.reset(kind, 6, 32);
        all.quantise(&noise(6 * 32, 9), &threads);
        let mut some = Activations::new();
        some.gather(&all, &[5, 1]);
        assert_eq!((some.rows(), some.columns(), some.kind()), (2, 32, kind));
        for (to, from) in [5, 1].into_iter().enumerate() {
            match kind {
                ActivationKind::Int8 => assert_eq!(row_of(&some, to), row_of(&all, from)),
                ActivationKind::WideInt8 => assert_wide(&some),
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
    for kind in [ActivationKind::Int8, ActivationKind::WideInt8, ActivationKind::Float] {
        let mut all = Activations::new();
        all.reset(kind, 301, 64);
        all.quantise(&values, &threads);
        assert_wide(&all);
        for (row, values) in values.chunks(64).enumerate() {
            match kind {
                ActivationKind::Int8 | ActivationKind::WideInt8 => {
                    assert_eq!(row_of(&all, row), defined(values, 0));
                }
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
