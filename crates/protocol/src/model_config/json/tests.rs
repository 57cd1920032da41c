use super::*;
use crate::model_config::{DataType, from_text};

const CONFIG: &str = r#"
    name: "m" backend: "onnxruntime" max_batch_size: 8
    input { name: "x" data_type: TYPE_FP32 dims: [ -1, 3 ] reshape { } }
    output { name: "y" data_type: TYPE_INT64 dims: 1 label_filename: "labels.txt" }
    version_policy { specific { versions: [ 9223372036854775807 ] } }
    dynamic_batching { priority_levels: 2 priority_queue_policy { key: 2 value { timeout_action: DELAY } } }
    instance_group { kind: KIND_CPU count: 2 rate_limiter { priority: 1 } }
    parameters { key: "b" value { string_value: "2" } }
    parameters { key: "a" value { string_value: "\"" } }
    model_warmup { name: "w" inputs { key: "x" value { dims: 3 zero_data: true } } }
"#;

#[test]
fn rendering() {
    let json = to_json(&from_text(CONFIG).unwrap());
    let expected = concat!(
        r#"{"name":"m","platform":"","backend":"onnxruntime","runtime":"","#,
        r#""version_policy":{"specific":{"versions":[9223372036854775807]}},"max_batch_size":8,"#,
        r#""input":[{"name":"x","data_type":"TYPE_FP32","format":"FORMAT_NONE","dims":[-1,3],"reshape":{"shape":[]},"#,
        r#""is_shape_tensor":false,"allow_ragged_batch":false,"optional":false,"is_non_linear_format_io":false}],"#,
        r#""output":[{"name":"y","data_type":"TYPE_INT64","dims":[1],"label_filename":"labels.txt","#,
        r#""is_shape_tensor":false,"is_non_linear_format_io":false}],"#,
        r#""batch_input":[],"batch_output":[],"#,
        r#""dynamic_batching":{"preferred_batch_size":[],"max_queue_delay_microseconds":0,"preserve_ordering":false,"#,
        r#""priority_levels":2,"default_priority_level":0,"priority_queue_policy":{"2":{"timeout_action":"DELAY","#,
        r#""default_timeout_microseconds":0,"allow_timeout_override":false,"max_queue_size":0}}},"#,
        r#""instance_group":[{"name":"","kind":"KIND_CPU","count":2,"rate_limiter":{"resources":[],"priority":1},"#,
        r#""gpus":[],"secondary_devices":[],"profile":[],"passive":false,"host_policy":""}],"#,
        r#""default_model_filename":"","cc_model_filenames":{},"metric_tags":{},"#,
        r#""parameters":{"a":{"string_value":"\""},"b":{"string_value":"2"}},"#,
        r#""model_warmup":[{"name":"w","batch_size":0,"inputs":{"x":{"data_type":"TYPE_INVALID","dims":[3],"#,
        r#""zero_data":true}},"count":0}]}"#,
    );
    assert_eq!(json, expected);
}

#[test]
fn reading_what_was_written() {
    let config = from_text(CONFIG).unwrap();
    assert_eq!(from_json(&to_json(&config)).unwrap(), config);
    assert_eq!(from_json("{}").unwrap(), ModelConfig::default());
}

#[test]
fn spellings_of_clients() {
    let config = from_json(
        r#"{"maxBatchSize": "4", "input": [{"dataType": "TYPE_FP16", "dims": ["1", 2]}], "parameters": {"p": {"string_value": "v"}}}"#,
    )
    .unwrap();
    assert_eq!(config.max_batch_size, 4);
    assert_eq!(config.input[0].data_type(), DataType::TypeFp16);
    assert_eq!(config.input[0].dims, [1, 2]);
    assert_eq!(config.parameters["p"].string_value, "v");
}

#[track_caller]
fn check_error(json: &str, expected: &str) {
    assert_eq!(from_json(json).expect_err("it must be refused").to_string(), expected);
}

#[test]
fn errors_are_located() {
    check_error(
        "{\"name\": \"m\",\n \"max_batchsize\": 1}",
        "line 2, column 16: unknown field `max_batchsize`; did you mean `max_batch_size`?",
    );
    check_error(
        r#"{"input": [{"data_type": "FP32"}]}"#,
        "line 1, column 31: unknown value `FP32`; did you mean `TYPE_FP32`?",
    );
    check_error(r#"{"name": "m"} x"#, "line 1, column 15: trailing characters");
}

#[test]
fn nesting_is_bounded() {
    let deep = "[".repeat(100_000);
    assert!(from_json(&deep).is_err());
    assert!(from_json(&format!(r#"{{"input":[{{"reshape":{deep}"#)).is_err());
    assert!(from_json(&r#"{"input":"#.repeat(100_000)).is_err());
}

#[test]
fn size_is_bounded() {
    let large = " ".repeat(CONFIG_BYTES_MAX + 1);
    assert_eq!(from_json(&large), Err(ConfigError::TooLarge { bytes: large.len() }));
}
