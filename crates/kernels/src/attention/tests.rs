mod reference;
mod world;

use world::{Chunk, FORMATS, Setting, World, is_emulated, isas};

use super::{AttentionBatch, AttentionScratch, AttentionSpan, attend};
use crate::{
    isa::tests::compared,
    kv::{KvCache, KvFormat, KvShape},
    rows::Rows,
    simd::Isa,
    threads::Threads,
};

fn chunk(sequence: usize, start: usize, end: usize) -> Chunk {
    Chunk { sequence, start, end }
}

/// Every token of a sequence at once, then the next one alone.
#[track_caller]
fn check(setting: Setting, context: usize) {
    let mut world = World::new(setting);
    world.check(&[chunk(0, 0, context)]);
    world.check(&[chunk(0, context, context + 1)]);
}

#[test]
fn agrees_with_the_definition_at_every_length() {
    for isa in Isa::widest_first() {
        for format in FORMATS {
            let setting = Setting { isa, kv_heads: 1, head_dim: 16, ..Setting::new(format) };
            let step = if is_emulated() { 7 } else { 1 };
            (1..=100).step_by(step).for_each(|context| check(setting, context));
        }
    }
}

#[test]
fn agrees_around_the_ends_of_segments() {
    let contexts: &[usize] = if is_emulated() { &[511, 545] } else { &[480, 511, 512, 545, 1023] };
    for isa in isas() {
        for format in FORMATS {
            let setting = Setting { isa, kv_heads: 1, head_dim: 16, ..Setting::new(format) };
            for &context in contexts {
                let mut world = World::new(setting);
                // Most of it without looking: the reference takes long.
                world.step(&[chunk(0, 0, context - 1)]);
                world.check(&[chunk(0, context - 1, context + 40)]);
                world.check(&[chunk(0, context + 40, context + 41)]);
            }
        }
    }
}

#[test]
fn agrees_for_every_group_of_heads() {
    for isa in Isa::widest_first() {
        for group in 1..=8 {
            let setting = Setting { isa, group, kv_heads: 2, ..Setting::new(KvFormat::F16) };
            check(Setting { head_dim: 16, ..setting }, 97);
        }
    }
}

#[test]
fn agrees_for_every_size_of_heads() {
    let sizes: &[usize] =
        if is_emulated() { &[8, 72, 80] } else { &[8, 24, 64, 72, 80, 96, 128, 256, 512] };
    for isa in isas() {
        for format in FORMATS {
            for &head_dim in sizes {
                let setting = Setting { isa, head_dim, kv_heads: 2, ..Setting::new(format) };
                check(Setting { group: 2, ..setting }, 75);
            }
        }
    }
}

#[test]
fn agrees_within_windows() {
    for isa in Isa::widest_first() {
        for window in [1, 2, 31, 32, 33, 64, 100, 1000] {
            let setting = Setting { isa, window: Some(window), ..Setting::new(KvFormat::F16) };
            let setting = Setting { kv_heads: 1, head_dim: 16, ..setting };
            check(setting, 150);
            let mut world = World::new(setting);
            world.step(&[chunk(0, 0, 600)]);
            world.check(&[chunk(0, 600, 690)]);
        }
    }
}

#[test]
fn agrees_with_capped_scores() {
    for isa in Isa::widest_first() {
        for format in FORMATS {
            let setting = Setting { isa, softcap: Some(5.0), scale: 2.0, ..Setting::new(format) };
            check(Setting { head_dim: 16, ..setting }, 70);
        }
    }
}

#[test]
fn agrees_in_mixed_batches() {
    for isa in Isa::widest_first() {
        for threads in [1, 2, 3] {
            let mut world = World::new(Setting { isa, threads, ..Setting::new(KvFormat::Int8) });
            world.check(&[chunk(0, 0, 70), chunk(1, 0, 1), chunk(2, 0, 33)]);
            world.check(&[chunk(1, 1, 90), chunk(0, 70, 71), chunk(3, 0, 40), chunk(2, 33, 36)]);
        }
    }
}

#[test]
fn large_scores_do_not_overflow() {
    for isa in Isa::widest_first() {
        for scale in [1e4, -1e4, 1e20] {
            // The largest weight is all: an error of a score is one of nothing else.
            let setting = Setting { isa, scale, kv_heads: 1, ..Setting::new(KvFormat::F32) };
            let mut world = World::new(setting);
            let rows = world.step(&[chunk(0, 0, 90)]);
            assert!(rows.iter().flatten().all(|number| number.abs() <= 1.0), "{isa:?} {scale}");
        }
    }
}

/// A row of the output as bits.
fn bits(rows: &[Vec<f32>]) -> Vec<Vec<u32>> {
    rows.iter().map(|row| row.iter().map(|number| number.to_bits()).collect()).collect()
}

/// The rows of `total` tokens of sequence 0, which enter in chunks of `size`, each step beside what
/// `others` makes of the number of the step.
fn rows_in_chunks(
    setting: Setting,
    total: usize,
    size: usize,
    others: impl Fn(usize) -> Vec<Chunk>,
) -> Vec<Vec<u32>> {
    let mut world = World::new(setting);
    let mut rows = Vec::new();
    for (step, start) in (0..total).step_by(size).enumerate() {
        let mut chunks = others(step);
        let before: usize = chunks.iter().map(|chunk| chunk.end - chunk.start).sum();
        let own = chunk(0, start, total.min(start + size));
        chunks.push(own);
        rows.extend(world.step(&chunks).drain(before..));
    }
    bits(&rows)
}

#[track_caller]
fn check_determinism(setting: Setting, total: usize) {
    let whole = rows_in_chunks(setting, total, total, |_| Vec::new());
    assert!(whole.iter().flatten().all(|bits| f32::from_bits(*bits).is_finite()));
    for (size, threads) in [(1, 1), (7, 1), (32, 2), (total, 2), (total, 3), (200, 2)] {
        let setting = Setting { threads, ..setting };
        let alone = rows_in_chunks(setting, total, size, |_| Vec::new());
        assert!(alone == whole, "{setting:?}: chunks of {size} are not one chunk of {total}");
    }
    let others = |step: usize| {
        vec![chunk(1, step * 9, (step + 1) * 9), chunk(2, step, step + 1), chunk(3, 0, 2)]
    };
    let mixed = rows_in_chunks(Setting { threads: 2, ..setting }, total, 13, others);
    assert!(mixed == whole, "{setting:?}: other sequences matter");
}

#[test]
fn a_row_does_not_depend_on_what_is_computed_beside_it() {
    for isa in isas() {
        for format in FORMATS {
            let setting = Setting { isa, kv_heads: 1, head_dim: 16, ..Setting::new(format) };
            check_determinism(setting, 560);
            check_determinism(Setting { group: 1, ..setting }, 150);
            check_determinism(Setting { group: 5, head_dim: 72, ..setting }, 150);
            check_determinism(Setting { window: Some(70), ..setting }, 700);
            check_determinism(Setting { softcap: Some(2.0), head_dim: 64, ..setting }, 150);
        }
    }
}

#[test]
fn a_row_does_not_depend_on_how_many_segments_there_are() {
    for format in FORMATS {
        let setting = Setting { kv_heads: 2, ..Setting::new(format) };
        let smaller = Setting { kv_heads: 1, group: 1, head_dim: 16, ..setting };
        check_determinism(if is_emulated() { smaller } else { setting }, 1100);
    }
}

#[test]
fn every_instruction_set_passes_the_check_before_it_is_used() {
    for isa in Isa::widest_first() {
        assert!(super::check::agrees(isa), "{isa:?}");
        compared("attention", &format!("{isa:?}"));
    }
}

#[track_caller]
fn check_refused(span: AttentionSpan<'_>, heads: usize, expected: &str) {
    let shape = KvShape { layers: 1, kv_heads: 2, head_dim: 8, blocks: 4 };
    let cache = KvCache::new(shape, KvFormat::F16).unwrap();
    let queries = [0.0; 64];
    let refused = std::panic::catch_unwind(|| {
        let batch = AttentionBatch {
            queries: Rows::new(&queries, 16),
            heads,
            scale: 1.0,
            softcap: None,
            spans: &[span],
        };
        let mut out = [0.0; 64];
        let mut scratch = AttentionScratch::default();
        attend(&cache, 0, &batch, &mut out, &mut scratch, &Threads::single());
    });
    let panic = refused.expect_err("it was computed");
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    assert!(text.as_deref().is_some_and(|text| text.contains(expected)), "{text:?}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let good = AttentionSpan { first_row: 0, rows: 2, context: 40, blocks: &[3, 1], window: None };
    check_refused(good, 3, "3 heads cannot share 2");
    check_refused(AttentionSpan { context: 1, ..good }, 2, "2 rows of 1");
    check_refused(AttentionSpan { window: Some(0), ..good }, 2, "a token sees itself");
    check_refused(AttentionSpan { context: 65, ..good }, 2, "2 blocks of 3");
    check_refused(AttentionSpan { first_row: 3, ..good }, 2, "floats, not 64");
    check_refused(AttentionSpan { blocks: &[3, 4], ..good }, 2, "block 4 of 4");
}
