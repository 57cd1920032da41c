use proptest::{collection::vec, prelude::*};
use tensor::{DataType, Shape, push_string};

use super::*;
use crate::rest::{ResponseHead, ResponseOutput, encode_infer};

fn decode(json: &str) -> Result<RestInferRequest, DecodeError> {
    decode_infer(Bytes::copy_from_slice(json.as_bytes()), None, &DecodeLimits::default())
}

fn decode_binary(json: &str, binary: &[u8]) -> Result<RestInferRequest, DecodeError> {
    let body = [json.as_bytes(), binary].concat();
    decode_infer(body.into(), Some(json.len()), &DecodeLimits::default())
}

#[track_caller]
fn check_refused(json: &str, expected: &str) {
    assert_eq!(decode(json).unwrap_err(), DecodeError::Malformed(expected.to_owned()));
}

/// Refusals about the only input, whose members are given.
#[track_caller]
fn check_input_refused(members: &str, expected: &str) {
    check_refused(&format!(r#"{{"inputs": [{{{members}}}]}}"#), expected);
}

#[track_caller]
fn check_unsupported(json: &str, expected: &str) {
    assert_eq!(decode(json).unwrap_err(), DecodeError::Unsupported(expected.to_owned()));
}

fn floats(values: &[f32], shape: &[usize]) -> Tensor {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor::new(DataType::Fp32, Shape::from(shape), data.into()).unwrap()
}

#[test]
fn a_whole_request() {
    let request = decode(
        r#" { "id": "42", "parameters": {"priority": 2, "timeout": 1500, "sequence_id": 0, "p": "v", "q": -1},
            "inputs": [ {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [[1, 2], [3, 4.5]]} ],
            "outputs": [ {"name": "y"}, {"name": "z", "parameters": {"binary_data": true, "classification": 3}} ],
            "unknown": {"a": [1, {"b": null}]} } "#,
    )
    .unwrap();
    let output =
        |name: &str| RequestedOutput { name: name.to_owned(), ..RequestedOutput::default() };
    let expected = RestInferRequest {
        id: "42".to_owned(),
        inputs: vec![RestInput {
            name: "x".to_owned(),
            tensor: floats(&[1.0, 2.0, 3.0, 4.5], &[2, 2]),
        }],
        outputs: vec![
            output("y"),
            RequestedOutput { binary_data: Some(true), classification: 3, ..output("z") },
        ],
        binary_data_output: false,
        priority: 2,
        timeout: Some(Duration::from_micros(1500)),
        parameters: vec![
            ("p".to_owned(), ParameterValue::String("v".to_owned())),
            ("q".to_owned(), ParameterValue::Int(-1)),
        ],
    };
    assert_eq!(request, expected);
}

#[test]
fn members_in_any_order() {
    for members in [
        r#""name": "x", "datatype": "FP32", "shape": [2], "data": [1, 2]"#,
        r#""data": [1, 2], "shape": [2], "datatype": "FP32", "name": "x""#,
        r#""shape": [2], "data": [1, 2], "name": "x", "datatype": "FP32""#,
        r#""datatype": "FP32", "data": [1, 2], "parameters": {}, "name": "x", "shape": [2]"#,
    ] {
        let request = decode(&format!(r#"{{"inputs": [{{{members}}}]}}"#)).unwrap();
        assert_eq!(request.inputs[0].name, "x");
        assert_eq!(request.inputs[0].tensor, floats(&[1.0, 2.0], &[2]));
    }
}

#[test]
fn binary_tensors_are_slices_of_the_body() {
    let json = r#"{"inputs": [
        {"name": "a", "shape": [2], "datatype": "UINT8", "parameters": {"binary_data_size": 2}},
        {"name": "b", "shape": [1], "datatype": "INT32", "data": [7]},
        {"name": "c", "shape": [1, 1], "datatype": "FP16", "parameters": {"binary_data_size": 2}}
    ], "parameters": {"binary_data_output": true}}"#;
    let body = Bytes::from([json.as_bytes(), &[1, 2, 3, 4]].concat());
    let request = decode_infer(body.clone(), Some(json.len()), &DecodeLimits::default()).unwrap();
    assert!(request.binary_data_output);
    assert_eq!(**request.inputs[0].tensor.data(), [1, 2]);
    assert_eq!(**request.inputs[1].tensor.data(), [7, 0, 0, 0]);
    assert_eq!(**request.inputs[2].tensor.data(), [3, 4]);
    assert_eq!(request.inputs[0].tensor.data().as_ptr(), body[json.len()..].as_ptr());
}

#[test]
fn binary_sizes_must_fit() {
    let json = |size: usize| {
        format!(
            r#"{{"inputs": [{{"name": "a", "shape": [2], "datatype": "INT16", "parameters": {{"binary_data_size": {size}}}}}]}}"#
        )
    };
    let refused = |size, binary: &[u8]| decode_binary(&json(size), binary).unwrap_err().to_string();
    assert_eq!(
        refused(4, &[0; 5]),
        "unexpected additional input data: 1 bytes of binary data belong to no input"
    );
    assert_eq!(
        refused(4, &[0; 3]),
        "inputs[0] `a`: `binary_data_size` is 4, but only 3 bytes of binary data are left"
    );
    assert_eq!(
        refused(3, &[0; 3]),
        "inputs[0] `a`: INT16 of shape [2] takes 4 bytes, got 3 (`binary_data_size`)"
    );
    let json = json(4);
    let too_long =
        decode_infer(json.clone().into(), Some(json.len() + 1), &DecodeLimits::default());
    assert_eq!(
        too_long.unwrap_err().to_string(),
        format!(
            "Inference-Header-Content-Length is {}, but the body has only {} bytes",
            json.len() + 1,
            json.len()
        )
    );
}

#[test]
fn broken_framing_of_strings_is_refused() {
    let json = r#"{"inputs": [{"name": "s", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 8}}]}"#;
    let refused = decode_binary(json, &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "inputs[0] `s`: BYTES of shape [1]: expected 1 length-prefixed elements, found 0 whole ones in 8 bytes (`binary_data_size`)"
    );
}

#[test]
fn wrong_inputs_are_named() {
    check_input_refused(
        r#""name": "x", "shape": [1, 17], "datatype": "UINT8", "data": [1, 2]"#,
        "inputs[0] `x`: shape [1,17] has 17 elements, `data` has 2",
    );
    check_input_refused(
        r#""name": "x", "shape": [1], "datatype": "FLOAT", "data": [1]"#,
        "inputs[0] `x`: datatype `FLOAT` is none of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, BF16, FP32, FP64, BYTES",
    );
    check_input_refused(
        r#""name": "x", "shape": [1, -1], "datatype": "UINT8", "data": [1]"#,
        "inputs[0] `x`: `shape`: dimension 1 is -1; every dimension of a tensor must be 0 or more",
    );
    check_input_refused(
        r#""name": "x", "shape": [9223372036854775807, 2], "datatype": "UINT8", "data": [1]"#,
        "inputs[0] `x`: `shape`: the number of elements in [9223372036854775807, 2] overflows",
    );
    check_input_refused(
        r#""name": "x", "shape": [4611686018427387904], "datatype": "FP64", "data": [1]"#,
        "inputs[0] `x`: shape [4611686018427387904] has 4611686018427387904 elements, `data` has 1",
    );
    check_input_refused(
        r#""name": "x", "shape": [1.0], "datatype": "UINT8", "data": [1]"#,
        "inputs[0] `x`: malformed JSON at byte 36: expected a whole number in `shape`, found `1.0`",
    );
    check_input_refused(
        r#""shape": [1], "datatype": "UINT8", "data": [1]"#,
        "inputs[0]: `name` is missing",
    );
    check_input_refused(
        r#""name": "x", "datatype": "UINT8", "data": [1]"#,
        "inputs[0] `x`: `shape` is missing",
    );
    check_input_refused(
        r#""name": "x", "shape": [1], "data": [1]"#,
        "inputs[0] `x`: `datatype` is missing",
    );
    check_input_refused(
        r#""name": "x", "shape": [1], "datatype": "UINT8""#,
        "inputs[0] `x`: `data` is missing",
    );
    check_input_refused(r#""name": "x", "name": "y""#, "inputs[0] `x`: `name` is given twice");
    check_input_refused(
        r#""name": "x", "data": [1], "data": [1]"#,
        "inputs[0] `x`: `data` is given twice",
    );
    check_input_refused(
        r#""name": "x", "shape": [1], "datatype": "UINT8", "data": [1], "parameters": {"binary_data_size": 1}"#,
        "inputs[0] `x`: `data` and `binary_data_size` exclude each other",
    );
    check_input_refused(
        r#""name": "x", "parameters": {"binary_data_size": -1}"#,
        "inputs[0] `x`: parameter `binary_data_size`: expected a whole number of 0 or more",
    );
    check_input_refused(
        r#""name": "x", "shape": [1], "datatype": "FP32", "data": ["a"]"#,
        "inputs[0] `x`: element 0 of `data` is `\"a\"`, FP32 takes numbers up to 3.4028235e38, NaN and Infinity",
    );
}

#[test]
fn wrong_requests_are_named() {
    check_refused("", "malformed JSON at byte 0: expected an object, found the end");
    check_refused("[]", "malformed JSON at byte 0: expected an object, found `[`");
    check_refused("{}", "`inputs` is missing");
    check_refused(r#"{"inputs": []} x"#, "malformed JSON at byte 15: expected the end, found `x`");
    check_refused(r#"{"inputs": [], "inputs": []}"#, "`inputs` is given twice");
    check_refused(
        r#"{"inputs": {}}"#,
        "malformed JSON at byte 11: expected an array for `inputs`, found `{`",
    );
    check_refused(r#"{"id": 1}"#, "malformed JSON at byte 7: expected `id` in quotes, found `1`");
    check_refused(
        r#"{"outputs": [{"name": "y"}, {"name": "y"}]}"#,
        "outputs[1]: `y` is given twice",
    );
    check_refused(
        r#"{"outputs": [{"name": "y", "parameters": {"binary_data": 1}}]}"#,
        "outputs[0]: parameter `binary_data`: expected true or false",
    );
    let twice = r#"{"name": "x", "shape": [0], "datatype": "UINT8", "data": []}"#;
    check_refused(&format!(r#"{{"inputs": [{twice}, {twice}]}}"#), "inputs[1]: `x` is given twice");
    check_refused(
        r#"{"parameters": {"priority": "high"}}"#,
        "parameter `priority`: expected a whole number of 0 or more",
    );
    check_refused(
        r#"{"parameters": {"headers": "x"}}"#,
        "parameter `headers`: the name is reserved",
    );
    check_refused(
        r#"{"parameters": {"triton_x": 1}}"#,
        "parameter `triton_x`: the name is reserved",
    );
    check_refused(
        r#"{"parameters": {"p": [1]}}"#,
        "parameter `p`: expected a string, a number, true or false",
    );
    check_refused(
        &format!(r#"{{"x": {}"#, "[".repeat(1_000_000)),
        "malformed JSON at byte 106: nested deeper than 100 levels",
    );
}

#[test]
fn what_is_not_supported_is_said() {
    let sequences = "parameter `sequence_id`: sequences are not supported; leave the parameter out";
    check_unsupported(r#"{"parameters": {"sequence_id": 7}}"#, sequences);
    check_unsupported(r#"{"parameters": {"sequence_id": "a"}}"#, sequences);
    assert!(
        decode(r#"{"parameters": {"sequence_id": "", "sequence_start": true}, "inputs": []}"#)
            .is_ok()
    );
    check_unsupported(
        r#"{"inputs": [{"name": "x", "parameters": {"shared_memory_region": "r"}}]}"#,
        "inputs[0] `x`: parameter `shared_memory_region`: shared memory is not supported; send the data in the body",
    );
    check_unsupported(
        r#"{"outputs": [{"parameters": {"shared_memory_region": "r"}}]}"#,
        "outputs[0]: parameter `shared_memory_region`: shared memory is not supported; send the data in the body",
    );
}

#[test]
fn limits() {
    let limits = DecodeLimits { json_tensor_bytes: 10, inputs: 3, outputs: 1, parameters: 1 };
    let refused = |json: &str| {
        decode_infer(Bytes::copy_from_slice(json.as_bytes()), None, &limits).unwrap_err()
    };
    let input = |name: &str, count: usize| {
        let data = vec!["1"; count].join(",");
        format!(
            r#"{{"name": "{name}", "shape": [{count}], "datatype": "INT16", "data": [{data}]}}"#
        )
    };
    let inputs = format!(r#"{{"inputs": [{}, {}]}}"#, input("a", 3), input("b", 3));
    assert_eq!(
        refused(&inputs),
        DecodeError::TooLarge(
            "inputs[1] `b`: as INT16, `data` takes more than the 4 bytes that are allowed".into()
        )
    );
    let many = ["a", "b", "c", "d"].map(|name| input(name, 1)).join(",");
    let many = refused(&format!(r#"{{"inputs": [{many}]}}"#));
    assert_eq!(many, DecodeError::Malformed("more than 3 `inputs`".into()));
    assert_eq!(
        refused(r#"{"outputs": [{"name": "a"}, {"name": "b"}]}"#),
        DecodeError::Malformed("more than 1 `outputs`".into())
    );
    assert_eq!(
        refused(r#"{"parameters": {"a": 1, "b": 2}}"#),
        DecodeError::Malformed("parameter `b`: more than 1 parameters".into())
    );
}

/// Tensors of every type that JSON can carry, or of all.
fn any_tensor(json_only: bool) -> impl Strategy<Value = Tensor> {
    let types: Vec<DataType> = DataType::ALL
        .into_iter()
        .filter(|ty| !json_only || !matches!(ty, DataType::Fp16 | DataType::Bf16))
        .collect();
    (proptest::sample::select(types), vec(0_usize..4, 0..4)).prop_flat_map(
        move |(data_type, shape)| {
            let elements: usize = shape.iter().product();
            let data = match data_type.size() {
                Some(size) => vec(any::<u8>(), elements * size).boxed(),
                None => vec(".{0,8}", elements)
                    .prop_map(|strings| {
                        let mut framed = Vec::new();
                        strings.iter().for_each(|text| push_string(&mut framed, text.as_bytes()));
                        framed
                    })
                    .boxed(),
            };
            data.prop_map(move |mut data| {
                if data_type == DataType::Bool {
                    data.iter_mut().for_each(|byte| *byte &= 1);
                }
                Tensor::new(data_type, Shape::from(shape.as_slice()), data.into()).unwrap()
            })
        },
    )
}

/// One NaN is as good as another in JSON.
fn plain_nan(tensor: &Tensor) -> Tensor {
    let data = match tensor.data_type() {
        DataType::Fp32 => {
            let values = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            values
                .flat_map(|value| if value.is_nan() { f32::NAN } else { value }.to_le_bytes())
                .collect()
        }
        DataType::Fp64 => {
            let values = tensor.data().as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes));
            values
                .flat_map(|value| {
                    if value.is_nan() { f64::from(f32::NAN) } else { value }.to_le_bytes()
                })
                .collect()
        }
        _ => tensor.data().clone(),
    };
    Tensor::new(tensor.data_type(), tensor.shape().clone(), data).unwrap()
}

/// Reads a response as if it were a request: outputs and inputs are written alike.
fn read_back(tensors: &[Tensor], binary: bool) -> Vec<Tensor> {
    let names: Vec<String> = (0..tensors.len()).map(|index| format!("t\u{e9}\"{index}")).collect();
    let outputs: Vec<_> = names
        .iter()
        .zip(tensors)
        .map(|(name, tensor)| ResponseOutput { name, tensor, binary })
        .collect();
    let encoded = encode_infer(&ResponseHead::default(), &outputs).unwrap();
    let json = str::from_utf8(&encoded.json).unwrap().replacen("\"outputs\"", "\"inputs\"", 1);
    let header_length = encoded.header_length.map(|_| json.len());
    let body =
        encoded.binary.iter().fold(json.into_bytes(), |body, piece| [&body, &**piece].concat());
    let request = decode_infer(body.into(), header_length, &DecodeLimits::default()).unwrap();
    request.inputs.into_iter().map(|input| input.tensor).collect()
}

proptest! {
    #[test]
    fn json_is_read_back(tensors in vec(any_tensor(true), 0..4)) {
        let expected: Vec<_> = tensors.iter().map(plain_nan).collect();
        prop_assert_eq!(read_back(&tensors, false), expected);
    }

    #[test]
    fn binary_is_read_back(tensors in vec(any_tensor(false), 1..4)) {
        prop_assert_eq!(read_back(&tensors, true), tensors);
    }
}
