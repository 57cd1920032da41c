use tensor::{Shape, push_string};

use super::*;

fn tensor(data_type: DataType, shape: &[usize], data: &[u8]) -> Tensor {
    Tensor::new(data_type, Shape::from(shape), Bytes::copy_from_slice(data)).unwrap()
}

fn strings(elements: &[&[u8]]) -> Tensor {
    let mut framed = Vec::new();
    for element in elements {
        push_string(&mut framed, element);
    }
    tensor(DataType::Bytes, &[elements.len()], &framed)
}

const HEAD: ResponseHead<'static> =
    ResponseHead { id: "", model_name: "m", model_version: "1", parameters: &[] };

#[track_caller]
fn check_data(tensor: &Tensor, expected: &str) {
    let outputs = [ResponseOutput { name: "y", tensor, binary: false }];
    let encoded = encode_infer(&HEAD, &outputs).unwrap();
    let json = str::from_utf8(&encoded.json).unwrap();
    let (_, data) = json.split_once(r#""data":"#).unwrap();
    assert_eq!(data, format!("{expected}}}]}}"));
    assert_eq!(encoded.header_length, None);
}

#[test]
fn every_type() {
    check_data(&tensor(DataType::Bool, &[3], &[0, 1, 2]), "[false,true,true]");
    check_data(&tensor(DataType::Uint8, &[2], &[0, 255]), "[0,255]");
    check_data(&tensor(DataType::Int16, &[1], &i16::MIN.to_le_bytes()), "[-32768]");
    check_data(&tensor(DataType::Uint64, &[1], &[255; 8]), "[18446744073709551615]");
    let floats: Vec<u8> = [0.1_f32, -0.0, 1e-7, 16_777_216.0, f32::MAX]
        .into_iter()
        .flat_map(f32::to_le_bytes)
        .collect();
    check_data(&tensor(DataType::Fp32, &[5], &floats), "[0.1,-0.0,1e-7,16777216.0,3.4028235e+38]");
    check_data(&tensor(DataType::Fp64, &[1], &0.1_f64.to_le_bytes()), "[0.1]");
    let odd: Vec<u8> = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY]
        .into_iter()
        .flat_map(f32::to_le_bytes)
        .collect();
    check_data(&tensor(DataType::Fp32, &[3], &odd), "[NaN,Infinity,-Infinity]");
    check_data(
        &strings(&[b"a\"\\\n", "\u{e9}".as_bytes(), b"\x01\0"]),
        r#"["a\"\\\n","é","\u0001\u0000"]"#,
    );
    check_data(&tensor(DataType::Fp32, &[0, 3], &[]), "[]");
}

#[test]
fn a_whole_response() {
    let first = tensor(DataType::Int32, &[1, 2], &[1, 0, 0, 0, 2, 0, 0, 0]);
    let second = tensor(DataType::Fp16, &[2], &[1, 2, 3, 4]);
    let parameters = [
        ("p".to_owned(), ParameterValue::Double(0.5)),
        ("q".to_owned(), ParameterValue::Bool(true)),
    ];
    let head = ResponseHead { id: "7\"", parameters: &parameters, ..HEAD };
    let outputs = [
        ResponseOutput { name: "a", tensor: &first, binary: false },
        ResponseOutput { name: "b", tensor: &second, binary: true },
    ];
    let encoded = encode_infer(&head, &outputs).unwrap();
    let expected = concat!(
        r#"{"id":"7\"","model_name":"m","model_version":"1","parameters":{"p":0.5,"q":true},"outputs":["#,
        r#"{"name":"a","datatype":"INT32","shape":[1,2],"data":[1,2]},"#,
        r#"{"name":"b","datatype":"FP16","shape":[2],"parameters":{"binary_data_size":4}}]}"#,
    );
    assert_eq!(str::from_utf8(&encoded.json), Ok(expected));
    assert_eq!(encoded.header_length, Some(expected.len()));
    assert_eq!(encoded.binary.as_slice(), [second.data().clone()]);
    assert_eq!(encoded.binary[0].as_ptr(), second.data().as_ptr());
    assert_eq!(encoded.byte_len(), expected.len() + 4);
}

#[test]
fn what_json_cannot_carry() {
    let refused = |tensor: &Tensor| {
        let outputs = [ResponseOutput { name: "y", tensor, binary: false }];
        encode_infer(&HEAD, &outputs).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&tensor(DataType::Bf16, &[1], &[0, 0])),
        "output `y` is BF16, which JSON cannot carry; ask for it with `binary_data`: true"
    );
    assert_eq!(
        refused(&strings(&[b"a", b"\xff"])),
        "element 1 of output `y` is not UTF-8; ask for it with `binary_data`: true"
    );
}
