use super::*;
use crate::model_config::{
    DataType, SchedulingChoice, model_instance_group::Kind, model_version_policy::PolicyChoice,
};

#[track_caller]
fn check_error(text: &str, expected: &str) {
    assert_eq!(from_text(text).expect_err("it must be refused").to_string(), expected);
}

#[test]
fn a_usual_document() {
    let config = from_text(
        r#"
        name: "digits"  # a comment with { and "
        platform: "onnxruntime_onnx"
        max_batch_size: 32
        input [ { name: "x" data_type: TYPE_FP32 dims: [ 3, -1 ] } ]
        input { name: 'y', data_type: TYPE_STRING; dims: 1 optional: true }
        version_policy: { latest { num_versions: 2 } }
        instance_group [ { count: 2 kind: KIND_CPU } ]
        dynamic_batching {
          preferred_batch_size: [ 4, 8 ]
          max_queue_delay_microseconds: 100
          priority_queue_policy { key: 1 value: { max_queue_size: 3 } }
        }
        parameters { key: "intra_op_thread_count" value { string_value: "1" } }
        "#,
    )
    .unwrap();
    assert_eq!(config.name, "digits");
    assert_eq!(config.max_batch_size, 32);
    assert_eq!(config.input[0].dims, [3, -1]);
    assert_eq!(config.input[1].data_type(), DataType::TypeString);
    assert!(config.input[1].optional);
    assert_eq!(config.instance_group[0].kind(), Kind::Cpu);
    assert_eq!(config.parameters["intra_op_thread_count"].string_value, "1");
    let policy = config.version_policy.unwrap().policy_choice.unwrap();
    assert!(matches!(policy, PolicyChoice::Latest(latest) if latest.num_versions == 2));
    let Some(SchedulingChoice::DynamicBatching(batching)) = config.scheduling_choice else {
        panic!("dynamic batching is set");
    };
    assert_eq!(batching.preferred_batch_size, [4, 8]);
    assert_eq!(batching.priority_queue_policy[&1].max_queue_size, 3);
}

#[test]
fn an_empty_document_is_the_default() {
    assert_eq!(from_text("").unwrap(), ModelConfig::default());
    assert_eq!(from_text(" # nothing\n").unwrap(), ModelConfig::default());
}

#[test]
fn unknown_names_are_named() {
    check_error(
        "name: \"m\"\n\nmax_batchsize: 1",
        "line 3, column 1: unknown field `max_batchsize` of ModelConfig; did you mean `max_batch_size`?",
    );
    check_error(
        "input {\n  data_type: FP32\n}",
        "line 2, column 14: unknown value `FP32` of DataType; did you mean `TYPE_FP32`?",
    );
    check_error(
        "instance_group { kind: GPU }",
        "line 1, column 24: unknown value `GPU` of ModelInstanceGroup.Kind; did you mean `KIND_GPU`?",
    );
    check_error(
        "version_policy { newest {} }",
        "line 1, column 18: unknown field `newest` of ModelVersionPolicy; it has `latest`, `all`, `specific`",
    );
}

#[test]
fn wrong_values_are_located() {
    check_error(
        "name: \"\u{e4}\u{f6}\" max_batch_size: 4294967296",
        "line 1, column 28: expected value to be a signed 32-bit integer, but the value 4294967296 is out of range",
    );
    check_error(
        "max_batch_size: 1\nmax_batch_size: 2",
        "line 2, column 17: 'max_batch_size' is already set",
    );
    check_error(
        "dynamic_batching {}\nsequence_batching {}",
        "line 2, column 19: a value is already set for oneof 'scheduling_choice'",
    );
    check_error("input [", "line 1, column 8: expected '{' or '<', but reached end of input");
}

#[test]
fn size_and_depth_are_bounded() {
    let large = "#".repeat(CONFIG_BYTES_MAX + 1);
    assert_eq!(from_text(&large), Err(ConfigError::TooLarge { bytes: large.len() }));
    let deep = "input {".repeat(100_000);
    assert_eq!(from_text(&deep), Err(ConfigError::TooDeep { line: 1, column: 32 * 7 + 7 }));
    let braces_in_string = format!("name: \"{}\\\"{{\"", "{".repeat(100));
    assert!(from_text(&braces_in_string).is_ok());
}
