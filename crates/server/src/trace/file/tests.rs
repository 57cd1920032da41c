use serde_json::{Value, json};
use serving::{NamedTensor, Timestamp, Timing};
use tensor::{DataType, Shape, Tensor};

use super::push_trace;
use crate::{
    record::Record,
    trace::{
        Epoch, TracedTensor,
        samples::{filed, record},
    },
};

fn fragments(record: &Record) -> Value {
    let mut out = b"[".to_vec();
    push_trace(&mut out, record, Epoch(1_000_000));
    out.push(b']');
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_request_is_a_head_and_its_timestamps() {
    let expected = json!([
        {
            "id": 7,
            "model_name": "echo",
            "model_version": 3,
            "request_id": "a \"b\"",
            "protocol": "http",
            "status": 200,
            "bytes_in": 10,
            "bytes_out": 20,
            "batch": {"rows": 8, "requests": 4, "reason": "full"},
        },
        {
            "id": 7,
            "timestamps": [
                {"name": "HTTP_RECV_START", "ns": 1_001_000},
                {"name": "HTTP_RECV_END", "ns": 1_001_100},
                {"name": "REQUEST_START", "ns": 1_001_100},
                {"name": "QUEUE_START", "ns": 1_001_200},
                {"name": "COMPUTE_START", "ns": 1_001_300},
                {"name": "COMPUTE_INPUT_END", "ns": 1_001_400},
                {"name": "COMPUTE_OUTPUT_START", "ns": 1_001_500},
                {"name": "COMPUTE_END", "ns": 1_001_600},
                {"name": "REQUEST_END", "ns": 1_001_700},
                {"name": "HTTP_SEND_START", "ns": 1_001_800},
                {"name": "HTTP_SEND_END", "ns": 1_001_900},
            ],
        },
    ]);
    assert_eq!(fragments(&filed(record(), 0)), expected);
}

#[test]
fn a_request_that_failed_has_its_beginning_and_its_end() {
    let mut failed = filed(record(), 0);
    failed.timing = Timing::default();
    failed.stopwatch.resumed = Timestamp::default();
    failed.stopwatch.encoded = Timestamp::default();
    failed.outcome.status = 503;
    let fragments = fragments(&failed);
    let names: Vec<_> = fragments[1]["timestamps"].as_array().unwrap().iter().collect();
    let names: Vec<_> = names.iter().map(|stamp| stamp["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["HTTP_RECV_START", "HTTP_RECV_END", "REQUEST_START", "REQUEST_END"]);
    assert_eq!((&fragments[0]["status"], &fragments[0]["batch"]), (&json!(503), &Value::Null));
}

#[test]
fn tensors_come_behind() {
    let shape = Shape::from_wire(&[1, 2]).unwrap();
    let data = [1_i16, -2].iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensor = Tensor::new(DataType::Int16, shape, data).unwrap();
    let named = NamedTensor { name: "in".to_owned(), tensor };
    let mut traced = filed(record(), 0);
    traced.tensors = vec![TracedTensor::of("TENSOR_QUEUE_INPUT", &named)];
    let expected = json!({
        "id": 7,
        "activity": "TENSOR_QUEUE_INPUT",
        "tensor": {"name": "in", "data": "1,-2", "shape": "1,2", "dtype": "INT16"},
    });
    assert_eq!(fragments(&traced)[2], expected);
}
