use prost::Message;
use protocol::grpc::{
    ModelInferResponse, ModelStreamInferResponse, model_infer_response::InferOutputTensor,
};

use super::{Answer, Expectation, ExpectedOutput, ExpectedValues};

fn expecting(values: ExpectedValues, tolerance: f64) -> Expectation {
    Expectation { outputs: vec![ExpectedOutput { name: "y".to_owned(), values }], tolerance }
}

fn numbers(values: &[f64]) -> Expectation {
    expecting(ExpectedValues::Numbers(values.to_vec()), 1e-3)
}

#[track_caller]
fn check_wrong(expectation: &Expectation, answer: Answer<'_>, what: &str) {
    let error = expectation.check(answer).unwrap_err();
    assert!(error.contains(what), "{error}");
}

const JSON: &[u8] =
    br#"{"outputs":[{"name":"x","data":[9]},{"name":"y","data":[[1.0],[2.0005]]}]}"#;

#[test]
fn json_answers_are_compared_within_the_tolerance() {
    numbers(&[1.0, 2.0]).check(Answer::Http(None, JSON)).unwrap();
    check_wrong(
        &numbers(&[1.0, 2.1]),
        Answer::Http(None, JSON),
        "element 1: expected 2.1, got 2.0005",
    );
    check_wrong(&numbers(&[1.0]), Answer::Http(None, JSON), "expected 1 elements, got 2");
    check_wrong(&numbers(&[1.0]), Answer::Http(None, b"{}"), "no outputs");
    check_wrong(&numbers(&[1.0]), Answer::Http(None, br#"{"outputs":[]}"#), "no output 'y'");
    check_wrong(&numbers(&[1.0]), Answer::Http(None, b"oops"), "no JSON");
    let strings = expecting(ExpectedValues::Strings(vec!["a".to_owned()]), 0.0);
    check_wrong(&strings, Answer::Http(None, JSON), "numbers where strings");
    strings.check(Answer::Http(None, br#"{"outputs":[{"name":"y","data":["a"]}]}"#)).unwrap();
}

#[test]
fn binary_answers_are_found_behind_the_json() {
    let head = br#"{"outputs":[{"name":"x","datatype":"INT8","parameters":{"binary_data_size":3}},{"name":"y","datatype":"FP32","parameters":{"binary_data_size":8}}]}"#;
    let tensors = [&[1, 2, 3][..], &1.0_f32.to_le_bytes(), &f32::NAN.to_le_bytes()].concat();
    let body = [&head[..], &tensors].concat();
    let answer = Answer::Http(Some(head.len()), &body);
    check_wrong(&numbers(&[1.0, 2.0]), answer, "element 1: expected 2.0, got NaN");
    check_wrong(&numbers(&[1.0]), Answer::Http(Some(head.len()), &body[..head.len()]), "cut off");
    check_wrong(&numbers(&[1.0]), Answer::Http(Some(9999), &body), "cut off");
}

#[test]
fn grpc_answers_are_raw() {
    let output = InferOutputTensor {
        name: "y".to_owned(),
        datatype: "INT64".to_owned(),
        ..Default::default()
    };
    let response = ModelInferResponse {
        outputs: vec![output],
        raw_output_contents: vec![7_i64.to_le_bytes().to_vec().into()],
        ..Default::default()
    };
    numbers(&[7.0]).check(Answer::Grpc(&response.encode_to_vec())).unwrap();
    let streamed =
        ModelStreamInferResponse { infer_response: Some(response), ..Default::default() };
    numbers(&[7.0]).check(Answer::GrpcStream(&streamed.encode_to_vec())).unwrap();
    check_wrong(&numbers(&[7.0]), Answer::Grpc(&[]), "no output 'y'");
}
