use std::{thread, time::Duration};

use bytes::{Bytes, BytesMut};
use onnx::{
    ElementType,
    build::{GraphBuilder, ModelBuilder, NodeBuilder, add_sub, identity, lookup},
};
use protocol::model_config::ModelInput;
use serving::ExecuteError;
use tensor::{DataType, Shape, Tensor, push_string};

use crate::harness::{Input, Loader, floats, longs, run};

fn element_type(data_type: DataType) -> ElementType {
    match data_type {
        DataType::Bool => ElementType::Bool,
        DataType::Uint8 => ElementType::Uint8,
        DataType::Uint16 => ElementType::Uint16,
        DataType::Uint32 => ElementType::Uint32,
        DataType::Uint64 => ElementType::Uint64,
        DataType::Int8 => ElementType::Int8,
        DataType::Int16 => ElementType::Int16,
        DataType::Int32 => ElementType::Int32,
        DataType::Int64 => ElementType::Int64,
        DataType::Fp16 => ElementType::Float16,
        DataType::Bf16 => ElementType::Bfloat16,
        DataType::Fp32 => ElementType::Float32,
        DataType::Fp64 => ElementType::Float64,
        DataType::Bytes => ElementType::String,
    }
}

/// Elements that are all different, as far as the type allows.
fn sample(data_type: DataType, shape: &Shape) -> Tensor {
    let mut data = Vec::new();
    for index in 0..shape.elements() {
        match (data_type, data_type.size()) {
            (DataType::Bool, _) => data.push(u8::from(index % 2 == 0)),
            (_, Some(size)) => data.extend((0..size).map(|byte| (index + byte).to_le_bytes()[0])),
            (_, None) => push_string(&mut data, &[0xff, 0, b'a'].repeat(index)),
        }
    }
    Tensor::new(data_type, shape.clone(), data.into()).unwrap()
}

#[track_caller]
fn check_identity(data_type: DataType, declared: &[i64], shape: impl Into<Shape>) {
    let factory = Loader::new(&identity(element_type(data_type), declared)).factory();
    let signature = factory.signature();
    assert_eq!(signature.inputs[0].data_type, data_type);
    assert_eq!(signature.inputs[0].dims, declared);
    assert_eq!(signature.outputs[0].dims, declared);
    let input = sample(data_type, &shape.into());
    let mut executor = factory.executor(0).unwrap();
    let outputs = run(&mut *executor, &[Input::new(0, &input)], &[0]).unwrap();
    assert_eq!(outputs, [input], "{data_type}");
}

#[test]
fn every_type_goes_through_unchanged() {
    for data_type in DataType::ALL {
        check_identity(data_type, &[-1, 3], [2, 3]);
        check_identity(data_type, &[2], [2]);
        check_identity(data_type, &[], []);
        check_identity(data_type, &[-1, -1], [0, 4]);
        check_identity(data_type, &[-1, 0], [3, 0]);
    }
}

#[test]
fn outputs_come_in_the_order_asked_for() {
    let factory = Loader::new(&add_sub(ElementType::Float32, &[-1])).factory();
    let mut executor = factory.executor(0).unwrap();
    let inputs =
        [Input::new(0, &floats([2], &[5.0, 7.0])), Input::new(1, &floats([2], &[1.0, 2.0]))];
    let (sum, difference) = (floats([2], &[6.0, 9.0]), floats([2], &[4.0, 5.0]));
    let mut check = |outputs: &[usize], expected: &[&Tensor]| {
        let got = run(&mut *executor, &inputs, outputs).unwrap();
        assert_eq!(got.iter().collect::<Vec<_>>(), expected);
    };
    check(&[0, 1], &[&sum, &difference]);
    check(&[1], &[&difference]);
    check(&[1, 0], &[&difference, &sum]);
}

#[test]
fn parts_of_a_batch_are_laid_together_wherever_they_lie() {
    let factory = Loader::new(&identity(ElementType::Float32, &[-1, 2])).factory();
    let mut executor = factory.executor(0).unwrap();
    // Sizes that grow and shrink, parts that start at odd addresses.
    for rows in [1_usize, 3, 300_000, 2] {
        let whole = sample(DataType::Fp32, &Shape::from([rows, 2]));
        let mut shifted = BytesMut::from(&b"x"[..]);
        shifted.extend_from_slice(whole.data());
        let shifted = shifted.freeze().slice(1..);
        let cut = rows / 2 * 8;
        for parts in [vec![shifted.clone()], vec![shifted.slice(..cut), shifted.slice(cut..)]] {
            let input = Input { parts, ..Input::new(0, &whole) };
            let outputs = run(&mut *executor, &[input], &[0]).unwrap();
            assert_eq!(outputs, std::slice::from_ref(&whole));
        }
    }
}

#[test]
fn strings_of_several_requests_are_laid_together() {
    let factory = Loader::new(&identity(ElementType::String, &[-1])).factory();
    let whole = sample(DataType::Bytes, &Shape::from([5]));
    let parts = vec![whole.rows(0, 2).into_data(), whole.rows(2, 3).into_data()];
    let input = Input { parts, ..Input::new(0, &whole) };
    assert_eq!(run(&mut *factory.executor(0).unwrap(), &[input], &[0]).unwrap(), [whole]);
}

#[test]
fn bytes_that_are_no_booleans_count_as_true() {
    let factory = Loader::new(&identity(ElementType::Bool, &[-1])).factory();
    let input =
        Tensor::new(DataType::Bool, [4].into(), Bytes::from_static(&[0, 1, 2, 255])).unwrap();
    let outputs = run(&mut *factory.executor(0).unwrap(), &[Input::new(0, &input)], &[0]).unwrap();
    assert_eq!(&outputs[0].data()[..], [0, 1, 1, 1]);
}

#[test]
fn a_refused_input_is_the_models_error_and_the_instance_goes_on() {
    let factory = Loader::new(&lookup(4)).factory();
    let mut executor = factory.executor(0).unwrap();
    let mut look = |indices: &[i64]| {
        let input = longs([indices.len()], indices);
        run(&mut *executor, &[Input::new(0, &input)], &[0])
    };
    match look(&[0, 9]) {
        Err(ExecuteError::Model(message)) => {
            assert!(message.contains("idx=9 must be within the inclusive range"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(look(&[3, -4]).unwrap(), [floats([2], &[3.0, 0.0])]);
}

#[test]
fn a_wrong_shape_or_a_missing_input_is_the_models_error() {
    let factory = Loader::new(&add_sub(ElementType::Float32, &[-1, 2])).factory();
    let mut executor = factory.executor(0).unwrap();
    let inputs = |shape: [usize; 2]| {
        let tensor = sample(DataType::Fp32, &shape.into());
        [Input::new(0, &tensor), Input::new(1, &tensor)]
    };
    let wrong = run(&mut *executor, &inputs([1, 3]), &[0]);
    assert!(matches!(wrong, Err(ExecuteError::Model(_))), "{wrong:?}");
    let missing = run(&mut *executor, &inputs([1, 2])[..1], &[0]);
    assert!(matches!(missing, Err(ExecuteError::Model(_))), "{missing:?}");
    run(&mut *executor, &inputs([1, 2]), &[0]).unwrap();
}

/// `y = x + bias`, where `bias` may be given or is 10.
#[test]
fn a_default_is_used_where_an_input_is_left_out() {
    let graph = GraphBuilder::new()
        .input("x", ElementType::Float32, &[-1])
        .input("bias", ElementType::Float32, &[1])
        .initializer("bias", ElementType::Float32, &[1], &10_f32.to_le_bytes())
        .output("y", ElementType::Float32, &[-1])
        .node(NodeBuilder::new("Add", &["x", "bias"], &["y"]));
    let mut loader = Loader::new(&ModelBuilder::new(graph).to_bytes());
    assert_eq!(loader.factory().signature().inputs.len(), 1, "only what must be given");

    let bias = ModelInput { name: "bias".to_owned(), ..ModelInput::default() };
    loader.config.input.push(bias);
    let factory = loader.factory();
    assert!(factory.signature().inputs[1].optional);
    let mut executor = factory.executor(0).unwrap();
    let x = Input::new(0, &floats([1], &[1.0]));
    assert_eq!(run(&mut *executor, &[x], &[0]).unwrap(), [floats([1], &[11.0])]);
    let inputs = [Input::new(0, &floats([1], &[1.0])), Input::new(1, &floats([1], &[2.0]))];
    assert_eq!(run(&mut *executor, &inputs, &[0]).unwrap(), [floats([1], &[3.0])]);
}

/// Outputs that are an input or a constant, without a node between.
#[test]
fn an_output_never_lies_in_a_requests_memory() {
    let graph = GraphBuilder::new()
        .input("x", ElementType::Float32, &[-1])
        .initializer("c", ElementType::Float32, &[1], &8_f32.to_le_bytes())
        .output("x", ElementType::Float32, &[-1])
        .output("c", ElementType::Float32, &[1])
        .output("y", ElementType::Float32, &[-1])
        .node(NodeBuilder::new("Identity", &["x"], &["y"]));
    let factory = Loader::new(&ModelBuilder::new(graph).to_bytes()).factory();
    let x = floats([4], &[1.0, 2.0, 3.0, 4.0]);
    let range = x.data().as_ptr_range();
    let outputs =
        run(&mut *factory.executor(0).unwrap(), &[Input::new(0, &x)], &[0, 1, 2]).unwrap();
    assert_eq!((&outputs[0], &outputs[2]), (&x, &x));
    assert_eq!(outputs[1], floats([1], &[8.0]));
    for output in &outputs {
        assert!(!range.contains(&output.data().as_ptr()));
    }
}

#[test]
fn replies_outlive_the_model() {
    let factory = Loader::new(&add_sub(ElementType::Float32, &[-1])).factory();
    let input = sample(DataType::Fp32, &Shape::from([1 << 16]));
    let inputs = || [Input::new(0, &input), Input::new(1, &input)];
    let outputs = run(&mut *factory.executor(0).unwrap(), &inputs(), &[0, 1]).unwrap();
    let copies: Vec<Vec<u8>> = outputs.iter().map(|output| output.data().to_vec()).collect();
    drop(factory);
    thread::spawn(move || {
        for (output, copy) in outputs.into_iter().zip(copies) {
            let part = output.rows(1 << 15, 1);
            drop(output);
            assert_eq!(part.data()[..], copy[4 << 15..][..4]);
        }
    })
    .join()
    .unwrap();
}

#[test]
fn instances_run_at_the_same_time() {
    let factory = Loader::new(&add_sub(ElementType::Int64, &[-1, 3])).factory();
    thread::scope(|scope| {
        for instance in 0..8 {
            let factory = &factory;
            scope.spawn(move || {
                let mut executor = factory.executor(instance).unwrap();
                for (run_number, rows) in (0..200_i64).zip((1..=5).cycle().skip(instance)) {
                    let values: Vec<i64> = (0..).take(rows * 3).map(|v| v * run_number).collect();
                    let doubled: Vec<i64> = values.iter().map(|v| v * 2).collect();
                    let input = longs([rows, 3], &values);
                    let inputs = [Input::new(0, &input), Input::new(1, &input)];
                    let outputs = run(&mut *executor, &inputs, &[0]).unwrap();
                    assert_eq!(outputs, [longs([rows, 3], &doubled)]);
                }
            });
        }
    });
}

/// A loop that would go on for centuries.
#[test]
fn replacing_an_instance_ends_its_run() {
    let body = GraphBuilder::new()
        .input("i", ElementType::Int64, &[])
        .input("again", ElementType::Bool, &[])
        .input("v", ElementType::Float32, &[1])
        .output("again_out", ElementType::Bool, &[])
        .output("v_out", ElementType::Float32, &[1])
        .node(NodeBuilder::new("Identity", &["again"], &["again_out"]))
        .node(NodeBuilder::new("Sin", &["v"], &["v_out"]));
    let graph = GraphBuilder::new()
        .input("x", ElementType::Float32, &[1])
        .output("y", ElementType::Float32, &[1])
        .initializer("count", ElementType::Int64, &[], &i64::MAX.to_le_bytes())
        .initializer("true", ElementType::Bool, &[], &[1])
        .node(NodeBuilder::new("Loop", &["count", "true", "x"], &["y"]).graph("body", &body));
    let factory = Loader::new(&ModelBuilder::new(graph).to_bytes()).factory();
    let mut hung = factory.executor(0).unwrap();
    let runner = thread::spawn(move || {
        let input = Input::new(0, &floats([1], &[1.0]));
        run(&mut *hung, &[input], &[0])
    });
    #[expect(clippy::disallowed_methods, reason = "gives the run time to start")]
    thread::sleep(Duration::from_millis(100));
    assert!(!runner.is_finished());
    drop(factory.executor(0).unwrap());
    let error = runner.join().unwrap().unwrap_err();
    assert!(matches!(error, ExecuteError::Model(_) | ExecuteError::Broken(_)), "{error}");
}
