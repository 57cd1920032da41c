use super::{BLOCK, Int4Block, Int8Block, Stored, StoredError, StoredFormat};

/// Blocks in a golden vector.
const BLOCKS: usize = 64;

/// Bytes of `BLOCKS` blocks: noise, but for scales, which are finite halves around 1/32.
fn noise(format: StoredFormat, scales_at: &[usize]) -> Vec<u8> {
    let size = format.block_bytes();
    let mut state = 1_u32;
    let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(size * BLOCKS)
    .collect();
    for block in bytes.chunks_mut(size) {
        for at in scales_at {
            block[at + 1] = block[at + 1] & 0x83 | 0x28;
        }
    }
    bytes
}

fn decode(format: StoredFormat, bytes: &[u8]) -> Vec<f32> {
    let columns = bytes.len() / format.block_bytes() * format.block_values();
    let mut out = vec![f32::NAN; columns];
    Stored::new(format, 1, columns, bytes).unwrap().decode_row(0, &mut out);
    out
}

/// FNV-1a of the bytes of the floats.
fn hash(values: &[f32]) -> u64 {
    values.iter().flat_map(|value| value.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// `expected` is what `dequantize` of the Python package `gguf` 0.19 makes of the same bytes: its
/// first values, the last one and the hash of all.
#[track_caller]
fn check(format: StoredFormat, scales_at: &[usize], expected: ([f32; 3], f32, u64)) {
    let found = decode(format, &noise(format, scales_at));
    let (first, last, all) = expected;
    assert_eq!(found[..3], first, "{format}");
    assert_eq!(found.last(), Some(&last), "{format}");
    assert_eq!(hash(&found), all, "{format}");
}

#[test]
fn blocks_of_32_decode_as_ggml_defines_them() {
    let golden =
        ([-0.340_942_38, -0.194_824_22, 0.194_824_22], -0.245_544_43, 0x4974_de6b_75aa_2662);
    check(StoredFormat::Q4_0, &[0], golden);
    let golden = ([0.549_285_9, 0.646_698, 0.257_049_56], -0.385_437, 0xc48f_59e8_6c52_a3a2);
    check(StoredFormat::Q4_1, &[0, 2], golden);
    let golden =
        ([0.292_236_33, -0.097_412_11, -0.584_472_66], 0.601_318_36, 0x4023_4f7c_60bf_926b);
    check(StoredFormat::Q5_0, &[0], golden);
    let golden = ([0.159_637_45, 0.110_931_4, 0.744_110_1], 0.533_294_7, 0xd6da_2751_e961_f8bf);
    check(StoredFormat::Q5_1, &[0, 2], golden);
    let golden = ([-6.185_669, -3.701_660_2, 0.584_472_66], -2.982_177_7, 0xcdf7_a8e7_882b_b77c);
    check(StoredFormat::Q8_0, &[0], golden);
}

#[test]
fn blocks_of_256_decode_as_ggml_defines_them() {
    let golden = ([7.154_419, 1.894_165, 8.323_364], 7.210_541, 0x8751_a71b_59c4_7727);
    check(StoredFormat::Q4K, &[0, 2], golden);
    let golden = ([4.232_055_7, 18.259_4, 2.478_637_7], 45.066_467, 0x938e_4305_6e39_2f45);
    check(StoredFormat::Q5K, &[0, 2], golden);
    let golden = ([-65.513_916, 4.679_565_4, 72.533_264], -7.696_838_4, 0x4321_34fe_6011_dbda);
    check(StoredFormat::Q6K, &[208], golden);
}

#[test]
fn floats_decode_to_themselves() {
    let values = [0.0, -1.5, 65504.0, f32::INFINITY];
    let bytes: Vec<u8> = values.iter().flat_map(|value: &f32| value.to_le_bytes()).collect();
    assert_eq!(decode(StoredFormat::F32, &bytes), values);
    assert_eq!(decode(StoredFormat::F16, &[0, 0, 0, 0xbe, 0xff, 0x7b, 0, 0x7c]), values);
    assert_eq!(decode(StoredFormat::Bf16, &[0x80, 0x3f, 0xc0, 0xbf]), [1.0, -1.5]);
}

#[test]
fn int4_blocks_say_what_the_floats_say() {
    for (format, scales_at) in [
        (StoredFormat::Q4_0, &[0][..]),
        (StoredFormat::Q4_1, &[0, 2]),
        (StoredFormat::Q4K, &[0, 2]),
    ] {
        let bytes = noise(format, scales_at);
        let expected = decode(format, &bytes);
        let mut blocks = vec![Int4Block::ZERO; expected.len() / BLOCK];
        Stored::new(format, 1, expected.len(), &bytes).unwrap().int4_blocks(0, &mut blocks);
        let found = blocks.iter().flat_map(|Int4Block { scale, min, quants }| {
            quants.iter().map(move |quant| scale * f32::from(*quant) + min)
        });
        // Around 8 and above a minimum, the same value is rounded differently, by one place.
        for (found, expected) in found.zip(expected) {
            assert!((found - expected).abs() <= 1e-6, "{format}: {found} for {expected}");
        }
    }
}

#[test]
fn int8_blocks_say_what_the_floats_say() {
    for format in [StoredFormat::Q5_0, StoredFormat::Q8_0] {
        let bytes = noise(format, &[0]);
        let expected = decode(format, &bytes);
        let mut blocks = vec![Int8Block::ZERO; expected.len() / BLOCK];
        Stored::new(format, 1, expected.len(), &bytes).unwrap().int8_blocks(0, &mut blocks);
        let found: Vec<f32> = blocks
            .iter()
            .flat_map(|Int8Block { scale, quants }| {
                quants.iter().map(move |quant| scale * f32::from(*quant))
            })
            .collect();
        assert_eq!(found, expected, "{format}");
    }
}

#[test]
fn rows_lie_one_after_the_other() {
    let bytes: Vec<u8> = (1..=6_u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
    let matrix = Stored::new(StoredFormat::F32, 3, 2, &bytes).unwrap();
    let mut row = [0.0; 2];
    matrix.decode_row(1, &mut row);
    assert_eq!(row, [3.0, 4.0]);
    let last = matrix.rows_from(2, 1);
    last.decode_row(0, &mut row);
    assert_eq!((row, last.rows()), ([5.0, 6.0], 1));
}

#[test]
#[should_panic(expected = "row 3 of a matrix of 3")]
fn there_is_no_row_after_the_last() {
    let _ = Stored::new(StoredFormat::F32, 3, 1, &[0; 12]).unwrap().row_bytes(3);
}

#[test]
#[should_panic(expected = "Q6_K has no blocks of 4-bit integers")]
fn six_bits_are_not_four() {
    let bytes = [0; 210];
    let matrix = Stored::new(StoredFormat::Q6K, 1, 256, &bytes).unwrap();
    matrix.int4_blocks(0, &mut [Int4Block::ZERO; 8]);
}

#[track_caller]
fn check_refusal(format: StoredFormat, rows: usize, columns: usize, bytes: usize, message: &str) {
    let error: StoredError = Stored::new(format, rows, columns, &vec![0; bytes]).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn refuses_what_is_no_such_matrix() {
    let message = "a matrix of 2 x 64 in Q4_0 takes 72 bytes, but there are 71";
    check_refusal(StoredFormat::Q4_0, 2, 64, 71, message);
    let message = "rows of 576 values cannot be Q4_K, which comes in blocks of 256";
    check_refusal(StoredFormat::Q4K, 1, 576, 324, message);
    let message = "a matrix of 4611686018427387904 x 1 has more bytes than can be addressed";
    check_refusal(StoredFormat::F32, usize::MAX / 4 + 1, 1, 0, message);
}

#[test]
fn every_format_decodes_every_length() {
    for format in StoredFormat::ALL {
        for blocks in 0..5 {
            let bytes = vec![0x11; format.block_bytes() * blocks];
            let values = decode(format, &bytes);
            assert!(values.iter().all(|value| value.is_finite()), "{format}");
        }
    }
}
