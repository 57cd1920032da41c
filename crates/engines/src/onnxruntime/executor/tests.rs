use bytes::Bytes;
use serving::BatchInput;
use smallvec::smallvec;
use tensor::DataType;

use super::{ALIGNMENT, Buffer, KEPT_BYTES, frame};

fn gather(buffer: &mut Buffer, data_type: DataType, parts: &[Bytes]) {
    let input = BatchInput {
        index: 0,
        data_type,
        shape: [parts.iter().map(Bytes::len).sum::<usize>()].into(),
        parts: parts.iter().collect(),
    };
    buffer.gather(&input);
}

#[test]
fn parts_are_laid_together_and_aligned() {
    let mut buffer = Buffer::default();
    for len in [0_usize, 1, 63, 64, 1000, 10] {
        let parts = [vec![1_u8; len].into(), vec![2_u8; len + 1].into()];
        gather(&mut buffer, DataType::Uint8, &parts);
        assert_eq!(buffer.data(), [vec![1; len], vec![2; len + 1]].concat());
        assert_eq!(buffer.data().as_ptr().align_offset(ALIGNMENT), 0);
    }
}

#[test]
fn a_large_buffer_is_given_back_when_little_is_needed() {
    let mut buffer = Buffer::default();
    let part = |len: usize| Bytes::from(vec![7_u8; len]);
    gather(&mut buffer, DataType::Uint8, &[part(KEPT_BYTES), part(KEPT_BYTES)]);
    gather(&mut buffer, DataType::Uint8, &[part(KEPT_BYTES), part(1)]);
    assert!(buffer.bytes.len() > 2 * KEPT_BYTES, "half is needed");
    gather(&mut buffer, DataType::Uint8, &[part(1), part(1)]);
    assert!(buffer.bytes.len() < 2 * ALIGNMENT);
}

#[test]
fn an_input_that_can_be_borrowed_is_not_copied() {
    let mut buffer = Buffer::default();
    gather(&mut buffer, DataType::Uint8, &[Bytes::from_static(b"abc")]);
    gather(&mut buffer, DataType::Bool, &[Bytes::from_static(&[0, 1])]);
    assert!(buffer.bytes.is_empty());
    gather(&mut buffer, DataType::Bool, &[Bytes::from_static(&[0, 9])]);
    assert_eq!(buffer.data(), [0, 1]);
    let words: Bytes = vec![0_u8; 16].into();
    let input = BatchInput {
        index: 0,
        data_type: DataType::Fp64,
        shape: [1].into(),
        parts: smallvec![&words],
    };
    assert!(super::borrowable(&input).is_some());
}

#[test]
fn strings_are_framed_again() {
    assert_eq!(frame(b"", &[]), b"");
    assert_eq!(frame(b"abc", &[0, 0, 2]), b"\0\0\0\0\x02\0\0\0ab\x01\0\0\0c");
}
