use super::*;

#[track_caller]
fn check(body: &'static [u8], data_type: DataType, dims: &[i64], batches: bool, shape: &[usize]) {
    let tensor = decode_raw(Bytes::from_static(body), data_type, dims, batches).unwrap();
    assert_eq!(&**tensor.shape(), shape);
}

#[track_caller]
fn check_refused(
    body: &'static [u8],
    data_type: DataType,
    dims: &[i64],
    batches: bool,
    expected: &str,
) {
    let refused = decode_raw(Bytes::from_static(body), data_type, dims, batches).unwrap_err();
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn shapes_follow_from_the_size() {
    check(&[0; 12], DataType::Fp32, &[3], false, &[3]);
    check(&[0; 12], DataType::Fp32, &[-1, 3], true, &[1, 3]);
    check(&[0; 24], DataType::Fp32, &[-1, -1, 3], true, &[1, 2, 3]);
    check(&[0; 24], DataType::Fp32, &[-1, 3], false, &[2, 3]);
    check(&[], DataType::Uint8, &[-1], false, &[0]);
}

#[test]
fn a_string_is_the_body() {
    let tensor = decode_raw(Bytes::from_static(b"427"), DataType::Bytes, &[-1, 1], true).unwrap();
    assert_eq!(&**tensor.shape(), [1, 1]);
    assert_eq!(&**tensor.data(), b"\x03\0\0\x00427");
    check_refused(
        b"427",
        DataType::Bytes,
        &[2],
        false,
        "a raw request needs a BYTES input of shape [1], this one is [2]; send the data in JSON",
    );
}

#[test]
fn wrong_sizes_are_refused() {
    check_refused(
        &[0; 10],
        DataType::Fp32,
        &[-1, 3],
        true,
        "the raw request's body: FP32 of shape [1,3] takes 12 bytes, got 10",
    );
    check_refused(
        &[0; 10],
        DataType::Fp32,
        &[-1],
        false,
        "the raw request's body: FP32 of shape [2] takes 8 bytes, got 10",
    );
    check_refused(
        &[0; 4],
        DataType::Fp32,
        &[-1, -1],
        false,
        "a raw request needs an input with at most one variable dimension, this one is [-1, -1]; send the shape in JSON",
    );
    check_refused(
        &[0; 4],
        DataType::Fp32,
        &[-1, 0],
        false,
        "the raw request's body: FP32 of shape [0,0] takes 0 bytes, got 4",
    );
}
