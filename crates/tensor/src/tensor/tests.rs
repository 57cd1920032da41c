use bytes::Bytes;

use crate::{DataType, Shape, ShapeError, Tensor, push_string};

fn strings(elements: &[&str]) -> Bytes {
    let mut framed = Vec::new();
    for element in elements {
        push_string(&mut framed, element.as_bytes());
    }
    framed.into()
}

#[test]
fn data_must_fill_the_shape() {
    let short = Tensor::new(DataType::Fp32, [2, 3].into(), Bytes::from_static(&[0; 20]));
    assert_eq!(short.unwrap_err().to_string(), "FP32 of shape [2,3] takes 24 bytes, got 20");
    assert!(Tensor::new(DataType::Fp32, [0, 3].into(), Bytes::new()).is_ok());
    assert!(Tensor::new(DataType::Int64, [].into(), Bytes::from_static(&[0; 8])).is_ok());
}

#[test]
fn string_framing_is_checked() {
    let two = strings(&["a", ""]);
    assert!(Tensor::new(DataType::Bytes, [2].into(), two.clone()).is_ok());
    for (elements, data) in [(1, two.clone()), (3, two.clone()), (2, two.slice(..two.len() - 1))] {
        assert!(Tensor::new(DataType::Bytes, [elements].into(), data).is_err());
    }
}

#[test]
fn rows_share_the_data() {
    let data: Bytes = (0..24).collect::<Vec<u8>>().into();
    let tensor = Tensor::new(DataType::Uint16, [4, 3].into(), data.clone()).unwrap();
    let rows = tensor.rows(1, 2);
    assert_eq!(rows.shape(), &Shape::from([2, 3]));
    assert_eq!(rows.data().as_ptr(), data[6..].as_ptr());
    assert_eq!(rows.data().len(), 12);
}

#[test]
fn rows_of_strings_follow_the_framing() {
    let data = strings(&["a", "bb", "", "dddd"]);
    let tensor = Tensor::new(DataType::Bytes, [2, 2].into(), data).unwrap();
    assert_eq!(tensor.rows(1, 1).data(), &strings(&["", "dddd"]));
}

#[test]
fn hostile_shapes_are_refused() {
    assert_eq!(Shape::from_wire(&[1, -1]), Err(ShapeError::Negative { index: 1, dim: -1 }));
    let huge = [i64::MAX, 2];
    assert_eq!(Shape::from_wire(&huge), Err(ShapeError::Overflow { dims: huge.into() }));
    assert!(Shape::from_wire(&[0, i64::MAX, i64::MAX]).is_err());
    let byte_overflow = Shape::from_wire(&[i64::MAX]).unwrap();
    assert!(Tensor::new(DataType::Fp64, byte_overflow, Bytes::new()).is_err());
}
