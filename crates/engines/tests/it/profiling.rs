use std::time::Duration;

use engines::onnxruntime::{EngineProfile, Precision, ProfileError, ProfileOptions};
use onnx::{
    ElementType,
    build::{GraphBuilder, ModelBuilder, NodeBuilder},
};
use serving::NamedTensor;

use crate::harness::{Loader, engine, floats};

const WIDTH: usize = 64;

/// A product with a weight, which the library rearranges, and a sum.
fn layer() -> Vec<u8> {
    let weights: Vec<u8> =
        std::iter::repeat_n(0.5_f32.to_le_bytes(), WIDTH * WIDTH).flatten().collect();
    let side = i64::try_from(WIDTH).unwrap();
    let graph = GraphBuilder::new()
        .input("x", ElementType::Float32, &[-1, side])
        .output("y", ElementType::Float32, &[-1, side])
        .initializer("w", ElementType::Float32, &[side, side], &weights)
        .node(NodeBuilder::new("MatMul", &["x", "w"], &["h"]))
        .node(NodeBuilder::new("Tanh", &["h"], &["y"]));
    ModelBuilder::new(graph).to_bytes()
}

fn profile(model: &[u8], input: &str, rows: usize) -> Result<EngineProfile, ProfileError> {
    let loader = Loader::new(model);
    let tensor = floats([rows, WIDTH], &vec![1.0; rows * WIDTH]);
    let inputs = [NamedTensor { name: input.to_owned(), tensor }];
    let options =
        ProfileOptions { warm_up_runs: 1, runs_max: 9, budget: Duration::from_millis(50) };
    engine().profile(&loader.spec(), &inputs, &options)
}

#[test]
fn a_profile_says_what_each_node_took_and_did() {
    let rows = 3;
    let profile = profile(&layer(), "x", rows).unwrap();
    assert!(profile.runs >= 3 && profile.runs <= 9, "{}", profile.runs);
    assert_eq!(profile.runs_counted, profile.runs.div_ceil(2));
    assert!(profile.run_seconds > 0.0 && profile.nodes_seconds <= profile.run_seconds);
    let [product, tanh] = &profile.nodes[..] else { panic!("{:?}", profile.nodes) };
    assert_eq!((&*product.operator, &*tanh.operator), ("MatMul", "Tanh"));
    assert_eq!(product.name, "MatMul");
    assert_eq!(product.provider, "CPUExecutionProvider");
    assert_eq!(product.calls.to_bits(), 1_f64.to_bits());
    // With the weight, although the library rearranged it.
    assert_eq!(product.inputs[1].dims, [64, 64]);
    assert_eq!(product.cost.operations, Some((2 * rows * WIDTH * WIDTH) as f64));
    let bytes = 4 * (2 * rows * WIDTH + WIDTH * WIDTH);
    assert_eq!(product.cost.bytes().to_bits(), (bytes as f64).to_bits());
    assert_eq!(product.cost.precision, Precision::F32);
    assert_eq!(tanh.cost.operations, None);
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let error = profile(&layer(), "z", 1).unwrap_err();
    assert_eq!(error.to_string(), "the model has no input 'z'; it has x");
    let identity = onnx::build::identity(ElementType::Float32, &[1, 2]);
    let error = profile(&identity, "INPUT0", 1).unwrap_err().to_string();
    assert!(error.starts_with("the model does not run on the inputs of the profile: "), "{error}");
}
