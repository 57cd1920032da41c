use std::{
    io::{Read as _, Write as _},
    time::Duration,
};

use flate2::{
    Compression,
    read::{GzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};
use serde_json::{Value, json};

use crate::{
    fixture::{Behaviour, Fixture, eventually, float_bytes},
    http_client::{Answer, Client, echo_binary, echo_json},
};

const INFER: &str = "POST /v2/models/echo/infer";
const TYPES_INFER: &str = "POST /v2/models/types/infer";
const HEADER_LENGTH: &str = "inference-header-content-length";

async fn call(fixture: &Fixture, head: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    Client::connect(fixture.http()).await.call(head, headers, body).await
}

#[track_caller]
fn check_refused(answer: &Answer, status: u16, expected: &str) {
    assert_eq!((answer.status, &*answer.error()), (status, expected));
}

#[tokio::test]
async fn json_in_json_out() {
    let fixture = Fixture::start();
    let body = r#"{"id":"a","inputs":[{"name":"INPUT","shape":[2,2],"datatype":"FP32","data":[[1,2],[3,0.1]]}]}"#;
    let answer = call(&fixture, INFER, &[], body.as_bytes()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.text(),
        r#"{"id":"a","model_name":"echo","model_version":"1","outputs":[{"name":"OUTPUT","datatype":"FP32","shape":[2,2],"data":[1.0,2.0,3.0,0.1]}]}"#
    );
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header(HEADER_LENGTH), "");
    let versioned = call(&fixture, "POST /v2/models/echo/versions/1/infer", &[], body.as_bytes());
    assert_eq!(versioned.await.body, answer.body);
}

#[tokio::test]
async fn binary_in_binary_out() {
    let fixture = Fixture::start();
    let (header_length, body) = echo_binary(&[1.0, -2.5], r#""binary_data_output":true"#);
    let answer = call(&fixture, INFER, &[(HEADER_LENGTH, &header_length)], &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    let json_len: usize = answer.header(HEADER_LENGTH).parse().unwrap();
    let (json, binary) = answer.body.split_at(json_len);
    assert_eq!(
        str::from_utf8(json).unwrap(),
        r#"{"model_name":"echo","model_version":"1","outputs":[{"name":"OUTPUT","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}}]}"#
    );
    assert_eq!(binary, float_bytes(&[1.0, -2.5]));
}

#[tokio::test]
async fn large_tensors_in_every_form() {
    let fixture = Fixture::start();
    let values: Vec<f32> = (0..150_528).map(|index| index as f32 / 3.0).collect();
    let json = call(&fixture, INFER, &[], echo_json(&values).as_bytes()).await;
    let data = json.json()["outputs"][0]["data"].as_array().unwrap().clone();
    assert_eq!(data.len(), values.len());
    // What was written is the shortest text of the f32.
    let same = |(data, value): (&Value, &f32)| data.to_string().parse() == Ok(*value);
    assert!(data.iter().zip(&values).all(same));
    let (header_length, body) = echo_binary(&values, r#""binary_data_output":true"#);
    let answer = call(&fixture, INFER, &[(HEADER_LENGTH, &header_length)], &body).await;
    let json_len: usize = answer.header(HEADER_LENGTH).parse().unwrap();
    assert!(answer.body[json_len..] == float_bytes(&values));
}

#[tokio::test]
async fn outputs_overrule_the_request() {
    let fixture = Fixture::start();
    let body = r#"{"parameters":{"binary_data_output":true},
        "inputs":[{"name":"INT8","shape":[2],"datatype":"INT8","data":[1,-1]},{"name":"BOOL","shape":[1],"datatype":"BOOL","data":[true]}],
        "outputs":[{"name":"OUT_BOOL"},{"name":"OUT_INT8","parameters":{"binary_data":false}}]}"#;
    let answer = call(&fixture, TYPES_INFER, &[], body.as_bytes()).await;
    let json_len: usize = answer.header(HEADER_LENGTH).parse().unwrap();
    let expected = concat!(
        r#"{"model_name":"types","model_version":"1","outputs":["#,
        r#"{"name":"OUT_BOOL","datatype":"BOOL","shape":[1],"parameters":{"binary_data_size":1}},"#,
        r#"{"name":"OUT_INT8","datatype":"INT8","shape":[2],"data":[1,-1]}]}"#
    );
    assert_eq!(str::from_utf8(&answer.body[..json_len]).unwrap(), expected);
    assert_eq!(answer.body[json_len..], [1]);
}

#[tokio::test]
async fn every_type_goes_through() {
    let fixture = Fixture::start();
    for (name, data, elements, bytes) in [
        ("BOOL", "[true,false]", "[true,false]", 2),
        ("UINT8", "[0,255]", "[0,255]", 2),
        ("UINT16", "[65535]", "[65535]", 2),
        ("UINT32", "[4294967295]", "[4294967295]", 4),
        ("UINT64", "[18446744073709551615]", "[18446744073709551615]", 8),
        ("INT8", "[-128]", "[-128]", 1),
        ("INT16", "[-32768]", "[-32768]", 2),
        ("INT32", "[-2147483648]", "[-2147483648]", 4),
        ("INT64", "[-9223372036854775808]", "[-9223372036854775808]", 8),
        ("FP32", "[NaN,Infinity,-Infinity,1e-45]", "[NaN,Infinity,-Infinity,1e-45]", 16),
        ("FP64", "[0.1]", "[0.1]", 8),
        ("BYTES", r#"["a\u0000\"","\ud83d\ude00"]"#, "[\"a\\u0000\\\"\",\"\u{1f600}\"]", 15),
    ] {
        let count = if name == "FP32" { 4 } else { data.matches(',').count() + 1 };
        let body = |binary: bool| {
            format!(
                r#"{{"inputs":[{{"name":"{name}","shape":[{count}],"datatype":"{name}","data":{data}}}],"outputs":[{{"name":"OUT_{name}","parameters":{{"binary_data":{binary}}}}}]}}"#
            )
        };
        let answer = call(&fixture, TYPES_INFER, &[], body(false).as_bytes()).await;
        assert!(answer.text().ends_with(&format!(r#""data":{elements}}}]}}"#)), "{answer:?}");
        let answer = call(&fixture, TYPES_INFER, &[], body(true).as_bytes()).await;
        let json_len: usize = answer.header(HEADER_LENGTH).parse().unwrap();
        assert_eq!(answer.body.len() - json_len, bytes, "{name}");
    }
}

#[tokio::test]
async fn half_precision_goes_only_as_binary_data() {
    let fixture = Fixture::start();
    let json = r#"{"inputs":[{"name":"FP16","shape":[2],"datatype":"FP16","data":[1,2]}]}"#;
    let answer = call(&fixture, TYPES_INFER, &[], json.as_bytes()).await;
    check_refused(
        &answer,
        400,
        "inputs[0] `FP16`: FP16 cannot be sent as JSON; send it as binary data (`binary_data_size`)",
    );
    let json = r#"{"inputs":[{"name":"FP16","shape":[2],"datatype":"FP16","parameters":{"binary_data_size":4}}],"outputs":[{"name":"OUT_FP16"}]}"#;
    let body = [json.as_bytes(), &[1, 2, 3, 4]].concat();
    let header_length = json.len().to_string();
    let answer = call(&fixture, TYPES_INFER, &[(HEADER_LENGTH, &header_length)], &body).await;
    check_refused(
        &answer,
        400,
        "output `OUT_FP16` is FP16, which JSON cannot carry; ask for it with `binary_data`: true",
    );
}

#[tokio::test]
async fn raw_requests() {
    let fixture = Fixture::start();
    let body = float_bytes(&[1.0, 2.0, 3.0]);
    let answer = call(&fixture, INFER, &[(HEADER_LENGTH, "0")], &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let json_len: usize = answer.header(HEADER_LENGTH).parse().unwrap();
    assert_eq!(&answer.body[json_len..], &*body);
    assert!(str::from_utf8(&answer.body[..json_len]).unwrap().contains(r#""shape":[1,3]"#));
    let answer = call(&fixture, INFER, &[(HEADER_LENGTH, "0")], &[0; 5]).await;
    check_refused(&answer, 400, "the raw request's body: FP32 of shape [1,1] takes 4 bytes, got 5");
    let answer = call(&fixture, TYPES_INFER, &[(HEADER_LENGTH, "0")], &body).await;
    check_refused(
        &answer,
        400,
        "a raw request needs a model with one input, 'types' has 14; send JSON before the tensors and its length in Inference-Header-Content-Length",
    );
}

#[tokio::test]
async fn classes() {
    let fixture = Fixture::start();
    let body = r#"{"inputs":[{"name":"INPUT","shape":[2,4],"datatype":"FP32","data":[0.5,2,1,3,4,3,2,1]}],"outputs":[{"name":"OUTPUT","parameters":{"classification":2}}]}"#;
    let answer = call(&fixture, INFER, &[], body.as_bytes()).await;
    let expected = json!([{"name": "OUTPUT", "datatype": "BYTES", "shape": [2, 2],
        "data": ["3.000000:3", "2.000000:1:one", "4.000000:0:zero", "3.000000:1:one"]}]);
    assert_eq!(answer.json()["outputs"], expected);
}

#[tokio::test]
async fn a_request_explains_where_its_time_went() {
    let fixture = Fixture::start();
    let body = echo_json(&[1.0]);
    let answer = call(&fixture, INFER, &[("hone-explain", "1")], body.as_bytes()).await;
    let timing = answer.header("server-timing");
    crate::server_timing::check(timing);
    assert!(timing.contains("rows=1 requests=1 reason="), "{timing}");
    let silent = call(&fixture, INFER, &[], body.as_bytes()).await;
    assert_eq!(silent.header("server-timing"), "");
}

fn compressed(encoding: &str, body: &[u8]) -> Vec<u8> {
    if encoding == "gzip" {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        return encoder.finish().unwrap();
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn decompressed(encoding: &str, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match encoding {
        "gzip" => GzDecoder::new(body).read_to_end(&mut plain).unwrap(),
        "deflate" => ZlibDecoder::new(body).read_to_end(&mut plain).unwrap(),
        _ => body.to_vec().as_slice().read_to_end(&mut plain).unwrap(),
    };
    plain
}

#[tokio::test]
async fn compression_both_ways() {
    let fixture = Fixture::start();
    let values = vec![0.5; 100_000];
    let (header_length, body) = echo_binary(&values, r#""binary_data_output":true"#);
    let plain = call(&fixture, INFER, &[(HEADER_LENGTH, &header_length)], &body).await;
    for encoding in ["gzip", "deflate", "identity"] {
        let headers = [
            (HEADER_LENGTH, &*header_length),
            ("content-encoding", encoding),
            ("accept-encoding", encoding),
        ];
        let sent = if encoding == "identity" { body.clone() } else { compressed(encoding, &body) };
        let answer = call(&fixture, INFER, &headers, &sent).await;
        assert_eq!(answer.status, 200, "{:?}", answer.headers);
        let expected = if encoding == "identity" { "" } else { encoding };
        assert_eq!(answer.header("content-encoding"), expected);
        assert_eq!(answer.header(HEADER_LENGTH), plain.header(HEADER_LENGTH));
        assert!(decompressed(encoding, &answer.body) == plain.body);
    }
}

#[tokio::test]
async fn wrong_compression_is_refused() {
    let fixture = Fixture::start();
    let body = echo_json(&[1.0]);
    let answer = call(&fixture, INFER, &[("content-encoding", "br")], body.as_bytes()).await;
    check_refused(
        &answer,
        501,
        "Content-Encoding `br` is not supported; use gzip, deflate or identity",
    );
    assert_eq!(answer.header("accept-encoding"), "gzip, deflate");
    let answer = call(&fixture, INFER, &[("content-encoding", "gzip")], body.as_bytes()).await;
    assert_eq!(answer.status, 400);
    assert!(answer.error().starts_with("the body is not valid gzip: "), "{answer:?}");
}

#[tokio::test]
async fn models_that_are_not_there() {
    let fixture = Fixture::start();
    let body = echo_json(&[1.0]);
    let answer = call(&fixture, "POST /v2/models/none/infer", &[], body.as_bytes()).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    assert!(
        answer.error().contains("Request for unknown model: 'none' is not found"),
        "{answer:?}"
    );
    let answer =
        call(&fixture, "POST /v2/models/echo/versions/9/infer", &[], body.as_bytes()).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    let answer = call(&fixture, "POST /v2/models/%65cho/infer", &[], body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = call(&fixture, "POST /v2/models/%zz/infer", &[], body.as_bytes()).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}

#[tokio::test]
async fn what_the_model_does_not_take_is_refused() {
    let fixture = Fixture::start();
    for (input, text) in [
        (
            r#""name":"X","shape":[1,1],"datatype":"FP32","data":[1]"#,
            "unexpected inference input 'X'",
        ),
        (r#""name":"INPUT","shape":[1,1],"datatype":"INT8","data":[1]"#, "data-type is 'INT8'"),
        (
            r#""name":"INPUT","shape":[9,1],"datatype":"FP32","data":[1,1,1,1,1,1,1,1,1]"#,
            "batch-size must be <= 8",
        ),
        (
            r#""name":"INPUT","shape":[1],"datatype":"FP32","data":[1]"#,
            "unexpected shape for input 'INPUT'",
        ),
    ] {
        let answer =
            call(&fixture, INFER, &[], format!(r#"{{"inputs":[{{{input}}}]}}"#).as_bytes()).await;
        assert_eq!(answer.status, 400);
        assert!(answer.error().contains(text), "{answer:?}");
    }
    fixture.controls.set(Behaviour::Fail);
    let answer = call(&fixture, INFER, &[], echo_json(&[1.0]).as_bytes()).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.error().contains("told to fail"), "{answer:?}");
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let mut clients = Vec::new();
    let full = loop {
        let mut client = Client::connect(fixture.http()).await;
        let body = r#"{"inputs":[{"name":"INPUT","shape":[8,1],"datatype":"FP32","data":[1,2,3,4,5,6,7,8]}]}"#;
        let head =
            format!("{INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        client.send(head).await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(20), client.answer()).await;
        if let Ok(answer) = early {
            break answer;
        }
        clients.push(client);
        assert!(clients.len() < 200, "the queue never fills");
    };
    assert_eq!(full.status, 503, "{full:?}");
    assert!(full.header("retry-after").parse::<u32>().unwrap() >= 1);
    fixture.controls.set(Behaviour::Echo);
    for mut client in clients {
        assert_eq!(client.answer().await.status, 200);
    }
}

#[tokio::test]
async fn a_client_that_leaves_cancels_its_request() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = Client::connect(fixture.http()).await;
        let body = echo_json(&[1.0]);
        let head =
            format!("{INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        client.send(head).await.unwrap();
        clients.push(client);
    }
    let repository = fixture.repository.clone();
    eventually(move || repository.in_flight() == 5).await;
    drop(clients);
    let repository = fixture.repository.clone();
    eventually(move || repository.in_flight() == 0).await;
    fixture.controls.set(Behaviour::Echo);
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let fixture = Fixture::start();
    let mut client = Client::connect(fixture.http()).await;
    for index in 0..100_u8 {
        let answer = client.call(INFER, &[], echo_json(&[f32::from(index)]).as_bytes()).await;
        assert_eq!(answer.json()["outputs"][0]["data"][0], f64::from(index));
        let answer = client.call("POST /v2/models/none/infer", &[], b"{}").await;
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("connection"), "");
    }
    // Pipelined: sent before the first answer is read.
    let one = |value: f32| {
        let body = echo_json(&[value]);
        format!("{INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    client.send([one(1.0), one(2.0)].concat()).await.unwrap();
    for value in [1.0, 2.0] {
        assert_eq!(client.answer().await.json()["outputs"][0]["data"][0], value);
    }
}

#[tokio::test]
async fn a_short_timeout_ends_the_wait() {
    let fixture = Fixture::start();
    fixture.controls.set(Behaviour::Hold);
    let body = r#"{"parameters":{"timeout":1000},"inputs":[{"name":"INPUT","shape":[8,1],"datatype":"FP32","data":[1,2,3,4,5,6,7,8]}]}"#;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(fixture.http()).await;
        let head =
            format!("{INFER} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        client.send(head).await.unwrap();
        clients.push(client);
    }
    fixture.controls.set(Behaviour::Echo);
    for mut client in clients {
        assert!(matches!(client.answer().await.status, 200 | 503));
    }
}
