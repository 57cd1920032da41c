use half::f16;

use crate::{
    ActivationKind, BLOCK, Int4Block, PackError, Precision, Stored, StoredFormat, Threads, Weights,
    linear::activations::tests::noise, linear::kernel::Kernel,
};

/// A file's bytes of a matrix, whose quants and scales are all valid.
pub(crate) fn file(format: StoredFormat, rows: usize, columns: usize, seed: u32) -> Vec<u8> {
    let values = noise(rows * columns, seed);
    match format {
        StoredFormat::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        StoredFormat::F16 => {
            values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect()
        }
        StoredFormat::Q8_0 => blocks(&values, |block| (0..32).map(|i| byte(block[i])).collect(), 1),
        StoredFormat::Q4_0 => blocks(&values, |block| (0..16).map(|i| byte(block[i])).collect(), 1),
        StoredFormat::Q4_1 => blocks(&values, |block| (0..16).map(|i| byte(block[i])).collect(), 2),
        other => unreachable!("no test packs {other}"),
    }
}

/// Any byte, depending on all bits of `value`.
fn byte(value: f32) -> u8 {
    (value.to_bits().wrapping_mul(2_654_435_761) >> 24) as u8
}

/// Blocks with `halves` 16-bit floats before their quants.
fn blocks(values: &[f32], quants: impl Fn(&[f32; BLOCK]) -> Vec<u8>, halves: usize) -> Vec<u8> {
    let one = |block: &[f32; BLOCK]| {
        let scales = (0..halves).flat_map(|i| f16::from_f32(block[i] * 0.01).to_le_bytes());
        scales.chain(quants(block)).collect::<Vec<_>>()
    };
    values.as_chunks().0.iter().flat_map(one).collect()
}

#[track_caller]
fn check(format: StoredFormat, precision: Precision, kind: ActivationKind, bits: f64) {
    let (rows, columns) = (48, 64);
    let bytes = file(format, rows, columns, 1);
    let part = Stored::new(format, rows, columns, &bytes).unwrap();
    let weights = Weights::pack(&[part], precision, &Threads::single()).unwrap();
    assert_eq!((weights.rows(), weights.columns()), (rows, columns));
    assert_eq!(weights.activation_kind(), kind);
    let found = weights.byte_len() as f64 * 8.0 / (rows * columns) as f64;
    assert!((found - bits).abs() < 1e-9, "{format} as {precision:?}: {found} bits per weight");
}

#[test]
fn formats_are_kept_in_as_many_bits_as_they_need() {
    use ActivationKind::{Float, Int8, WideInt8};
    let bytes = if Kernel::best().wants_wide() { WideInt8 } else { Int8 };
    check(StoredFormat::Q4_0, Precision::Stored, Int8, 4.5);
    check(StoredFormat::Q4_1, Precision::Stored, Int8, 5.0);
    check(StoredFormat::Q8_0, Precision::Stored, bytes, 8.5);
    check(StoredFormat::F32, Precision::Stored, Float, 32.0);
    check(StoredFormat::F32, Precision::Int4, Int8, 4.5);
    check(StoredFormat::Q4_1, Precision::Int4, Int8, 5.0);
    check(StoredFormat::Q8_0, Precision::Int4, Int8, 4.5);
    check(StoredFormat::Q4_1, Precision::Int8, bytes, 8.5);
}

#[track_caller]
fn check_fault(parts: &[Stored<'_>], precision: Precision, expected: &PackError) {
    let fault = Weights::pack(parts, precision, &Threads::single()).unwrap_err();
    assert_eq!(&fault, expected);
}

#[test]
fn parts_must_fit_each_other() {
    let bytes = [0; 4 * 64];
    let matrix = |columns| Stored::new(StoredFormat::F32, 64 / columns, columns, &bytes).unwrap();
    check_fault(&[], Precision::Stored, &PackError::NoParts);
    let unequal = PackError::UnequalColumns { first: 32, other: 16 };
    check_fault(&[matrix(32), matrix(16)], Precision::Stored, &unequal);
    check_fault(&[matrix(16)], Precision::Int8, &PackError::BrokenBlock { columns: 16 });
}

#[test]
fn what_is_not_finite_is_found() {
    let threads = Threads::single();
    for precision in [Precision::Int4, Precision::Int8] {
        for (row, fault) in [(0, f32::NAN), (37, f32::INFINITY), (16, f32::NAN), (20, 1e30)] {
            let mut values = noise(40 * 32, 4);
            values[row * 32 + 7] = fault;
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let part = Stored::new(StoredFormat::F32, 40, 32, &bytes).unwrap();
            let found = Weights::pack(&[part], precision, &threads).unwrap_err();
            assert_eq!(found, PackError::NotFinite { row }, "{precision:?}, {fault}");
        }
    }
    let mut bytes = file(StoredFormat::Q4_1, 40, 32, 1);
    bytes[33 * 20 + 2..][..2].copy_from_slice(&f16::NEG_INFINITY.to_le_bytes());
    let part = Stored::new(StoredFormat::Q4_1, 40, 32, &bytes).unwrap();
    check_fault(&[part], Precision::Stored, &PackError::NotFinite { row: 33 });
}

#[test]
fn a_block_of_four_bits_is_what_its_values_say() {
    let bytes = file(StoredFormat::Q4_1, 1, 32, 3);
    let part = Stored::new(StoredFormat::Q4_1, 1, 32, &bytes).unwrap();
    let (mut blocks, mut values) = ([Int4Block::ZERO], [0.0; 32]);
    part.int4_blocks(0, &mut blocks);
    part.decode_row(0, &mut values);
    let back = blocks[0].quants.map(|quant| blocks[0].scale * f32::from(quant) + blocks[0].min);
    assert_eq!(back, values);
}
