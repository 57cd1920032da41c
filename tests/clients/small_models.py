"""Models of a few nodes that make one property of a server visible each."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8

ELEMENT_TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def value(name, element, dims):
    return helper.make_tensor_value_info(name, ELEMENT_TYPES[element], dims)


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def write(folder, version, nodes, inputs, outputs, initializers=(), config=None):
    """Writes `folder/version/model.onnx` and, if there is one, the configuration."""
    graph = helper.make_graph(nodes, folder.name, inputs, outputs, list(initializers))
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    path = folder / str(version)
    path.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path / "model.onnx")
    if config is not None:
        (folder / "config.pbtxt").write_text(config)


def identity(folder, element, dims=("batch", "width"), config=None, version=1):
    """OUT = IN."""
    node = helper.make_node("Identity", ["IN"], ["OUT"])
    ends = [value("IN", element, dims)], [value("OUT", element, dims)]
    write(folder, version, [node], *ends, config=config)


def add(folder, version, amount, config=None):
    """OUT = IN + amount."""
    node = helper.make_node("Add", ["IN", "amount"], ["OUT"])
    ends = [value("IN", "FP32", ["batch", 4])], [value("OUT", "FP32", ["batch", 4])]
    write(folder, version, [node], *ends, [constant("amount", np.float32(amount))], config)


def two_inputs(folder):
    """SUM = A + B, DIFFERENCE = A - B; both FP32 [batch, 3]."""
    nodes = [
        helper.make_node("Add", ["A", "B"], ["SUM"]),
        helper.make_node("Sub", ["A", "B"], ["DIFFERENCE"]),
    ]
    dims = ["batch", 3]
    inputs = [value("A", "FP32", dims), value("B", "FP32", dims)]
    write(folder, 1, nodes, inputs, [value("SUM", "FP32", dims), value("DIFFERENCE", "FP32", dims)])


def scores(folder, labels):
    """SCORES = IN, FP32 [batch, len(labels)], with a label file."""
    count = len(labels)
    config = (
        "max_batch_size: 8\n"
        f'input [ {{ name: "IN" data_type: TYPE_FP32 dims: [ {count} ] }} ]\n'
        f'output [ {{ name: "SCORES" data_type: TYPE_FP32 dims: [ {count} ]'
        ' label_filename: "labels.txt" } ]\n'
    )
    node = helper.make_node("Identity", ["IN"], ["SCORES"])
    dims = ["batch", count]
    write(
        folder, 1, [node], [value("IN", "FP32", dims)], [value("SCORES", "FP32", dims)], (), config
    )
    (folder / "labels.txt").write_text("\n".join(labels) + "\n")


def lookup(folder, rows, config):
    """OUT = table[IN], INT64 [batch, 1]: an index outside of the table makes the model fail."""
    node = helper.make_node("Gather", ["table", "IN"], ["OUT"], axis=0)
    table = constant("table", np.arange(rows, dtype=np.int64) * 10)
    ends = [value("IN", "INT64", ["batch", 1])], [value("OUT", "INT64", ["batch", 1])]
    write(folder, 1, [node], *ends, [table], config)


def slow(folder, config):
    """OUT = IN, INT64 [batch, 1], after as many rounds of arithmetic as its largest value."""
    body_inputs = [
        value("round", "INT64", []),
        value("go", "BOOL", []),
        value("state", "FP32", [SLOW_WIDTH, SLOW_WIDTH]),
    ]
    body_outputs = [value("go_on", "BOOL", []), value("next", "FP32", [SLOW_WIDTH, SLOW_WIDTH])]
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("MatMul", ["state", "weights"], ["next"]),
        ],
        "round",
        body_inputs,
        body_outputs,
    )
    nodes = [
        helper.make_node("ReduceMax", ["IN"], ["rounds"], keepdims=0),
        helper.make_node("Loop", ["rounds", "", "weights"], ["end"], body=body),
        helper.make_node("ReduceMax", ["end"], ["peak"], keepdims=0),
        helper.make_node("Cast", ["peak"], ["peak_integer"], to=TensorProto.INT64),
        helper.make_node("Mul", ["peak_integer", "zero"], ["nothing"]),
        helper.make_node("Add", ["IN", "nothing"], ["OUT"]),
    ]
    weights = np.eye(SLOW_WIDTH, dtype=np.float32)
    constants = [constant("weights", weights), constant("zero", np.int64(0))]
    ends = [value("IN", "INT64", ["batch", 1])], [value("OUT", "INT64", ["batch", 1])]
    write(folder, 1, nodes, *ends, constants, config)


# One round multiplies two matrices of this width: a fraction of a millisecond.
SLOW_WIDTH = 192


def cubic(folder):
    """OUT = largest of (IN' IN)^2, FP32 [rows, n] -> [1]: work grows with the cube of n."""
    nodes = [
        helper.make_node("Transpose", ["IN"], ["flipped"], perm=[1, 0]),
        helper.make_node("MatMul", ["flipped", "IN"], ["square"]),
        helper.make_node("MatMul", ["square", "square"], ["power"]),
        helper.make_node("ReduceMax", ["power"], ["peak"], keepdims=0),
        helper.make_node("Reshape", ["peak", "one"], ["OUT"]),
    ]
    constants = [constant("one", np.array([1], np.int64))]
    ends = [value("IN", "FP32", ["rows", "n"])], [value("OUT", "FP32", [1])]
    write(folder, 1, nodes, *ends, constants)


def fixed_shape(folder):
    """OUT = -IN, FP32 [2, 3]: a model without a batch dimension."""
    node = helper.make_node("Neg", ["IN"], ["OUT"])
    write(folder, 1, [node], [value("IN", "FP32", [2, 3])], [value("OUT", "FP32", [2, 3])])


def scalar(folder):
    """OUT = -IN, FP32 without dimensions."""
    node = helper.make_node("Neg", ["IN"], ["OUT"])
    write(folder, 1, [node], [value("IN", "FP32", [])], [value("OUT", "FP32", [])])


def write_all(repository):
    """Every model that the shared server of the tests serves."""
    for element in ELEMENT_TYPES:
        identity(repository / f"identity_{element.lower()}", element)
    two_inputs(repository / "two_inputs")
    scores(repository / "scores", ["cat", "dog", "fish", "bird"])
    fixed_shape(repository / "fixed_shape")
    scalar(repository / "scalar")
    lookup(
        repository / "lookup",
        rows=100,
        config="max_batch_size: 8\n"
        "instance_group [ { count: 1 kind: KIND_CPU } ]\n"
        "dynamic_batching { max_queue_delay_microseconds: 100000 preferred_batch_size: [ 8 ] }\n",
    )
    versions = repository / "versions"
    for version in (1, 2, 10):
        add(versions, version, version, config="version_policy { all { } }\n")
