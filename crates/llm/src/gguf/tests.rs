use kernels::StoredFormat;
use proptest::prelude::*;

use super::{Described, Gguf, GgufError, read_head};
use crate::build::GgufWriter;

/// A file with a value of every kind and two tensors.
fn sample() -> Vec<u8> {
    let mut writer = GgufWriter::new("llama");
    writer.unsigned("n", 7);
    writer.float("f", 0.5);
    writer.boolean("b", true);
    writer.texts("t", ["a", "", "ü"]);
    writer.integers("i", [1, -2]);
    writer.floats("x", [1.5]);
    let bytes = |length| Box::new(move || vec![1; length]);
    writer.tensor("norm", (1, 3), StoredFormat::F32, bytes(12));
    writer.tensor("matrix", (2, 32), StoredFormat::Q4_0, bytes(36));
    let file = tempfile::NamedTempFile::new().unwrap();
    writer.write(file.path()).unwrap();
    std::fs::read(file.path()).unwrap()
}

/// The start of a file with so many tensors and values.
fn head(tensors: u64, values: u64) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(values.to_le_bytes());
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A file with one metadata value.
fn with_value(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&head(0, 1)[..], &text(key), &kind.to_le_bytes(), value].concat()
}

/// A file with one tensor whose values begin behind the description.
fn with_tensor(name: &str, sizes: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let dimensions = u32::try_from(sizes.len()).unwrap();
    let mut bytes = [&head(1, 0)[..], &text(name), &dimensions.to_le_bytes()].concat();
    bytes.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

#[track_caller]
fn check_refused(bytes: &[u8], expected: &str) {
    let error = read_head(bytes).expect_err("the file is broken").to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn everything_written_is_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), sample()).unwrap();
    let gguf = Gguf::open(file.path()).unwrap();
    let metadata = gguf.metadata();
    assert_eq!(metadata.text("general.architecture").unwrap(), Some("llama"));
    assert_eq!(metadata.unsigned("n").unwrap(), Some(7));
    assert_eq!(metadata.float("f").unwrap(), Some(0.5));
    assert_eq!(metadata.float("n").unwrap(), Some(7.0));
    assert_eq!(metadata.boolean("b").unwrap(), Some(true));
    assert_eq!(metadata.texts("t").unwrap().unwrap().collect::<Vec<_>>(), ["a", "", "ü"]);
    assert_eq!(metadata.integers("i").unwrap(), Some(vec![1, -2]));
    assert_eq!(metadata.floats("x").unwrap(), Some(vec![1.5]));
    assert_eq!(metadata.unsigned("missing").unwrap(), None);
    let matrix = gguf.tensor("matrix").unwrap();
    assert_eq!((&matrix.sizes[..], matrix.element.name()), (&[32, 2][..], "Q4_0"));
    assert_eq!(gguf.tensor_bytes(matrix), [1; 36]);
    assert!(gguf.tensor("missing").is_none());
}

#[test]
fn a_value_of_another_kind_is_an_error_with_its_key() {
    let bytes = sample();
    let (metadata, _) = read_head(&bytes).unwrap();
    let described = Described { metadata: &metadata, bytes: &bytes };
    let error = described.unsigned("t").unwrap_err().to_string();
    assert_eq!(error, "metadata `t`: should be an integer that is not negative, is an array");
    assert!(described.text("n").is_err() && described.boolean("n").is_err());
    assert!(described.floats("i").is_err() && described.integers("t").is_err());
    assert!(described.texts("i").is_err() && described.float("b").is_err());
}

#[test]
fn a_file_that_is_cut_short_is_refused_wherever_it_ends() {
    let bytes = sample();
    // What stands behind the last value is padding.
    for length in 0..bytes.len() - 28 {
        let error = read_head(&bytes[..length]).expect_err("something is missing");
        let told = matches!(
            error,
            GgufError::NotGguf | GgufError::Truncated { .. } | GgufError::Tensor { .. }
        );
        assert!(told, "{length}: {error}");
    }
}

#[test]
fn other_files_are_told_apart() {
    check_refused(b"PK\x03\x04", "does not start with `GGUF`");
    check_refused(b"GGUF\x01\0\0\0", "version 1 is not supported: versions 2 and 3");
    check_refused(b"GGUF\0\0\0\x03", "for big-endian machines");
}

#[test]
fn lengths_are_not_believed() {
    check_refused(&head(u64::MAX, 0), "the number of tensors is 18446744073709551615");
    check_refused(&head(0, u64::MAX), "the number of metadata values is");
    check_refused(&head(1, 0), "the name of a tensor takes 8 bytes at byte 24");
    let long = [&head(0, 1)[..], &u64::MAX.to_le_bytes()].concat();
    check_refused(&long, "takes 18446744073709551615 bytes at byte 32");
    let array = |kind: u32, count: u64| [&kind.to_le_bytes()[..], &count.to_le_bytes()].concat();
    check_refused(&with_value("k", 9, &array(12, u64::MAX)), "an array of the metadata takes");
    check_refused(&with_value("k", 9, &array(8, u64::MAX)), "a text in an array");
    check_refused(&with_value("k", 99, &[]), "type number of a metadata value is 99");
    let nested = array(9, 1).repeat(9);
    check_refused(&with_value("k", 9, &nested), "the depth of an array is 5");
}

#[test]
fn texts_are_text() {
    check_refused(&[&head(0, 1)[..], &1u64.to_le_bytes(), &[0xFF]].concat(), "is no UTF-8");
    let twice = [&text("k")[..], &0u32.to_le_bytes(), &[1]].concat().repeat(2);
    check_refused(&[&head(0, 2)[..], &twice].concat(), "`k`: comes twice");
    let alignment = with_value("general.alignment", 4, &33u32.to_le_bytes());
    check_refused(&alignment, "33 is no power of two");
}

#[test]
fn tensors_are_held_against_the_file() {
    check_refused(&with_tensor("w", &[], 0, 0), "`w`: has 0 dimensions");
    check_refused(&with_tensor("w", &[1; 5], 0, 0), "`w`: has 5 dimensions");
    check_refused(&with_tensor("w", &[0], 0, 0), "`w`: has no values");
    check_refused(&with_tensor("w", &[1], 4, 0), "`w`: has the unknown type 4");
    check_refused(&with_tensor("w", &[1], 0, 3), "`w`: its offset 3 is not aligned");
    check_refused(&with_tensor("w", &[33], 2, 0), "rows of 33 values are no whole blocks of 32");
    check_refused(&with_tensor("w", &[1 << 63, 4], 0, 0), "impossible sizes");
    check_refused(&with_tensor("w", &[1 << 62], 0, 0), "impossible sizes");
    check_refused(&with_tensor("w", &[64], 0, 0), "may have been cut short");
    check_refused(&with_tensor("w", &[64], 0, u64::MAX - 31), "end behind the file");
}

proptest! {
    #[test]
    fn broken_bytes_are_never_worse_than_an_error(
        changes in prop::collection::vec((0usize..400, any::<u8>()), 1..6),
    ) {
        let mut bytes = sample();
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        if let Ok((metadata, tensors)) = read_head(&bytes) {
            let described = Described { metadata: &metadata, bytes: &bytes };
            for key in ["n", "f", "b", "t", "i", "x"] {
                let _ = described.unsigned(key);
                let _ = described.floats(key);
                let _ = described.integers(key);
                let _ = described.texts(key).map(|texts| texts.map(Iterator::count));
            }
            prop_assert!(tensors.values().all(|tensor| tensor.bytes.end <= bytes.len()));
        }
    }
}
