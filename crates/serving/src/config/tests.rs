use std::{num::NonZeroUsize, time::Duration};

use protocol::model_config::{self, ModelConfig};
use tensor::DataType;

use super::{ModelDefaults, batcher_options, complete, instance_count};
use crate::{LoadError, Signature, TensorSpec, TimeoutAction, interface::Interface};

fn defaults() -> ModelDefaults {
    ModelDefaults {
        max_batch_size: 4,
        instances: NonZeroUsize::new(2).unwrap(),
        queue_requests_max: 1024,
        queue_bytes_max: 1 << 20,
    }
}

/// A model with one FP32 input and output of these dimensions.
fn signature(dims: &[i64]) -> Signature {
    let spec = |name: &str| TensorSpec {
        name: name.to_owned(),
        data_type: DataType::Fp32,
        dims: dims.to_vec(),
        optional: false,
    };
    Signature { inputs: vec![spec("x")], outputs: vec![spec("y")] }
}

fn completed(text: &str, dims: &[i64]) -> Result<ModelConfig, LoadError> {
    let given = model_config::from_text(text).unwrap();
    let config = complete(&given, &signature(dims), &defaults())?;
    Interface::new(&config, &signature(dims))?;
    batcher_options(&config, &defaults())?;
    Ok(config)
}

/// Checks the completed batching, and the input's dimensions.
#[track_caller]
fn check(text: &str, dims: &[i64], expected: (i32, &[i64])) {
    let config = completed(text, dims).unwrap();
    assert_eq!((config.max_batch_size, &config.input[0].dims[..]), expected);
}

#[track_caller]
fn check_refused(text: &str, dims: &[i64], expected: &str) {
    let error = completed(text, dims).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_free_first_dimension_is_the_batch() {
    check("", &[-1, 16], (4, &[16]));
    check("", &[1, 16], (0, &[1, 16]));
    check("", &[-1], (4, &[1]));
    check("", &[], (0, &[1]));
    check("max_batch_size: 9", &[-1, -1], (9, &[-1]));
}

#[test]
fn a_configuration_that_gives_full_shapes_does_not_batch() {
    check(r#"input { name: "x" dims: [ -1, 16 ] }"#, &[-1, 16], (0, &[-1, 16]));
    check(r#"input { name: "x" dims: [ 16 ] }"#, &[-1, 16], (4, &[16]));
}

#[test]
fn a_configuration_may_be_stricter_than_the_model_but_not_contradict_it() {
    check(r#"input { name: "x" dims: [ 8 ] }"#, &[-1, -1], (4, &[8]));
    check_refused(
        r#"input { name: "x" dims: [ 8 ] }"#,
        &[-1, 16],
        "'x': the configuration gives shape [batch] + [8], the model has [-1,16]",
    );
    check_refused(
        r#"input { name: "x" data_type: TYPE_INT8 }"#,
        &[-1, 16],
        "'x': the configuration says INT8, the model has FP32",
    );
    check_refused(
        r#"input { name: "z" }"#,
        &[-1, 16],
        "names input 'z', the model's inputs are 'x'",
    );
    check_refused("max_batch_size: 8", &[2, 16], "first dimension is not free");
}

#[test]
fn instances_are_counted_over_groups_and_devices() {
    let count = |text| instance_count(&completed(text, &[-1, 2]).unwrap());
    assert_eq!(count(""), 2);
    assert_eq!(count("instance_group { count: 3 }"), 3);
    let groups =
        "instance_group { count: 2 kind: KIND_GPU gpus: [ 0, 1 ] } instance_group { count: 1 }";
    assert_eq!(count(groups), 5);
}

#[test]
fn dynamic_batching_is_read() {
    let text = "max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 4, 8 ] \
        max_queue_delay_microseconds: 100 preserve_ordering: true priority_levels: 2 \
        default_priority_level: 2 default_queue_policy { default_timeout_microseconds: 5 } \
        priority_queue_policy { key: 1 value { timeout_action: DELAY max_queue_size: 3 } } }";
    let options = batcher_options(&completed(text, &[-1, 2]).unwrap(), &defaults()).unwrap();
    assert_eq!((options.batch_rows_max, &options.preferred_rows[..]), (8, &[4, 8][..]));
    assert_eq!(options.queue_delay_max, Duration::from_micros(100));
    assert!(options.preserve_ordering);
    assert_eq!((options.levels.len(), options.default_level), (2, 1));
    assert_eq!(options.levels[0].timeout_action, TimeoutAction::Delay);
    assert_eq!(options.levels[0].queue_requests_max, Some(3));
    assert_eq!(options.levels[1].timeout_default, Some(Duration::from_micros(5)));
}

#[test]
fn batching_out_of_range_is_refused() {
    let batching = |inside: &str| format!("max_batch_size: 8 dynamic_batching {{ {inside} }}");
    check_refused(&batching("preferred_batch_size: 9"), &[-1, 2], "outside 1..=8");
    check_refused(&batching("priority_levels: 2"), &[-1, 2], "must be 1..=2");
    check_refused(&batching("priority_levels: 9999999"), &[-1, 2], "at most 1024");
    check_refused("max_batch_size: 8 sequence_batching { }", &[-1, 2], "sequence_batching is not");
}
