use prost::Message;
use protocol::grpc::ModelInferRequest;
use tensor::DataType;

use super::{InferRequest, InputData, InputTensor};
use crate::{Endpoint, Protocol, Random, ValueRange, request::Request};

fn endpoint() -> Endpoint {
    let headers = vec![("authorization".to_owned(), "Bearer k".to_owned())];
    Endpoint { host: "h:1".to_owned(), prefix: "/p".to_owned(), headers }
}

fn input(name: &str, data_type: DataType, data: InputData) -> InputTensor {
    InputTensor { name: name.to_owned(), data_type, shape: vec![1, 2], data }
}

fn request(inputs: Vec<InputTensor>) -> InferRequest {
    let parameters = serde_json::Map::from_iter([("timeout".to_owned(), 5.into())]);
    InferRequest {
        model: "m".to_owned(),
        version: "3".to_owned(),
        inputs,
        outputs: vec!["o".to_owned()],
        parameters,
    }
}

fn mixed() -> InferRequest {
    let given = [1.5_f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    request(vec![
        input("a", DataType::Fp32, InputData::Given(given)),
        input("b", DataType::Int64, InputData::Random("7:7".parse().unwrap(), 0)),
        input("c", DataType::Bytes, InputData::Random(ValueRange::default(), 3)),
    ])
}

fn filled(request: &Request) -> Vec<u8> {
    let mut body = request.body.to_vec();
    request.slots.iter().for_each(|slot| slot.fill(&mut body, &mut Random::new(1)));
    body
}

#[test]
fn json_is_whole() {
    let request = mixed().build(Protocol::HttpJson, &endpoint()).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&filled(&request)).unwrap();
    assert_eq!(document["inputs"][0]["data"], serde_json::json!([1.5, -2.0]));
    assert_eq!(document["inputs"][1]["data"], serde_json::json!([7, 7]));
    assert_eq!(document["inputs"][2]["data"][1].as_str().unwrap().len(), 3);
    assert_eq!(document["parameters"]["timeout"], 5);
    assert_eq!(document["outputs"][0]["name"], "o");
    let head = String::from_utf8(request.head.to_vec()).unwrap();
    assert!(head.starts_with("POST /p/v2/models/m/versions/3/infer HTTP/1.1\r\nhost: h:1\r\n"));
    assert!(head.contains(&format!("content-length: {}\r\n", request.body.len())));
    assert!(head.contains("authorization: Bearer k\r\n") && head.ends_with("\r\n\r\n"));
    assert!(request.explained_head.ends_with(b"hone-explain: 1\r\n\r\n"));
}

#[test]
fn binary_data_follows_the_json() {
    let request = mixed().build(Protocol::Http, &endpoint()).unwrap();
    let body = filled(&request);
    let head = String::from_utf8(request.head.to_vec()).unwrap();
    let (_, rest) = head.split_once("inference-header-content-length: ").unwrap();
    let json_len: usize = rest.split_once("\r\n").unwrap().0.parse().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&body[..json_len]).unwrap();
    assert_eq!(document["parameters"]["binary_data_output"], true);
    let sizes = [8, 16, 14];
    for (input, size) in sizes.iter().enumerate() {
        assert_eq!(document["inputs"][input]["parameters"]["binary_data_size"], *size);
    }
    assert_eq!(body.len() - json_len, sizes.iter().sum::<usize>());
    assert_eq!(body[json_len..][..4], 1.5_f32.to_le_bytes());
    assert_eq!(body[json_len + 8..][..8], 7_i64.to_le_bytes());
}

#[test]
fn grpc_slots_are_where_the_raw_contents_are() {
    let request = mixed().build(Protocol::Grpc, &endpoint()).unwrap();
    let body = filled(&request);
    assert_eq!(
        body[..5],
        [&[0], &u32::try_from(body.len() - 5).unwrap().to_be_bytes()[..]].concat()
    );
    let message = ModelInferRequest::decode(&body[5..]).unwrap();
    assert_eq!(message.raw_input_contents[1], [7_i64.to_le_bytes(), 7_i64.to_le_bytes()].concat());
    assert_eq!(message.raw_input_contents[2][..4], 3_u32.to_le_bytes());
    assert_eq!(
        (message.inputs[2].datatype.as_str(), &message.inputs[2].shape[..]),
        ("BYTES", &[1, 2][..])
    );
    assert_eq!((message.model_name.as_str(), message.model_version.as_str()), ("m", "3"));
}

#[test]
fn half_floats_have_no_json() {
    let half = input("x", DataType::Fp16, InputData::Random(ValueRange::default(), 0));
    let error = request(vec![half]).build(Protocol::HttpJson, &endpoint()).unwrap_err();
    assert!(error.0.contains("FP16") && error.0.contains("--protocol http"), "{}", error.0);
}
