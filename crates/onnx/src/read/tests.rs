use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{
    Dim, ElementType, ExternalDataError, Model, Operator, ReadError, TensorType, ValueInfo,
    ValueType,
    build::{self, GraphBuilder, Message, ModelBuilder, NodeBuilder},
};

/// A model with a subgraph, an initializer that is an input too, and metadata.
fn sample() -> Vec<u8> {
    let branch = GraphBuilder::new()
        .initializer("branch_bias", ElementType::Int8, &[2], &[1, 2])
        .output("branch_out", ElementType::Float32, &[-1])
        .node(NodeBuilder::new("Identity", &["x"], &["branch_out"]));
    let graph = GraphBuilder::new()
        .input("x", ElementType::Float32, &[-1, 3, -1])
        .input("scale", ElementType::Float32, &[2])
        .input("flag", ElementType::Bool, &[])
        .output("y", ElementType::Float32, &[-1, 4])
        .initializer("scale", ElementType::Float32, &[2], &[0; 8])
        .node(NodeBuilder::new("Relu", &["x"], &["r"]))
        .node(NodeBuilder::new("Relu", &["r"], &["s"]))
        .node(
            NodeBuilder::new("If", &["flag"], &["y"])
                .graph("then_branch", &branch)
                .graph("else_branch", &branch),
        );
    ModelBuilder::new(graph).metadata("author", "someone").to_bytes()
}

fn tensor(element: ElementType, dims: Vec<Dim>) -> ValueType {
    ValueType::Tensor(TensorType { element, dims: Some(dims) })
}

#[test]
fn reads_what_was_written() {
    let bytes = sample();
    let model = Model::from_bytes(&bytes).unwrap();
    assert_eq!(model.opset(), Some(build::OPSET));
    assert_eq!(model.metadata, [("author".to_owned(), "someone".to_owned())]);
    assert_eq!(model.file_bytes, bytes.len() as u64);

    let dims = vec![Dim::Symbol("batch".to_owned()), Dim::Fixed(3), Dim::Unknown];
    let x = ValueInfo { name: "x".to_owned(), value_type: tensor(ElementType::Float32, dims) };
    let flag =
        ValueInfo { name: "flag".to_owned(), value_type: tensor(ElementType::Bool, Vec::new()) };
    assert_eq!(model.graph.inputs, [x, flag]);
    assert_eq!(model.graph.defaulted_inputs[0].name, "scale");
    assert_eq!(model.graph.outputs.len(), 1, "a branch's outputs are its own");

    let operator = |name: &str| Operator { domain: String::new(), name: name.to_owned() };
    let expected = [(operator("Identity"), 2), (operator("If"), 1), (operator("Relu"), 2)];
    assert_eq!(model.operators, BTreeMap::from(expected));
    let sizes: Vec<_> =
        model.graph.initializers.iter().map(crate::Initializer::data_bytes).collect();
    assert_eq!(sizes, [Some(2), Some(2), Some(8)]);
}

#[test]
fn a_cut_file_is_refused_wherever_the_cut_is() {
    let bytes = sample();
    for len in 0..bytes.len() {
        match Model::from_bytes(&bytes[..len]) {
            // A cut between two fields of the outermost message leaves a smaller valid one.
            Ok(model) => assert!(!model.graph.outputs.is_empty(), "cut at {len}"),
            Err(ReadError::Truncated { offset, .. }) => assert!(offset <= len as u64),
            Err(ReadError::NoGraph) => {}
            Err(other) => panic!("cut at {len}: {other}"),
        }
    }
}

#[test]
fn every_kind_of_type_is_read() {
    let int64 = || tensor(ElementType::Int64, vec![]);
    let any_shape = TensorType { element: ElementType::Float16, dims: None };
    let types = [
        ValueType::Unknown,
        ValueType::Tensor(any_shape.clone()),
        ValueType::SparseTensor(any_shape),
        ValueType::Sequence(int64().into()),
        ValueType::Optional(ValueType::Sequence(int64().into()).into()),
        ValueType::Sequence(ValueType::Map(ElementType::String, int64().into()).into()),
    ];
    for value_type in types {
        let value = ValueInfo { name: "v".to_owned(), value_type };
        let graph = GraphBuilder::new().typed_input(&value).typed_output(&value);
        let model = Model::from_bytes(&ModelBuilder::new(graph).to_bytes()).unwrap();
        assert_eq!(model.graph.inputs, model.graph.outputs);
        assert_eq!(model.graph.outputs, [value]);
    }
}

#[track_caller]
fn check_error(bytes: &[u8], expected: &str) {
    let error = Model::from_bytes(bytes).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn what_is_no_model_is_said_to_be_none() {
    check_error(b"", "it has no graph");
    check_error(b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull");
    check_error(b"<!DOCTYPE html>", "impossible kind of field at byte 0");
    check_error(&[0x08, 0xff], "truncated at byte 1");
    check_error(&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "64 bits");
    check_error(&[0x38, 1], "no message where a message belongs at byte 0");
}

#[test]
fn nesting_is_limited() {
    let nested = |levels: usize| {
        let wrap = |inner: Message, _| {
            Message::new()
                .message(1, &Message::new().message(5, &Message::new().message(6, &inner)))
        };
        let graph = (0..levels).fold(Message::new(), wrap);
        Message::new().message(7, &graph).into_bytes()
    };
    assert!(Model::from_bytes(&nested(33)).is_ok());
    check_error(&nested(34), "deeper nesting");
    check_error(&nested(10_000), "deeper nesting");
}

#[test]
fn lengths_and_lists_are_limited() {
    let graph = |graph: Message| Message::new().message(7, &graph).into_bytes();
    let long = "n".repeat((64 << 10) + 1);
    check_error(&graph(Message::new().string(2, &long)), "a longer name");
    let dims = (0..65).fold(Message::new(), |tensor, _| tensor.varint(1, 1));
    check_error(&graph(Message::new().message(5, &dims)), "more dimensions");
    let packed = Message::new().bytes(1, &[1; 65]);
    check_error(&graph(Message::new().message(5, &packed)), "more dimensions");
    let inputs = (0..(1 << 16) + 1).fold(Message::new(), |graph, _| graph.string(11, ""));
    check_error(&graph(inputs), "more inputs");
    // A length far above the file's size must not be believed.
    check_error(&[0x12, 0xff, 0xff, 0xff, 0xff, 0x7f], "needs 34359738367 bytes and 0 are left");
}

#[test]
fn external_data_is_looked_for_inside_of_the_folder_only() {
    let folder = tempfile::tempdir().unwrap();
    let check = |location: &str| {
        let graph =
            GraphBuilder::new().external_initializer("w", ElementType::Float32, &[4], location);
        let model = Model::from_bytes(&ModelBuilder::new(graph).to_bytes()).unwrap();
        assert_eq!(model.external_files().into_iter().collect::<Vec<_>>(), [location]);
        model.check_external_data(folder.path())
    };
    for location in ["", "../weights", "a/../../weights", "/etc/passwd"] {
        assert!(matches!(check(location), Err(ExternalDataError::Escapes { .. })), "{location}");
    }
    assert!(matches!(check("weights"), Err(ExternalDataError::Missing { .. })));
    std::fs::write(folder.path().join("weights"), [0; 15]).unwrap();
    assert!(matches!(check("weights"), Err(ExternalDataError::Short { size: 15, .. })));
    std::fs::write(folder.path().join("weights"), [0; 16]).unwrap();
    check("weights").unwrap();
    check("./weights").unwrap();
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Model::from_bytes(&bytes);
    }

    #[test]
    fn a_damaged_model_is_answered(at in 0..sample().len(), byte: u8, more in 0..sample().len(), other: u8) {
        let mut bytes = sample();
        bytes[at] = byte;
        bytes[more] = other;
        let _ = Model::from_bytes(&bytes);
    }
}
