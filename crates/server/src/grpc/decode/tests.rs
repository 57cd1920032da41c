use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use protocol::grpc::{
    InferParameter, InferTensorContents, ModelInferRequest,
    infer_parameter::ParameterChoice,
    model_infer_request::{InferInputTensor, InferRequestedOutputTensor},
};
use serving::{ErrorKind, ParameterValue, ServeError, Timestamp};

use super::{Decoded, infer_request};

fn parameters<const N: usize>(
    entries: [(&str, ParameterChoice); N],
) -> HashMap<String, InferParameter> {
    let parameter = |choice| InferParameter { parameter_choice: Some(choice) };
    entries.map(|(name, choice)| (name.to_owned(), parameter(choice))).into()
}

fn input(datatype: &str, shape: &[i64], contents: InferTensorContents) -> InferInputTensor {
    InferInputTensor {
        name: "x".into(),
        datatype: datatype.into(),
        shape: shape.to_vec(),
        contents: Some(contents),
        ..InferInputTensor::default()
    }
}

fn decode(message: ModelInferRequest) -> Result<Decoded, ServeError> {
    infer_request(message, Timestamp::default())
}

fn decode_input(input: InferInputTensor) -> Result<Vec<u8>, ServeError> {
    let message = ModelInferRequest { inputs: vec![input], ..ModelInferRequest::default() };
    decode(message).map(|decoded| decoded.request.inputs[0].tensor.data().to_vec())
}

/// Sends contents of one type and checks the tensor's bytes.
#[track_caller]
fn check(datatype: &str, shape: &[i64], contents: InferTensorContents, expected: &[u8]) {
    assert_eq!(decode_input(input(datatype, shape, contents)).unwrap(), expected);
}

#[track_caller]
fn check_error(datatype: &str, shape: &[i64], contents: InferTensorContents, expected: &str) {
    let error = decode_input(input(datatype, shape, contents)).unwrap_err();
    assert_eq!((error.kind(), &*error.to_string()), (ErrorKind::InvalidArgument, expected));
}

fn ints(values: &[i32]) -> InferTensorContents {
    InferTensorContents { int_contents: values.to_vec(), ..InferTensorContents::default() }
}

fn uints(values: &[u32]) -> InferTensorContents {
    InferTensorContents { uint_contents: values.to_vec(), ..InferTensorContents::default() }
}

#[test]
fn typed_contents_become_little_endian_bytes() {
    let none = InferTensorContents::default;
    check(
        "BOOL",
        &[2],
        InferTensorContents { bool_contents: vec![true, false], ..none() },
        &[1, 0],
    );
    check("INT8", &[2], ints(&[-1, 127]), &[0xff, 127]);
    check("INT16", &[1], ints(&[-2]), &[0xfe, 0xff]);
    check("INT32", &[1, 1], ints(&[-2]), &[0xfe, 0xff, 0xff, 0xff]);
    check("UINT8", &[1], uints(&[255]), &[255]);
    check("UINT16", &[1], uints(&[258]), &[2, 1]);
    check("UINT32", &[], uints(&[258]), &[2, 1, 0, 0]);
    let contents = InferTensorContents { int64_contents: vec![-1], ..none() };
    check("INT64", &[1], contents, &[0xff; 8]);
    let contents = InferTensorContents { uint64_contents: vec![1], ..none() };
    check("UINT64", &[1], contents, &[1, 0, 0, 0, 0, 0, 0, 0]);
    let contents = InferTensorContents { fp32_contents: vec![1.0], ..none() };
    check("FP32", &[1], contents, &1.0_f32.to_le_bytes());
    let contents = InferTensorContents { fp64_contents: vec![1.5], ..none() };
    check("FP64", &[1], contents, &1.5_f64.to_le_bytes());
    let contents = InferTensorContents { bytes_contents: vec!["ab".into(), "".into()], ..none() };
    check("BYTES", &[2], contents, b"\x02\0\0\0ab\0\0\0\0");
    check("FP32", &[0, 3], none(), &[]);
}

#[test]
fn contents_that_do_not_fit_are_named() {
    check_error(
        "INT8",
        &[2],
        ints(&[1, 128]),
        "input 'x': element 1 is 128, which INT8 cannot hold",
    );
    check_error(
        "FP32",
        &[1],
        ints(&[1]),
        "input 'x': FP32 belongs into fp32_contents of contents, but int_contents is filled",
    );
    check_error(
        "FP16",
        &[1],
        InferTensorContents::default(),
        "input 'x': FP16 has no field in contents; send it in raw_input_contents",
    );
    check_error("INT32", &[3], ints(&[1]), "input 'x': INT32 of shape [3] takes 12 bytes, got 4");
    check_error(
        "FLOAT",
        &[1],
        ints(&[]),
        "input 'x': datatype 'FLOAT' is unknown; it must be one of BOOL, UINT8, UINT16, UINT32, \
         UINT64, INT8, INT16, INT32, INT64, FP16, BF16, FP32, FP64, BYTES",
    );
    check_error(
        "INT32",
        &[2, -1],
        ints(&[]),
        "input 'x': dimension 1 is -1; every dimension of a tensor must be 0 or more",
    );
}

#[test]
fn raw_tensors_share_the_message() {
    let raw = Bytes::from_static(&[1, 2, 3, 4]);
    let mut message = ModelInferRequest {
        inputs: vec![InferInputTensor { contents: None, ..input("UINT8", &[4], uints(&[])) }],
        raw_input_contents: vec![raw.clone()],
        ..ModelInferRequest::default()
    };
    let decoded = decode(message.clone()).unwrap();
    assert_eq!(decoded.request.inputs[0].tensor.data().as_ptr(), raw.as_ptr());

    message.raw_input_contents.push(raw);
    let error = decode(message.clone()).unwrap_err();
    assert!(
        error.to_string().starts_with("raw_input_contents has 2 elements for 1 inputs"),
        "{error}"
    );

    message.raw_input_contents.pop();
    message.inputs[0].contents = Some(uints(&[]));
    let error = decode(message).unwrap_err();
    assert_eq!(
        error.to_string(),
        "input 'x': contents field must not be specified when using raw_input_contents"
    );
}

#[test]
fn known_parameters_are_taken_and_others_passed_on() {
    let message = ModelInferRequest {
        id: "7".into(),
        parameters: parameters([
            ("priority", ParameterChoice::Int64Param(3)),
            ("timeout", ParameterChoice::Int64Param(1500)),
            ("sequence_id", ParameterChoice::StringParam(String::new())),
            ("triton_enable_empty_final_response", ParameterChoice::BoolParam(true)),
            ("b", ParameterChoice::DoubleParam(0.5)),
            ("a", ParameterChoice::Uint64Param(1)),
        ]),
        ..ModelInferRequest::default()
    };
    let request = decode(message).unwrap().request;
    assert_eq!((&*request.id, request.priority), ("7", 3));
    assert_eq!(request.timeout, Some(Duration::from_micros(1500)));
    let expected =
        [("a".to_owned(), ParameterValue::Uint(1)), ("b".to_owned(), ParameterValue::Double(0.5))];
    assert_eq!(request.parameters, expected);
}

/// Sends one parameter and checks how the error begins.
#[track_caller]
fn check_parameter(name: &str, choice: ParameterChoice, expected: &str) {
    let parameters = parameters([(name, choice)]);
    let error =
        decode(ModelInferRequest { parameters, ..ModelInferRequest::default() }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn parameters_of_the_wrong_type_are_refused() {
    let text = || ParameterChoice::StringParam("1".into());
    check_parameter(
        "priority",
        ParameterChoice::Int64Param(-1),
        "invalid value for parameter 'pri",
    );
    check_parameter("timeout", text(), "invalid value for parameter 'timeout'");
    check_parameter("sequence_start", text(), "invalid value for parameter 'sequence_start'");
    check_parameter("triton_x", text(), "parameter keys starting with 'triton_' are reserved");
}

#[test]
fn outputs_are_asked_for_by_name_or_as_classes() {
    let output =
        |name: &str, parameters| InferRequestedOutputTensor { name: name.into(), parameters };
    let classes = |number| parameters([("classification", ParameterChoice::Int64Param(number))]);
    let message = |outputs| ModelInferRequest { outputs, ..ModelInferRequest::default() };
    let decoded =
        decode(message(vec![output("a", HashMap::new()), output("b", classes(3))])).unwrap();
    assert_eq!(decoded.request.outputs, ["a", "b"]);
    assert_eq!(decoded.classifications, [("b".to_owned(), 3)]);
    let error = decode(message(vec![output("b", classes(0))])).unwrap_err();
    assert!(error.to_string().contains("'classification' of output 'b'"), "{error}");
}

#[test]
fn shared_memory_is_refused() {
    let region = parameters([("shared_memory_region", ParameterChoice::StringParam("r".into()))]);
    let mut shared = input("FP32", &[1], InferTensorContents::default());
    shared.parameters = region;
    assert_eq!(decode_input(shared).unwrap_err().kind(), ErrorKind::Unsupported);
}
