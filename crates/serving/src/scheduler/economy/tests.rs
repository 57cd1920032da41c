use std::{collections::BTreeMap, time::Duration};

use super::Economy;

/// Runs a model under full load, whose batch of `rows` takes `micros(rows)`, and returns how often
/// each size was run among the last thousand batches.
fn sizes(limit: usize, micros: fn(u64) -> u64) -> BTreeMap<usize, usize> {
    let mut economy = Economy::default();
    let mut sizes = BTreeMap::new();
    for run in 0..1200 {
        let rows = economy.rows_max(limit);
        economy.note(rows, rows * 100, Duration::from_micros(micros(rows as u64)));
        if run >= 200 {
            *sizes.entry(rows).or_default() += 1;
        }
    }
    sizes
}

/// Checks which size is run nearly always.
#[track_caller]
fn check(limit: usize, micros: fn(u64) -> u64, expected: usize) {
    let sizes = sizes(limit, micros);
    assert!(sizes.get(&expected).is_some_and(|runs| *runs > 950), "{sizes:?}");
}

#[test]
fn a_model_that_gains_from_batches_gets_them() {
    check(4, |rows| 10 + rows, 4);
    check(64, |rows| 100 + rows, 64);
}

#[test]
fn a_model_that_is_compute_bound_runs_rows_alone() {
    check(4, |rows| 1000 * rows, 1);
    check(4, |rows| 1000 * rows + 100 * (rows - 1), 1);
}

#[test]
fn a_gain_that_is_hardly_there_is_not_waited_for() {
    check(4, |rows| 990 * rows + 10, 1);
}

#[test]
fn a_model_may_change_its_mind() {
    let mut economy = Economy::default();
    let mut run = |rows: usize, micros: u64| {
        economy.note(rows, rows * 100, Duration::from_micros(micros));
        economy.rows_max(8)
    };
    (0..100).for_each(|_| _ = run(1, 100));
    (0..100).for_each(|_| _ = run(8, 1600));
    assert_eq!(run(8, 1600), 1);
    (0..200).for_each(|_| _ = run(8, 200));
    assert_eq!(run(8, 200), 8);
}

#[test]
fn one_row_at_a_time_needs_no_learning() {
    assert_eq!(sizes(1, |rows| rows), BTreeMap::from([(1, 1000)]));
}
