use super::*;

#[track_caller]
fn check_refused<T: std::fmt::Debug>(read: Result<T, DecodeError>, expected: &str) {
    assert_eq!(read.unwrap_err().to_string(), expected);
}

#[test]
fn loads() {
    assert_eq!(LoadDocument::read(b"").unwrap(), LoadDocument::default());
    assert_eq!(LoadDocument::read(b"{}").unwrap(), LoadDocument::default());
    let body =
        br#"{"parameters": {"config": "{\"max_batch_size\": 4}", "file:1/model.onnx": "AAEC"}}"#;
    let load = LoadDocument::read(body).unwrap();
    assert_eq!(load.config.unwrap().max_batch_size, 4);
    assert_eq!(load.files, [("1/model.onnx".to_owned(), Bytes::from_static(&[0, 1, 2]))]);
}

#[test]
fn wrong_loads() {
    let read = |body: &str| LoadDocument::read(body.as_bytes());
    check_refused(
        read(r#"{"parameters": {"config": "{\"max_batchsize\": 4}"}}"#),
        "parameter `config`: line 1, column 16: unknown field `max_batchsize`; did you mean `max_batch_size`?",
    );
    check_refused(
        read(r#"{"parameters": {"config": {}}}"#),
        "parameter `config`: expected a string",
    );
    check_refused(
        read(r#"{"parameters": {"file:1/m": ""}}"#),
        "parameter `config` is missing; files can only be given together with it",
    );
    check_refused(
        read(r#"{"parameters": {"file:1/m": "?"}}"#),
        "parameter `file:1/m`: no base64: Invalid symbol 63, offset 0.",
    );
    check_refused(
        read(r#"{"parameters": {"file:a": "", "file:a": ""}}"#),
        "parameter `file:a`: given twice",
    );
    check_refused(
        read(r#"{"parameters": {"x": "y"}}"#),
        "parameter `x`: unknown; a load takes `config` and `file:<version>/<path>`",
    );
    check_refused(read("[]"), "malformed JSON at byte 0: expected an object, found `[`");
    check_refused(read("{} {"), "malformed JSON at byte 3: expected the end, found `{`");
}

#[test]
fn unloads() {
    assert!(!read_unload(b"").unwrap());
    assert!(read_unload(br#"{"parameters": {"unload_dependents": true}}"#).unwrap());
    check_refused(
        read_unload(br#"{"parameters": {"unload_dependents": 1}}"#),
        "parameter `unload_dependents`: expected true or false",
    );
    check_refused(
        read_unload(br#"{"parameters": {"x": 1}}"#),
        "parameter `x`: unknown; an unload takes `unload_dependents`",
    );
}

#[test]
fn index_requests() {
    assert!(!read_index(b"").unwrap());
    assert!(!read_index(b" {} ").unwrap());
    assert!(read_index(br#"{"ready": true}"#).unwrap());
    check_refused(read_index(br#"{"ready": 1}"#), "`ready`: expected true or false");
    check_refused(read_index(br#"{"ready": true, "ready": true}"#), "`ready` is given twice");
    check_refused(
        read_index(&br#"{"a":"#.repeat(100_000)),
        "malformed JSON at byte 505: nested deeper than 100 levels",
    );
}

#[test]
fn settings() {
    let settings =
        read_settings(br#"{"log_info": true, "log_verbose_level": 1, "log_format": "x"}"#);
    let expected = [
        ("log_info".to_owned(), ParameterValue::Bool(true)),
        ("log_verbose_level".to_owned(), ParameterValue::Int(1)),
        ("log_format".to_owned(), ParameterValue::String("x".to_owned())),
    ];
    assert_eq!(settings.unwrap(), expected);
    check_refused(
        read_settings(br#"{"a": null}"#),
        "`a`: expected a string, a number, true or false",
    );
}

#[test]
fn rendering() {
    let index = IndexDocument { name: "m", version: None, state: "UNAVAILABLE", reason: "x" };
    let json = serde_json::to_string(&[index]).unwrap();
    assert_eq!(json, r#"[{"name":"m","state":"UNAVAILABLE","reason":"x"}]"#);
    let inputs = vec![TensorMetadata { name: "x", datatype: "FP32", shape: &[-1, 3] }];
    let versions = vec!["1".to_owned()];
    let metadata = ModelMetadata { name: "m", versions, platform: "p", inputs, outputs: vec![] };
    let json = serde_json::to_string(&metadata).unwrap();
    assert_eq!(
        json,
        r#"{"name":"m","versions":["1"],"platform":"p","inputs":[{"name":"x","datatype":"FP32","shape":[-1,3]}],"outputs":[]}"#
    );
}
