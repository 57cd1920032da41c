use serde_json::{Value, json};

use super::{GenerateRequest, generate_to_inference, inference_to_generated};

#[test]
fn parameters_stand_inside_or_beside() {
    for body in [
        r#"{"text_input":"a","parameters":{"max_tokens":5,"temperature":0,"stop_words":["X"]}}"#,
        r#"{"text_input":"a","max_tokens":5,"temperature":0,"stop":"X","stream":false}"#,
    ] {
        let request = GenerateRequest::read(body.as_bytes(), false).unwrap();
        let stop = &request.generation.stop;
        assert_eq!((stop.max_tokens, &stop.stop[..]), (Some(5), &["X".to_owned()][..]));
        assert_eq!(request.generation.sampling.temperature, Some(0.0));
        assert!(request.generation.stream.is_none() && !request.echo);
    }
    let twice = br#"{"text_input":"a","top_p":1,"parameters":{"top_p":1}}"#;
    assert_eq!(GenerateRequest::read(twice, true).unwrap_err().message, "`top_p` is given twice");
    assert_eq!(GenerateRequest::read(b"{}", true).unwrap_err().param, "text_input");
}

#[test]
fn fields_become_tensors() {
    let body = br#"{"A":[[1,2],[3,4]],"B":5,"C":["x","y"],"mode":"fast","id":"7"}"#;
    let inputs = [("A", "FP32"), ("B", "INT64"), ("C", "BYTES"), ("D", "BOOL")];
    let request: Value =
        serde_json::from_slice(&generate_to_inference(body, &inputs, true).unwrap()).unwrap();
    assert_eq!(request["inputs"][0]["shape"], json!([1, 2, 2]));
    assert_eq!(
        request["inputs"][1],
        json!({"name": "B", "datatype": "INT64", "shape": [1, 1], "data": [5]})
    );
    assert_eq!(request["inputs"][2]["shape"], json!([1, 2]));
    assert_eq!((&request["parameters"], &request["id"]), (&json!({"mode": "fast"}), &json!("7")));
    let ragged = generate_to_inference(br#"{"A":[[1],[2,3]]}"#, &inputs, false).unwrap_err();
    assert_eq!(ragged.message, "`A` has lists of different lengths");
}

#[test]
fn outputs_become_fields() {
    let answer =
        br#"{"model_name":"m","outputs":[{"name":"O","data":[1]},{"name":"P","data":["a","b"]}]}"#;
    let text = String::from_utf8(inference_to_generated(answer)).unwrap();
    assert_eq!(text, r#"{"model_name":"m","O":1,"P":["a","b"]}"#);
}
