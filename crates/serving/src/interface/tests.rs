use protocol::model_config;
use tensor::{DataType, Shape, Tensor};

use super::Interface;
use crate::{InferRequest, ModelDefaults, NamedTensor, Signature, TensorSpec, config::complete};

fn spec(name: &str, data_type: DataType, dims: &[i64]) -> TensorSpec {
    TensorSpec { name: name.to_owned(), data_type, dims: dims.to_vec(), optional: false }
}

fn signature() -> Signature {
    Signature {
        inputs: vec![spec("ids", DataType::Int64, &[-1, -1]), spec("scale", DataType::Fp32, &[-1])],
        outputs: vec![spec("y", DataType::Fp32, &[-1, 4])],
    }
}

fn interface(config: &str) -> Interface {
    let defaults = ModelDefaults {
        max_batch_size: 4,
        instances: std::num::NonZeroUsize::MIN,
        queue_requests_max: 1,
        queue_bytes_max: 1,
    };
    let mut given = model_config::from_text(config).unwrap();
    given.name = "m".to_owned();
    let config = complete(&given, &signature(), &defaults).unwrap();
    Interface::new(&config, &signature()).unwrap()
}

fn tensor(name: &str, data_type: DataType, shape: &[usize]) -> NamedTensor {
    let shape = Shape::from(shape);
    let bytes = shape.elements() * data_type.size().unwrap();
    let tensor = Tensor::new(data_type, shape, vec![0; bytes].into()).unwrap();
    NamedTensor { name: name.to_owned(), tensor }
}

#[track_caller]
fn check_refused(interface: &Interface, inputs: Vec<NamedTensor>, expected: &str) {
    let request = InferRequest { inputs, ..InferRequest::default() };
    let error = interface.admit(request).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_request_that_fits_is_taken_apart_in_the_models_order() {
    let interface = interface("");
    let inputs =
        vec![tensor("scale", DataType::Fp32, &[2, 1]), tensor("ids", DataType::Int64, &[2, 7])];
    let request = InferRequest { inputs, ..InferRequest::default() };
    let admitted = interface.admit(request).unwrap();
    let shapes: Vec<String> =
        admitted.inputs.iter().map(|(index, t)| format!("{index}:{}", t.shape())).collect();
    assert_eq!(shapes, ["0:[2,7]", "1:[2]"]);
    assert_eq!(
        (admitted.rows, admitted.bytes, &admitted.shape[..]),
        (2, 2 * 7 * 8 + 2 * 4, &[7][..])
    );
}

#[test]
fn a_scalar_may_be_sent_as_one() {
    let interface = interface("");
    let inputs =
        vec![tensor("scale", DataType::Fp32, &[2]), tensor("ids", DataType::Int64, &[2, 7])];
    assert!(interface.admit(InferRequest { inputs, ..InferRequest::default() }).is_ok());
}

#[test]
fn what_does_not_fit_is_named() {
    let m = interface("");
    let ids = || tensor("ids", DataType::Int64, &[2, 7]);
    let scale = || tensor("scale", DataType::Fp32, &[2, 1]);
    check_refused(
        &m,
        vec![ids(), tensor("scale", DataType::Fp32, &[2, 3])],
        "unexpected shape for input 'scale' for model 'm'. Expected [-1,1], got [2,3]. NOTE: Setting",
    );
    check_refused(
        &m,
        vec![tensor("ids", DataType::Int64, &[5, 7]), tensor("scale", DataType::Fp32, &[5, 1])],
        "inference request batch-size must be <= 4 for 'm'",
    );
    check_refused(
        &m,
        vec![ids(), tensor("scale", DataType::Fp32, &[3, 1])],
        "input 'scale' batch size does not match other inputs for 'm': 3 rows, others have 2",
    );
    check_refused(
        &m,
        vec![tensor("ids", DataType::Int32, &[2, 7]), scale()],
        "inference input 'ids' data-type is 'INT32', but model 'm' expects 'INT64'",
    );
    check_refused(
        &m,
        vec![ids()],
        "expected 2 inputs but got 1 inputs for model 'm'. Input 'scale'",
    );
    check_refused(&m, vec![ids(), ids()], "input 'ids' already exists in request");
    check_refused(
        &m,
        vec![tensor("id", DataType::Int64, &[2, 7])],
        "its inputs are 'ids', 'scale'",
    );
    check_refused(&m, vec![tensor("ids", DataType::Int64, &[0, 7]), scale()], "at least 1");
}

#[test]
fn an_unknown_output_is_named() {
    let request = InferRequest { outputs: vec!["z".to_owned()], ..InferRequest::default() };
    let error = interface("").admit(request).unwrap_err().to_string();
    assert_eq!(error, "unexpected inference output 'z' for model 'm'; its outputs are 'y'");
}

#[test]
fn optional_inputs_keep_requests_apart() {
    let optional = r#"input { name: "scale" optional: true }"#;
    let interface = interface(optional);
    let ids = || tensor("ids", DataType::Int64, &[2, 7]);
    let with = vec![ids(), tensor("scale", DataType::Fp32, &[2, 1])];
    let [with, without] = [with, vec![ids()]].map(|inputs| {
        interface.admit(InferRequest { inputs, ..InferRequest::default() }).unwrap().shape
    });
    assert_ne!(with, without);
}

#[test]
fn outputs_get_the_clients_shape_and_are_checked() {
    let reshaped = r#"output { name: "y" dims: [ 2, 2 ] reshape { shape: [ 4 ] } }"#;
    let interface = interface(reshaped);
    let y = |data_type| tensor("y", data_type, &[3, 4]).tensor;
    let named = interface.to_client(0, y(DataType::Fp32)).unwrap();
    assert_eq!((named.name.as_str(), named.tensor.shape()), ("y", &Shape::from([3, 2, 2])));
    assert!(interface.to_client(0, y(DataType::Int32)).is_err());
}
