use super::*;
use crate::model_config::{
    DataType, SchedulingChoice, model_instance_group::Kind,
    model_sequence_batching::StrategyChoice, model_version_policy::PolicyChoice,
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
        "line 1, column 28: `max_batch_size` is a signed 32-bit integer, found `4294967296`",
    );
    check_error(
        "max_batch_size: 1\nmax_batch_size: 2",
        "line 2, column 1: `max_batch_size` is set twice",
    );
    check_error(
        "dynamic_batching {}\nsequence_batching {}",
        "line 2, column 1: `sequence_batching` and `dynamic_batching` exclude each other",
    );
    check_error("input [", "line 1, column 8: expected `{`, found the end of the document");
    check_error(
        "input { name: \"x\"",
        "line 1, column 18: expected a field name or `}`, found the end of the document",
    );
    check_error("input { name: \"x }", "line 1, column 15: the string is not closed");
    check_error("name: m", "line 1, column 7: expected a string in quotes for `name`, found `m`");
    check_error(
        "max_batch_size 1",
        "line 1, column 16: expected `:` after `max_batch_size`, found `1`",
    );
    check_error(
        "input { dims: [ 1, -x ] }",
        "line 1, column 20: `dims` is a signed 64-bit integer, found `-x`",
    );
    check_error(
        "input { optional: 2 }",
        "line 1, column 19: `optional` is true or false, found `2`",
    );
    check_error("name: \"\\q\"", "line 1, column 8: unknown escape in a string");
    check_error("[x.y] { }", "line 1, column 1: expected a field name, found `[`");
    check_error("name = \"x\"", "line 1, column 6: unexpected character `=`");
    check_error("}", "line 1, column 1: expected a field name, found `}`");
}

#[test]
fn numbers_and_strings() {
    let config = from_text(
        "max_batch_size: 0x10 cc_model_filenames < key: 'a' \"b\" value: \"\\x41\\102\\u00e9\\n\\'\" >
         sequence_batching { oldest { max_candidate_sequences: 010 } control_input { control { fp32_false_true: [ -.5, 1e3f, inf ] bool_false_true: [0, true, f] } } }
         input { dims: -9223372036854775808 dims: [ ] data_type: 11 }",
    )
    .unwrap();
    assert_eq!(config.max_batch_size, 16);
    assert_eq!(config.cc_model_filenames["ab"], "AB\u{e9}\n'");
    assert_eq!(config.input[0].dims, [i64::MIN]);
    assert_eq!(config.input[0].data_type(), DataType::TypeFp32);
    let Some(SchedulingChoice::SequenceBatching(sequences)) = config.scheduling_choice else {
        panic!("sequence batching is set");
    };
    let control = &sequences.control_input[0].control[0];
    assert_eq!(control.fp32_false_true, [-0.5, 1e3, f32::INFINITY]);
    assert_eq!(control.bool_false_true, [false, true, false]);
    let Some(StrategyChoice::Oldest(oldest)) = sequences.strategy_choice else {
        panic!("the strategy is oldest");
    };
    assert_eq!(oldest.max_candidate_sequences, 8);
}

#[test]
fn size_and_depth_are_bounded() {
    let large = "#".repeat(CONFIG_BYTES_MAX + 1);
    assert_eq!(from_text(&large), Err(ConfigError::TooLarge { bytes: large.len() }));
    check_error(
        &"input {".repeat(100_000),
        "line 1, column 8: unknown field `input` of ModelInput; it has `name`, `data_type`, `format`, `dims`, `reshape`, `is_shape_tensor`, `allow_ragged_batch`, `optional`, `is_non_linear_format_io`",
    );
    check_error(&"[".repeat(100_000), "line 1, column 1: expected a field name, found `[`");
}
