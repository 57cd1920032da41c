use bytes::Bytes;
use serving::NamedTensor;
use tensor::{DataType, Shape, Tensor, push_string};

use super::{BYTES_MAX, TracedTensor};

fn traced(data_type: DataType, elements: usize, data: Vec<u8>) -> TracedTensor {
    let shape = Shape::from_wire(&[i64::try_from(elements).unwrap()]).unwrap();
    let tensor = Tensor::new(data_type, shape, Bytes::from(data)).unwrap();
    TracedTensor::of("TENSOR_QUEUE_INPUT", &NamedTensor { name: "a".into(), tensor })
}

#[test]
fn numbers_are_written_as_such() {
    let floats: Vec<u8> = [0.5_f32, -2.0].iter().flat_map(|f| f.to_le_bytes()).collect();
    assert_eq!(traced(DataType::Fp32, 2, floats).text(), "0.5,-2");
    assert_eq!(traced(DataType::Fp16, 1, vec![0, 0x3c]).text(), "1");
    assert_eq!(traced(DataType::Bool, 3, vec![1, 0, 1]).text(), "1,0,1");
    assert_eq!(traced(DataType::Int64, 1, (-7_i64).to_le_bytes().to_vec()).text(), "-7");
    assert_eq!(traced(DataType::Uint8, 0, vec![]).text(), "");
}

#[test]
fn strings_are_written_without_their_lengths() {
    let mut data = Vec::new();
    push_string(&mut data, b"one");
    push_string(&mut data, b"t\xffo");
    assert_eq!(traced(DataType::Bytes, 2, data).text(), "one,t\u{fffd}o");
}

#[test]
fn a_large_tensor_is_cut() {
    let elements = BYTES_MAX / 4 + 1;
    let large = traced(DataType::Int32, elements, vec![0; elements * 4]);
    assert!(large.is_cut && large.byte_len() < BYTES_MAX + 100);
    assert_eq!(large.text().split(',').count(), BYTES_MAX / 4);
    assert!(!traced(DataType::Int32, 1, vec![0; 4]).is_cut);
    let mut string = Vec::new();
    push_string(&mut string, &vec![b'x'; BYTES_MAX]);
    assert_eq!(traced(DataType::Bytes, 1, string).text(), "");
}
