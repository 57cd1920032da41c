use std::fs;

use onnx::{
    ElementType, TensorType, ValueInfo, ValueType,
    build::{GraphBuilder, ModelBuilder, NodeBuilder, identity, tensor_type},
};
use protocol::model_config::{
    ModelConfig, ModelInstanceGroup, ModelOptimizationPolicy, ModelOutput, ModelParameter,
    model_instance_group::Kind,
    model_optimization_policy::{
        ExecutionAccelerators, Graph, execution_accelerators::Accelerator,
    },
};
use serving::LoadError;

use crate::harness::{Input, Loader, floats, run};

#[track_caller]
fn check_refused(loader: &Loader, expected: &[&str]) {
    let error = loader.load().unwrap_err().to_string();
    for part in expected {
        assert!(error.contains(part), "{error}");
    }
}

fn value(name: &str, value_type: ValueType) -> ValueInfo {
    ValueInfo { name: name.to_owned(), value_type }
}

#[test]
fn a_file_that_is_missing_or_damaged_is_named() {
    let model = identity(ElementType::Float32, &[-1]);
    let loader = Loader::new(&model[..model.len() - 4]);
    check_refused(&loader, &["model.onnx", "truncated at byte"]);
    let loader = Loader::new(b"this is no model at all, it is a text");
    check_refused(&loader, &["model.onnx", "not a valid ONNX model"]);
    fs::remove_file(loader.folder().join("model.onnx")).unwrap();
    check_refused(&loader, &["cannot read", "model.onnx", "No such file"]);
}

#[test]
fn weights_beside_the_model_are_needed() {
    let graph = GraphBuilder::new()
        .external_initializer("w", ElementType::Float32, &[2], "weights.bin")
        .input("x", ElementType::Float32, &[2])
        .output("y", ElementType::Float32, &[2])
        .node(NodeBuilder::new("Add", &["x", "w"], &["y"]));
    let loader = Loader::new(&ModelBuilder::new(graph).to_bytes());
    check_refused(&loader, &["tensor 'w'", "weights.bin", "copy the file beside the model"]);
    let weights: Vec<u8> = [10_f32, 20.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(loader.folder().join("weights.bin"), weights).unwrap();
    let factory = loader.factory();
    let input = Input::new(0, &floats([2], &[1.0, 2.0]));
    let outputs = run(&mut *factory.executor(0).unwrap(), &[input], &[0]).unwrap();
    assert_eq!(outputs, [floats([2], &[11.0, 22.0])]);
}

#[test]
fn operators_that_the_library_does_not_know_are_named() {
    let graph = GraphBuilder::new()
        .input("x", ElementType::Float32, &[2])
        .output("y", ElementType::Float32, &[2])
        .node(NodeBuilder::new("Frobnicate", &["x"], &["y"]));
    check_refused(&Loader::new(&ModelBuilder::new(graph).to_bytes()), &["Frobnicate"]);
    let graph = GraphBuilder::new()
        .input("x", ElementType::Float32, &[2])
        .output("y", ElementType::Float32, &[2])
        .node(NodeBuilder::new("Relu", &["x"], &["y"]));
    let model = ModelBuilder::new(graph).opset(999).to_bytes();
    check_refused(&Loader::new(&model), &["opset", "999"]);
}

#[test]
fn values_that_requests_cannot_carry_are_named() {
    for element in [ElementType::Float8E4M3Fn, ElementType::Int4, ElementType::Complex64] {
        let name = element.to_string();
        check_refused(&Loader::new(&identity(element, &[2])), &["input 'INPUT0'", &name]);
    }
    let numbers = || tensor_type(ElementType::Float32, &[-1]);
    let map = ValueType::Map(ElementType::Int64, tensor_type(ElementType::Float32, &[]).into());
    for (value_type, part) in [
        (ValueType::Sequence(numbers().into()), "is a sequence of float32"),
        (ValueType::Optional(numbers().into()), "is a optional float32"),
        (ValueType::Sequence(map.into()), "without ZipMap"),
    ] {
        let graph = GraphBuilder::new()
            .typed_input(&value("x", value_type.clone()))
            .typed_output(&value("y", value_type))
            .node(NodeBuilder::new("Identity", &["x"], &["y"]));
        let loader = Loader::new(&ModelBuilder::new(graph).to_bytes());
        check_refused(&loader, &["input 'x'", part]);
    }
}

#[test]
fn a_shape_that_the_model_leaves_open_comes_from_the_configuration() {
    let open = ValueType::Tensor(TensorType { element: ElementType::Float32, dims: None });
    let graph = GraphBuilder::new()
        .input("x", ElementType::Float32, &[-1, 4])
        .input("shape", ElementType::Int64, &[-1])
        .typed_output(&value("y", open))
        .node(NodeBuilder::new("Reshape", &["x", "shape"], &["y"]));
    let mut loader = Loader::new(&ModelBuilder::new(graph).to_bytes());
    check_refused(&loader, &["output 'y'", "give its dims"]);
    let output = ModelOutput { name: "y".to_owned(), dims: vec![2, -1], ..ModelOutput::default() };
    loader.config.output.push(output);
    assert_eq!(loader.factory().signature().outputs[0].dims, [2, -1]);
    loader.config.max_batch_size = 8;
    assert_eq!(loader.factory().signature().outputs[0].dims, [-1, 2, -1]);
}

fn set(config: &mut ModelConfig, key: &str, value: &str) {
    let parameter = ModelParameter { string_value: value.to_owned() };
    config.parameters.insert(key.to_owned(), parameter);
}

#[test]
fn the_configuration_reaches_the_session() {
    let mut loader = Loader::new(&identity(ElementType::Float32, &[-1]));
    set(&mut loader.config, "intra_op_thread_count", "3");
    set(&mut loader.config, "execution_mode", "1");
    set(&mut loader.config, "inter_op_thread_count", "2");
    set(&mut loader.config, "enable_mem_arena", "0");
    set(&mut loader.config, "enable_mem_pattern", "0");
    set(&mut loader.config, "memory.enable_memory_arena_shrinkage", "cpu:0");
    set(&mut loader.config, "session.set_denormal_as_zero", "1");
    let graph = Some(Graph { level: 2 });
    loader.config.optimization =
        Some(ModelOptimizationPolicy { graph, ..ModelOptimizationPolicy::default() });
    let factory = loader.factory();
    let description = factory.description();
    assert!(description.ends_with("on CPU, 3 threads per run"), "{description}");
    let input = floats([2], &[1.0, 2.0]);
    // Without an arena there is nothing to shrink, which the library says.
    set(&mut loader.config, "enable_mem_arena", "1");
    let factory = loader.factory();
    let mut executor = factory.executor(0).unwrap();
    assert_eq!(run(&mut *executor, &[Input::new(0, &input)], &[0]).unwrap(), [input]);
}

fn accelerated(kind: Kind, gpu: &[&str], cpu: &[&str]) -> ModelConfig {
    let list = |names: &[&str]| {
        let accelerator =
            |name: &&str| Accelerator { name: (*name).to_owned(), ..Accelerator::default() };
        names.iter().map(accelerator).collect()
    };
    let execution_accelerators = Some(ExecutionAccelerators {
        gpu_execution_accelerator: list(gpu),
        cpu_execution_accelerator: list(cpu),
    });
    let group = ModelInstanceGroup { kind: kind as i32, count: 1, ..ModelInstanceGroup::default() };
    ModelConfig {
        optimization: Some(ModelOptimizationPolicy {
            execution_accelerators,
            ..ModelOptimizationPolicy::default()
        }),
        instance_group: vec![group],
        ..ModelConfig::default()
    }
}

/// The library that is installed for tests has no accelerators.
#[test]
fn a_missing_accelerator_falls_back_or_is_refused() {
    let mut loader = Loader::new(&identity(ElementType::Float32, &[-1]));
    loader.config = accelerated(Kind::Cpu, &[], &["openvino"]);
    let description = loader.factory().description();
    assert!(description.contains("without OpenVINOExecutionProvider"), "{description}");

    loader.config = accelerated(Kind::Gpu, &["tensorrt"], &[]);
    let description = loader.factory().description();
    assert!(description.contains("without TensorrtExecutionProvider"), "{description}");
    assert!(description.contains("without CUDAExecutionProvider"), "{description}");
    let input = floats([1], &[1.0]);
    let mut executor = loader.factory().executor(0).unwrap();
    assert_eq!(run(&mut *executor, &[Input::new(0, &input)], &[0]).unwrap(), [input]);

    set(&mut loader.config, "hone_missing_accelerator", "refuse");
    check_refused(&loader, &["TensorrtExecutionProvider", "onnxruntime-gpu"]);
    assert!(matches!(loader.load(), Err(LoadError::Config(_))));

    loader.config = accelerated(Kind::Auto, &[], &[]);
    let description = loader.factory().description();
    assert!(description.ends_with("on CPU, 1 thread per run"), "{description}");
    loader.config = accelerated(Kind::Cpu, &[], &["abacus"]);
    check_refused(&loader, &["cpu_execution_accelerator names 'abacus'", "openvino"]);
}

#[test]
fn an_unloaded_model_gives_its_memory_back() {
    const WEIGHT_MB: u64 = 64;
    const ROWS: u16 = 16 << 10;
    let rows = i64::from(ROWS);
    let weights = vec![0x3c; usize::from(ROWS) * 1024 * 4];
    let graph = GraphBuilder::new()
        .input("x", ElementType::Float32, &[-1, rows])
        .output("y", ElementType::Float32, &[-1, 1024])
        .initializer("w", ElementType::Float32, &[rows, 1024], &weights)
        .node(NodeBuilder::new("MatMul", &["x", "w"], &["y"]));
    let loader = Loader::new(&ModelBuilder::new(graph).to_bytes());
    drop(weights);
    let input = floats([1, usize::from(ROWS)], &[0.0; ROWS as usize]);
    let mut after = Vec::new();
    for _ in 0..3 {
        let factory = loader.factory();
        let mut executor = factory.executor(0).unwrap();
        let outputs = run(&mut *executor, &[Input::new(0, &input)], &[0]).unwrap();
        assert!(resident_mb() > WEIGHT_MB);
        drop((outputs, executor, factory));
        engines::release_memory();
        after.push(resident_mb());
    }
    assert!(after.iter().all(|mb| *mb < WEIGHT_MB), "{after:?} MB after unloads");
    assert!(after[2] < after[0] + 8, "{after:?} MB after unloads");
}

fn resident_mb() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096 / 1_000_000
}
