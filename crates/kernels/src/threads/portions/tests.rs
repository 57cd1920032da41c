use std::{num::NonZeroUsize, sync::Mutex};

use super::{ColumnTiles, Portions, RowPortions};
use crate::{Threads, ThreadsOptions};

fn three_threads() -> Threads {
    Threads::new(ThreadsOptions::new(NonZeroUsize::new(3).unwrap())).unwrap()
}

#[track_caller]
fn check(count: usize, size: usize, expected: &[std::ops::Range<usize>]) {
    let portions = Portions::new(count, size);
    let found: Vec<_> = std::iter::from_fn(|| portions.next()).collect();
    assert_eq!(found, expected, "{count} by {size}");
    assert_eq!(portions.next(), None);
}

#[test]
fn portions_cover_everything_once() {
    check(0, 3, &[]);
    check(4, 3, &[0..3, 3..4]);
    check(6, 3, &[0..3, 3..6]);
    check(7, 3, &[0..3, 3..6, 6..7]);
}

#[test]
fn portions_shrink_to_a_unit() {
    let portions = Portions::among(45 * 16 - 3, 16, 2);
    let sizes: Vec<_> = std::iter::from_fn(|| portions.next()).map(|range| range.len()).collect();
    let whole = [17, 10, 7, 4, 3, 1, 1].map(|units| units * 16);
    assert_eq!(sizes, [&whole[..], &[16, 13]].concat());
}

#[test]
fn a_count_near_the_limit_ends() {
    let portions = Portions::new(usize::MAX, usize::MAX - 1);
    assert_eq!(portions.next(), Some(0..usize::MAX - 1));
    assert!(portions.next().is_some());
    assert_eq!(portions.next(), None);
}

#[test]
fn threads_take_every_portion_once() {
    let (portions, taken) = (Portions::among(1000, 1, 3), Mutex::new(vec![0; 1000]));
    three_threads().run(&|_| {
        while let Some(range) = portions.next() {
            taken.lock().unwrap()[range].iter_mut().for_each(|times| *times += 1);
        }
    });
    assert_eq!(taken.into_inner().unwrap(), vec![1; 1000]);
}

#[test]
fn rows_are_written_by_whoever_takes_them() {
    let mut values = vec![0; 100 * 7];
    let rows = RowPortions::new(&mut values, 7, 3);
    three_threads().run(&|_| {
        while let Some((first, portion)) = rows.next() {
            for (row, values) in portion.chunks_mut(7).enumerate() {
                values.iter_mut().enumerate().for_each(|(i, v)| *v = (first + row) * 7 + i);
            }
        }
    });
    assert_eq!(values, (0..700).collect::<Vec<_>>());
}

#[test]
fn columns_are_written_within_their_stride() {
    let (rows, columns, stride) = (5, 50, 64);
    let mut values = vec![0; rows * stride];
    let tiles = ColumnTiles::new(&mut values, rows, stride, Portions::new(columns, 16));
    three_threads().run(&|_| {
        while let Some(mut tile) = tiles.next() {
            let first = tile.columns().start;
            for row in 0..rows {
                tile.row(row).iter_mut().enumerate().for_each(|(i, v)| *v += first + i + 1);
            }
        }
    });
    for row in values.chunks(stride) {
        let expected = (0..stride).map(|i| if i < columns { i + 1 } else { 0 });
        assert_eq!(row, expected.collect::<Vec<_>>());
    }
}

#[test]
#[should_panic(expected = "2 rows need 74 values, not 73")]
fn a_matrix_must_lie_within_its_slice() {
    let _tiles = ColumnTiles::new(&mut [0; 73], 2, 64, Portions::new(10, 16));
}

#[test]
#[should_panic(expected = "10 values in rows of 3")]
fn rows_must_be_whole() {
    let _rows = RowPortions::new(&mut [0; 10], 3, 1);
}
