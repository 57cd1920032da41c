use super::{KvCache, KvError, KvFormat, KvShape, KvSlot, write::Tokens};
use crate::{rows::Rows, simd::Isa, threads::Threads};

const FORMATS: [KvFormat; 4] = [KvFormat::F32, KvFormat::F16, KvFormat::Bf16, KvFormat::Int8];

fn shape(head_dim: usize) -> KvShape {
    KvShape { layers: 2, kv_heads: 3, head_dim, blocks: 5 }
}

fn number(index: usize) -> f32 {
    ((index * 7919 % 1013) as f32 - 506.0) / 300.0
}

/// Largest difference between `x` and what is kept of it, beside numbers up to `largest`.
fn error_max(format: KvFormat, x: f32, largest: f32) -> f32 {
    match format {
        KvFormat::F32 => 0.0,
        KvFormat::F16 => (x.abs() / 2048.0).max(3e-8),
        KvFormat::Bf16 => x.abs() / 256.0,
        KvFormat::Int8 => largest / 253.9,
    }
}

#[track_caller]
fn check_kept(isa: Isa, format: KvFormat, head_dim: usize) {
    let shape = shape(head_dim);
    let mut cache = KvCache::new(shape, format).unwrap();
    let slots: Vec<KvSlot> =
        (0..70).map(|index| KvSlot { block: index / 32 + 2, offset: index % 32 }).collect();
    // Rows of a wider matrix: queries, keys, values.
    let (width, keys_at) = (shape.kv_heads * head_dim, 16);
    let stride = keys_at + 2 * width;
    let fused: Vec<f32> = (0..slots.len() * stride).map(number).collect();
    let (keys, values) =
        (Rows::new(&fused[keys_at..], stride), Rows::new(&fused[keys_at + width..], stride));
    let tokens = Tokens { layer: 1, slots: &slots, keys, values };
    cache.write_with(isa, &tokens, &Threads::single());
    for (row, slot) in slots.iter().enumerate() {
        for head in 0..shape.kv_heads {
            let columns = head * head_dim..(head + 1) * head_dim;
            let (key, value) = cache.read(1, *slot, head);
            for (found, exact) in [(key, keys), (value, values)] {
                check_row(format, &found, exact.row(row, columns.clone()));
            }
        }
    }
    let (key, value) = cache.read(0, slots[3], 0);
    assert!(key.iter().chain(&value).all(|number| *number == 0.0), "another layer was written");
}

#[track_caller]
fn check_row(format: KvFormat, found: &[f32], exact: &[f32]) {
    let largest = exact.iter().fold(0.0, |largest: f32, x| largest.max(x.abs()));
    assert_eq!(found.len(), exact.len());
    for (found, exact) in found.iter().zip(exact) {
        let bound = error_max(format, *exact, largest);
        assert!((found - exact).abs() <= bound, "{format:?} keeps {exact} as {found}");
    }
}

#[test]
fn what_is_written_is_kept_within_the_bound_of_the_format() {
    for isa in Isa::widest_first() {
        for format in FORMATS {
            for head_dim in [8, 40, 64, 80, 128, 256, 512] {
                check_kept(isa, format, head_dim);
            }
        }
    }
}

/// Many rows, so that several threads write.
fn many_rows(threads: &Threads, format: KvFormat) -> KvCache {
    let shape = KvShape { blocks: 20, ..shape(64) };
    let mut cache = KvCache::new(shape, format).unwrap();
    let slots: Vec<KvSlot> =
        (0..600).map(|index| KvSlot { block: index / 32, offset: index % 32 }).collect();
    let width = shape.kv_heads * 64;
    let numbers: Vec<f32> = (0..2 * slots.len() * width).map(number).collect();
    let (keys, values) = numbers.split_at(slots.len() * width);
    cache.write(0, &slots, Rows::new(keys, width), Rows::new(values, width), threads);
    cache
}

#[test]
fn threads_write_what_one_writes() {
    let threads = Threads::new(crate::ThreadsOptions::new(3.try_into().unwrap())).unwrap();
    for format in FORMATS {
        let (many, one) = (many_rows(&threads, format), many_rows(&Threads::single(), format));
        assert!(many.memory[..] == one.memory[..], "{format:?}");
    }
}

#[test]
fn numbers_beyond_a_format_are_kept_as_its_largest() {
    let row = [1e30, -1e30, 70000.0, 0.0, f32::INFINITY, 1.0, 2.0, 3.0];
    let shape = KvShape { layers: 1, kv_heads: 1, head_dim: 8, blocks: 1 };
    let mut cache = KvCache::new(shape, KvFormat::F16).unwrap();
    let (slot, rows) = (KvSlot { block: 0, offset: 31 }, Rows::new(&row, 8));
    cache.write(0, &[slot], rows, rows, &Threads::single());
    let expected = [65504.0, -65504.0, 65504.0, 0.0, 65504.0, 1.0, 2.0, 3.0];
    assert_eq!(cache.read(0, slot, 0), (expected.to_vec(), expected.to_vec()));
}

#[test]
fn bytes_of_nothing_are_zeros() {
    let shape = KvShape { layers: 1, kv_heads: 1, head_dim: 8, blocks: 1 };
    let mut cache = KvCache::new(shape, KvFormat::Int8).unwrap();
    let (slot, rows) = (KvSlot { block: 0, offset: 1 }, Rows::new(&[0.0; 8], 8));
    cache.write(0, &[slot], rows, rows, &Threads::single());
    assert_eq!(cache.read(0, slot, 0), (vec![0.0; 8], vec![0.0; 8]));
}

#[test]
fn a_copied_block_is_equal_in_every_layer() {
    let mut cache = many_rows(&Threads::single(), KvFormat::Int8);
    let slot = |block| KvSlot { block, offset: 17 };
    cache.copy_block(4, 19);
    for layer in 0..2 {
        for head in 0..3 {
            assert_eq!(cache.read(layer, slot(4), head), cache.read(layer, slot(19), head));
        }
    }
    assert_ne!(cache.read(0, slot(18), 0), cache.read(0, slot(19), 0));
}

#[test]
fn sizes_add_up() {
    let bytes = |format| KvCache::block_bytes(shape(64), format).unwrap();
    let numbers = 2 * 3 * 2 * 64 * 32;
    assert_eq!(bytes(KvFormat::F32), 4 * numbers);
    assert_eq!(bytes(KvFormat::F16), 2 * numbers);
    assert_eq!(bytes(KvFormat::Bf16), 2 * numbers);
    assert_eq!(bytes(KvFormat::Int8), numbers + 2 * 3 * 2 * 32 * 4);
    let cache = KvCache::new(shape(64), KvFormat::F16).unwrap();
    assert_eq!(cache.byte_len(), 5 * cache.bytes_per_block());
}

#[test]
fn shapes_without_sense_are_errors() {
    let make = |shape| KvCache::new(shape, KvFormat::F16).map(|cache| cache.byte_len());
    for head_dim in [0, 4, 60, 520] {
        let made = make(shape(head_dim));
        assert!(matches!(made, Err(KvError::HeadDim { .. })), "{head_dim}: {made:?}");
    }
    for blocks in [0, usize::MAX / 2] {
        let made = make(KvShape { blocks, ..shape(64) });
        assert!(matches!(made, Err(KvError::Size { .. })), "{blocks}: {made:?}");
    }
    // More than 47 bits of addresses.
    let made = make(KvShape { blocks: 1 << 40, ..shape(64) });
    assert!(matches!(made, Err(KvError::Reserve { .. })), "{made:?}");
}

#[test]
#[should_panic(expected = "block 5 of 5")]
fn a_block_that_is_not_there_is_not_written() {
    let mut cache = KvCache::new(shape(8), KvFormat::F16).unwrap();
    let rows = Rows::new(&[0.0; 24], 24);
    cache.write(0, &[KvSlot { block: 5, offset: 0 }], rows, rows, &Threads::single());
}

#[test]
#[should_panic(expected = "no place 32 in a block")]
fn a_place_beyond_the_block_is_not_written() {
    let mut cache = KvCache::new(shape(8), KvFormat::F16).unwrap();
    let rows = Rows::new(&[0.0; 24], 24);
    cache.write(0, &[KvSlot { block: 4, offset: 32 }], rows, rows, &Threads::single());
}
