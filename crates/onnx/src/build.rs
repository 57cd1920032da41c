//! Writes small models: for tests, benches and examples, where a known graph of a few nodes is
//! wanted without a Python environment.

mod message;

pub use message::Message;

use crate::{Dim, ElementType, ValueInfo, ValueType};

/// Version of ONNX's own operators that a [`ModelBuilder`] declares.
pub const OPSET: i64 = 17;
const IR_VERSION: u64 = 9;

/// A model in the making. Names are not checked; whoever loads the model does.
#[derive(Clone, Debug)]
pub struct ModelBuilder {
    graph: GraphBuilder,
    opset: i64,
    metadata: Vec<(String, String)>,
}

/// A graph in the making: a model's, or the value of an attribute such as `then_branch`.
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    nodes: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    initializers: Vec<Message>,
}

/// A node in the making.
#[derive(Clone, Debug)]
pub struct NodeBuilder(Message);

impl Default for ModelBuilder {
    fn default() -> Self {
        Self { graph: GraphBuilder::default(), opset: OPSET, metadata: Vec::new() }
    }
}

impl ModelBuilder {
    /// A model of a graph.
    #[must_use]
    pub fn new(graph: GraphBuilder) -> Self {
        Self { graph, ..Self::default() }
    }

    /// Declares another version of ONNX's own operators.
    #[must_use]
    pub fn opset(mut self, version: i64) -> Self {
        self.opset = version;
        self
    }

    /// Adds a key and a value.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The file's content.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let opset = Message::new().string(1, "").int(2, self.opset);
        let mut model = Message::new()
            .varint(1, IR_VERSION)
            .string(2, "hone")
            .message(7, &self.graph.message())
            .message(8, &opset);
        for (key, value) in &self.metadata {
            model = model.message(14, &Message::new().string(1, key).string(2, value));
        }
        model.into_bytes()
    }
}

impl GraphBuilder {
    /// An empty graph.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an input. Dimensions are as [`tensor_type`] takes them.
    #[must_use]
    pub fn input(mut self, name: &str, element: ElementType, dims: &[i64]) -> Self {
        self.inputs.push(value_info(name, &tensor_type(element, dims)));
        self
    }

    /// Adds an output.
    #[must_use]
    pub fn output(mut self, name: &str, element: ElementType, dims: &[i64]) -> Self {
        self.outputs.push(value_info(name, &tensor_type(element, dims)));
        self
    }

    /// Adds an input of any type.
    #[must_use]
    pub fn typed_input(mut self, value: &ValueInfo) -> Self {
        self.inputs.push(value_info(&value.name, &value.value_type));
        self
    }

    /// Adds an output of any type.
    #[must_use]
    pub fn typed_output(mut self, value: &ValueInfo) -> Self {
        self.outputs.push(value_info(&value.name, &value.value_type));
        self
    }

    /// Adds a constant; `raw` are its elements, little-endian.
    #[must_use]
    pub fn initializer(
        mut self,
        name: &str,
        element: ElementType,
        dims: &[i64],
        raw: &[u8],
    ) -> Self {
        self.initializers.push(tensor(name, element, dims).bytes(9, raw));
        self
    }

    /// Adds a constant whose data is in the file `location` beside the model.
    #[must_use]
    pub fn external_initializer(
        mut self,
        name: &str,
        element: ElementType,
        dims: &[i64],
        location: &str,
    ) -> Self {
        let entry = Message::new().string(1, "location").string(2, location);
        self.initializers.push(tensor(name, element, dims).message(13, &entry).varint(14, 1));
        self
    }

    /// Adds a node.
    #[must_use]
    pub fn node(mut self, node: NodeBuilder) -> Self {
        self.nodes.push(node.0);
        self
    }

    fn message(&self) -> Message {
        let mut graph = Message::new().string(2, "graph");
        let parts =
            [(1, &self.nodes), (5, &self.initializers), (11, &self.inputs), (12, &self.outputs)];
        for (number, messages) in parts {
            for message in messages {
                graph = graph.message(number, message);
            }
        }
        graph
    }
}

impl NodeBuilder {
    /// A node that reads and writes values by their names.
    #[must_use]
    pub fn new(operator: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        let mut node = Message::new();
        for input in inputs {
            node = node.string(1, input);
        }
        for output in outputs {
            node = node.string(2, output);
        }
        Self(node.string(3, operator).string(4, operator))
    }

    /// Sets an attribute to a number.
    #[must_use]
    pub fn int(self, name: &str, value: i64) -> Self {
        self.attribute(&Message::new().string(1, name).int(3, value).varint(20, 2))
    }

    /// Sets an attribute to a list of numbers.
    #[must_use]
    pub fn ints(self, name: &str, values: &[i64]) -> Self {
        let attribute =
            values.iter().fold(Message::new().string(1, name), |list, value| list.int(8, *value));
        self.attribute(&attribute.varint(20, 7))
    }

    /// Sets an attribute to a graph.
    #[must_use]
    pub fn graph(self, name: &str, graph: &GraphBuilder) -> Self {
        self.attribute(&Message::new().string(1, name).message(6, &graph.message()).varint(20, 5))
    }

    fn attribute(self, attribute: &Message) -> Self {
        Self(self.0.message(5, attribute))
    }
}

/// A tensor's type. A negative dimension may have any size; the outermost is called `batch`, so
/// that it is the same for all values.
#[must_use]
pub fn tensor_type(element: ElementType, dims: &[i64]) -> ValueType {
    let dim = |(index, size): (usize, &i64)| match size {
        0.. => Dim::Fixed(*size),
        _ if index == 0 => Dim::Symbol("batch".to_owned()),
        _ => Dim::Unknown,
    };
    let dims = Some(dims.iter().enumerate().map(dim).collect());
    ValueType::Tensor(crate::TensorType { element, dims })
}

/// A model that answers its only input `INPUT0` as `OUTPUT0`.
#[must_use]
pub fn identity(element: ElementType, dims: &[i64]) -> Vec<u8> {
    let graph = GraphBuilder::new()
        .input("INPUT0", element, dims)
        .output("OUTPUT0", element, dims)
        .node(NodeBuilder::new("Identity", &["INPUT0"], &["OUTPUT0"]));
    ModelBuilder::new(graph).to_bytes()
}

/// A model whose `OUTPUT0` is the sum and `OUTPUT1` the difference of `INPUT0` and `INPUT1`.
#[must_use]
pub fn add_sub(element: ElementType, dims: &[i64]) -> Vec<u8> {
    let inputs = ["INPUT0", "INPUT1"];
    let graph = GraphBuilder::new()
        .input(inputs[0], element, dims)
        .input(inputs[1], element, dims)
        .output("OUTPUT0", element, dims)
        .output("OUTPUT1", element, dims)
        .node(NodeBuilder::new("Add", &inputs, &["OUTPUT0"]))
        .node(NodeBuilder::new("Sub", &inputs, &["OUTPUT1"]));
    ModelBuilder::new(graph).to_bytes()
}

/// A model that looks `INDICES` (int64 `[batch]`) up in a table of `rows` floats, 0, 1, 2 and so
/// on, and fails where an index is outside of it.
#[must_use]
pub fn lookup(rows: u16) -> Vec<u8> {
    let table: Vec<u8> = (0..rows).flat_map(|row| f32::from(row).to_le_bytes()).collect();
    let graph = GraphBuilder::new()
        .input("INDICES", ElementType::Int64, &[-1])
        .output("VALUES", ElementType::Float32, &[-1])
        .initializer("TABLE", ElementType::Float32, &[i64::from(rows)], &table)
        .node(NodeBuilder::new("Gather", &["TABLE", "INDICES"], &["VALUES"]));
    ModelBuilder::new(graph).to_bytes()
}

fn tensor(name: &str, element: ElementType, dims: &[i64]) -> Message {
    let with_dims = dims.iter().fold(Message::new(), |tensor, dim| tensor.int(1, *dim));
    with_dims.int(2, element.code().into()).string(8, name)
}

fn value_info(name: &str, value_type: &ValueType) -> Message {
    Message::new().string(1, name).message(2, &type_message(value_type))
}

fn type_message(value_type: &ValueType) -> Message {
    let one = |of: &ValueType| Message::new().message(1, &type_message(of));
    let message = Message::new();
    match value_type {
        ValueType::Unknown => message,
        ValueType::Tensor(tensor) => message.message(1, &tensor_message(tensor)),
        ValueType::SparseTensor(tensor) => message.message(8, &tensor_message(tensor)),
        ValueType::Sequence(of) => message.message(4, &one(of)),
        ValueType::Optional(of) => message.message(9, &one(of)),
        ValueType::Map(key, value) => {
            let map = Message::new().int(1, key.code().into()).message(2, &type_message(value));
            message.message(5, &map)
        }
    }
}

fn tensor_message(tensor: &crate::TensorType) -> Message {
    let message = Message::new().int(1, tensor.element.code().into());
    let Some(dims) = &tensor.dims else {
        return message;
    };
    let shape = dims.iter().fold(Message::new(), |shape, dim| {
        let dim = match dim {
            Dim::Fixed(size) => Message::new().int(1, *size),
            Dim::Symbol(name) => Message::new().string(2, name),
            Dim::Unknown => Message::new(),
        };
        shape.message(1, &dim)
    });
    message.message(2, &shape)
}
