use crate::{
    ElementType, Model, Summary,
    build::{GraphBuilder, ModelBuilder, NodeBuilder},
};

#[test]
fn a_page_of_text() {
    let graph = GraphBuilder::new()
        .input("pixels", ElementType::Float32, &[-1, 784])
        .output("digit", ElementType::Float32, &[-1, 10])
        .initializer("w", ElementType::Float32, &[784, 10], &[0; 31360])
        .initializer("b", ElementType::Float32, &[10], &[0; 40])
        .initializer("axes", ElementType::Int64, &[1], &[0; 8])
        .node(NodeBuilder::new("MatMul", &["pixels", "w"], &["m"]))
        .node(NodeBuilder::new("Add", &["m", "b"], &["s"]))
        .node(NodeBuilder::new("Add", &["s", "b"], &["digit"]));
    let bytes = ModelBuilder::new(graph).metadata("note", "one\ntwo").to_bytes();
    let model = Model::from_bytes(&bytes).unwrap();
    let expected = "\
ONNX, 31.6 KB in the file, by hone\n\
format version 9, operator sets: ai.onnx 17\n\
\n\
inputs\n  pixels  float32 [batch, 784]\n\
\n\
outputs\n  digit  float32 [batch, 10]\n\
\n\
operators: 3 nodes of 2 kinds\n       2  Add\n       1  MatMul\n\
\n\
parameters: 7.9 K, 31.4 KB\n  float32             7.9 K in 2 tensors, 31.4 KB\n  int64                   1 in 1 tensor, 8 B\n\
\n\
metadata\n  note: one\\ntwo\n";
    assert_eq!(Summary::new(&model).to_string(), expected);
}
