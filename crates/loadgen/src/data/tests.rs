use std::{fs, path::PathBuf, time::Duration};

use tensor::DataType;

use super::{TensorOptions, random_request, read_prompts, read_tensors, read_trace};
use crate::{ExpectedValues, InputData, ModelMetadata, TensorMetadata};

fn model() -> ModelMetadata {
    let tensor = |name: &str, datatype: &str, shape: &[i64]| TensorMetadata {
        name: name.to_owned(),
        datatype: datatype.to_owned(),
        shape: shape.to_vec(),
    };
    ModelMetadata {
        name: "m".to_owned(),
        inputs: vec![tensor("x", "FP32", &[-1, 2]), tensor("ids", "INT64", &[-1, -1])],
        outputs: Vec::new(),
    }
}

fn batching() -> TensorOptions {
    let shapes = [("ids".to_owned(), vec![8])].into();
    TensorOptions { batch: 4, batches: true, shapes, ..TensorOptions::default() }
}

fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn random_tensors_follow_metadata_and_options() {
    let request = random_request(&model(), &batching()).unwrap();
    assert_eq!(
        (request.inputs[0].shape.as_slice(), request.inputs[1].shape.as_slice()),
        (&[4, 2][..], &[4, 8][..])
    );
    assert_eq!(request.inputs[1].data_type, DataType::Int64);
}

#[track_caller]
fn check_refused(options: &TensorOptions, hint: &str) {
    let error = random_request(&model(), options).unwrap_err().0;
    assert!(error.contains(hint), "{error}");
}

#[test]
fn what_does_not_fit_is_said() {
    check_refused(&TensorOptions { shapes: [].into(), ..batching() }, "--shape ids:1,128");
    let shapes = |name: &str, dims: &[usize]| {
        [("ids".to_owned(), vec![8]), (name.to_owned(), dims.to_vec())].into()
    };
    check_refused(&TensorOptions { shapes: shapes("y", &[1]), ..batching() }, "it has x, ids");
    check_refused(
        &TensorOptions { shapes: shapes("x", &[4, 3]), ..batching() },
        "which [4, 3] is not",
    );
    check_refused(
        &TensorOptions { shapes: shapes("x", &[1, 1, 1, 1]), ..batching() },
        "2 dimensions",
    );
    let huge = shapes("ids", &[1 << 20, 1 << 20]);
    check_refused(&TensorOptions { shapes: huge, ..batching() }, "too large");
}

#[track_caller]
fn check_read(text: &str) {
    let (_folder, path) = file("in.jsonl", text);
    let records = read_tensors(&path, &model(), &batching()).unwrap();
    let request = &records[0].request;
    let x = request.inputs.iter().find(|input| input.name == "x").unwrap();
    assert_eq!(x.shape, [1, 2], "{text}");
    let bytes = [1.5_f32.to_le_bytes(), 2.0_f32.to_le_bytes()].concat();
    assert_eq!(x.data, InputData::Given(bytes), "{text}");
}

#[test]
fn inputs_are_read_in_every_form() {
    check_read(r#"{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1.5,2]}]}"#);
    check_read(r#"{"x": [[1.5, 2]], "ids": [[1, 2, 3]]}"#);
    check_read(r#"{"x": [1.5, 2]}"#);
    check_read(r#"{"data": [{"x": {"content": [1.5, 2], "shape": [1, 2]}}]}"#);
    check_read("{\"x\": [[1.5, 2]]}\n\n{\"x\": [[3, 4]]}\n");
}

#[test]
fn expectations_come_with_the_inputs() {
    let text = r#"{"inputs":[{"name":"x","data":[[1,2]]}],"outputs":[{"name":"y","data":[[3]]}]}"#;
    let (_folder, path) = file("in.json", text);
    let records = read_tensors(&path, &model(), &batching()).unwrap();
    let expectation = records[0].expectation.as_ref().unwrap();
    assert_eq!(expectation.outputs[0].values, ExpectedValues::Numbers(vec![3.0]));
    let text = r#"{"data":[{"x":[1,2]}],"validation_data":[{"y":["a"]}]}"#;
    let (_folder, path) = file("in.json", text);
    let records = read_tensors(&path, &model(), &batching()).unwrap();
    let expectation = records[0].expectation.as_ref().unwrap();
    assert_eq!(expectation.outputs[0].values, ExpectedValues::Strings(vec!["a".to_owned()]));
}

#[track_caller]
fn check_unread(text: &str, hint: &str) {
    let (_folder, path) = file("in.jsonl", text);
    let error = read_tensors(&path, &model(), &batching()).unwrap_err().0;
    assert!(error.contains(hint) && error.contains("in.jsonl"), "{error}");
}

#[test]
fn broken_inputs_are_refused_with_their_place() {
    check_unread("", "nothing to send");
    check_unread("{\"x\":[[1,2]]}\n{\"x\":", "in.jsonl:2: no JSON");
    check_unread("[1]", "[0]: expected an object");
    check_unread(r#"{"z":[1]}"#, "no input 'z'");
    check_unread(r#"{"x":["a","b"]}"#, "\"a\" is no FP32");
    check_unread(r#"{"ids":[[1.5]]}"#, "1.5 is no INT64");
    check_unread(r#"{"x":{"content":[1,2,3],"shape":[1,2]}}"#, "does not hold 3 elements");
}

#[test]
fn a_folder_of_raw_tensors_is_one_request() {
    let (folder, _) = file("x", "sixteen or thirty-two bytes here");
    fs::write(folder.path().join("ids"), [0; 4 * 8 * 8]).unwrap();
    let records = read_tensors(folder.path(), &model(), &batching()).unwrap();
    assert_eq!(records.len(), 1);
    fs::write(folder.path().join("ids"), [0; 3]).unwrap();
    let error = read_tensors(folder.path(), &model(), &batching()).unwrap_err().0;
    assert!(error.contains("has 3 bytes"), "{error}");
}

#[test]
fn prompts_are_read_in_every_form() {
    let text = "{\"prompt\":\"a\",\"max_tokens\":5}\n{\"messages\":[{\"role\":\"system\",\"content\":\"b\"}]}\n{\"turns\":[\"c\",\"d\"]}\n";
    let (_folder, path) = file("in.jsonl", text);
    let records = read_prompts(&path).unwrap();
    assert_eq!((records[0].messages[0].content.as_str(), records[0].output_tokens), ("a", Some(5)));
    assert_eq!(records[1].messages[0].role, "system");
    assert_eq!(records[2].later_turns, ["d"]);
    let (_folder, path) = file("in.txt", "one\n\ntwo\n");
    assert_eq!(read_prompts(&path).unwrap().len(), 2);
    let (_folder, path) = file("in.json", r#"{"text":"x"}"#);
    assert!(read_prompts(&path).unwrap_err().0.contains("\"prompt\""));
}

#[test]
fn traces_are_sorted_and_begin_at_zero() {
    let text = "{\"timestamp\":2000,\"input_length\":7}\n{\"timestamp\":1500}\n";
    let (_folder, path) = file("t.jsonl", text);
    let trace = read_trace(&path, 2.0).unwrap();
    assert_eq!(trace.times, [Duration::ZERO, Duration::from_millis(250)]);
    assert_eq!(trace.lengths[1], (Some(7), None));
    let text = r#"[{"id":1,"timestamps":[{"name":"REQUEST_START","ns":5000000000}]},
        {"id":1,"activity":"TENSOR_QUEUE_INPUT","tensor":{}},
        {"id":2,"timestamps":[{"name":"REQUEST_START","ns":5500000000}]}]"#;
    let (_folder, path) = file("t.json", text);
    assert_eq!(read_trace(&path, 1.0).unwrap().times[1], Duration::from_millis(500));
    let (_folder, path) = file("t.jsonl", "{\"x\":1}\n{\"timestamp\":1}");
    assert!(read_trace(&path, 1.0).unwrap_err().0.contains("t.jsonl:1: no time"));
}
